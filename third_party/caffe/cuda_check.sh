#!/usr/bin/env bash
# Compiles and links the CUDA build, for one architecture unless CUDA_ARCH names more, says what came out and prints where it lies.
# It needs nvcc and no GPU; nothing is installed, and the CPU build is left alone.
. "$(dirname "$0")/common.sh"

started=$SECONDS
build=$(CUDA_ARCH=${CUDA_ARCH:-90} "$here/build.sh" cuda)
export LD_LIBRARY_PATH=$build/nvidia/lib64
"$build/install/bin/caffe" --version >/dev/null || die "$build/install/bin/caffe was built but does not start"
(cd "$build/install/python" && GLOG_minloglevel=3 "$venv/bin/python" -c 'import caffe; assert caffe.has_nccl() in (True, False)') ||
  die "the module in $build/install/python was built but cannot be imported"
size=$(stat -Lc %s "$build/install/lib/libcaffe.so" | numfmt --to=si --suffix=B)
say "compiled and linked in $((SECONDS - started)) s (0: it was in the cache); libcaffe.so $size; not run on a GPU"
echo "$build"
