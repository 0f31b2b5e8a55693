#!/usr/bin/env bash
# Builds Caffe where the cache has none, and installs it into the project's virtual environment:
# the programs and the module, each behind caffe_select.py, which chooses the build at run time.
# Usage: install.sh [cpu|cuda]
. "$(dirname "$0")/common.sh"
variant=${1:-cpu}

build=$("$here/build.sh" "$variant")
if [ "$variant" = cuda ]; then
  . "$here/nvidia.sh"
  toolkit=$(cuda_toolkit)
fi
lock_venv
target=$venv/lib/caffe/$variant
# Python is patched here and not in the build: a mended script must not cost a compilation
shopt -s nullglob
patches=("$here"/patches_python/*.patch)
mark="$build $(cat /dev/null "${patches[@]}" | sha256sum | cut -c1-16)"
if [ "$(cat "$target/.build" 2>/dev/null)" != "$mark" ]; then
  rm -rf "$venv/lib/caffe/.$variant.new"* # of a make that was killed
  new=$venv/lib/caffe/.$variant.new.$$
  room "$new" 100
  cp -a "$build/install/bin" "$build/install/lib" "$build/install/python" "$new/"
  rm -f "$new"/lib/*.a
  # parse_log.py and its like, which Caffe's own install leaves out
  mkdir "$new/tools" && cp -a "$build/source/tools/extra" "$new/tools/"
  for patch in "${patches[@]}"; do
    patch -s -d "$new" -p1 --no-backup-if-mismatch <"$patch" >/dev/null || die "${patch##*/} does not fit $build. Remove that folder and run again."
  done
  [ "$variant" != cuda ] || link_libraries "$new/lib"
  rm -rf "$target" && mv "$new" "$target"
fi

"$here/launchers.sh" "$venv" "$target/bin"

# the mark of a whole install comes last: without it the next make copies the build again
(cd / && CAFFE_BUILD=$variant "$venv/bin/python" -c 'import caffe; assert caffe.Net') || {
  rm -f "$target/.build"
  die "the installed module cannot be imported"
}
echo "$mark" >"$target/.build"
say "installed: $("$venv/bin/python" -c 'import caffe_select; print(caffe_select.describe())')"
