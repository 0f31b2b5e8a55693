#!/bin/sh
# On the machine with the GPU: unpacks the bundle this file lies in, once, and measures.
# Usage: gpu_session.sh [step ...]     steps and options: gpu_session.sh --help
#   PYTHON=python3     a Python with NumPy, OpenCV, scikit-learn, scikit-image, matplotlib, tqdm
#   WORK=folder        where to unpack (default: ./deeppap_gpu)
set -eu
bundle=$(cd "$(dirname "$0")" && pwd)
work=${WORK:-$PWD/deeppap_gpu}
python=${PYTHON:-python3}

if [ ! -f "$work/.unpacked" ]; then
  mkdir -p "$work"
  cd "$work"
  tar -xJf "$bundle/project.tar.xz"
  "$python" -m venv --without-pip .venv
  site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  # the packages that this Python already has come after those of the bundle
  "$python" -c 'import sys; print(*[p for p in sys.path if p.endswith("-packages")], sep="\n")' >"$site/system.pth"
  for wheel in "$bundle"/*.whl; do [ ! -f "$wheel" ] || "$python" -m zipfile -e "$wheel" "$site"; done
  cp third_party/caffe/caffe_select.py "$site/"
  echo 'import caffe_select; caffe_select.install()' >"$site/caffe_select.pth"
  if [ -f "$bundle/caffe.tar.xz" ]; then
    mkdir -p .venv/lib/caffe
    tar -xJf "$bundle/caffe.tar.xz" -C .venv/lib/caffe
    mv .venv/lib/caffe/caffe .venv/lib/caffe/cuda
    # NVIDIA's libraries are this machine's own: of its Python packages, else of its toolkit
    for folder in /usr/local/cuda/lib64 $("$python" -c 'import glob, sys; print(*[g for p in sys.path for g in glob.glob(p + "/nvidia/*/lib")])'); do
      for library in "$folder"/libcudart.so* "$folder"/libcublas*.so* "$folder"/libcurand.so* "$folder"/libcudnn*.so* "$folder"/libnccl.so*; do
        [ ! -f "$library" ] || ln -sf "$library" .venv/lib/caffe/cuda/lib/
      done
    done
    for program in .venv/lib/caffe/cuda/bin/*; do
      name=$(basename "$program")
      # sh takes a path with a space, which a first line cannot name, and Python reads a text
      printf '#!/bin/sh\n%s "%s" "$0" "$@"\n%s\nimport caffe_select\n\ncaffe_select.exec_program("%s")\n' \
        "'''exec'" "$PWD/.venv/bin/python" "' '''" "$name" >".venv/bin/$name"
      chmod +x ".venv/bin/$name"
    done
  fi
  if [ -f "$bundle/images.tar" ]; then
    mkdir -p data/herlev
    tar -xJf "$bundle/masks.tar.xz" -C data/herlev
    .venv/bin/python -m benchmarks.gpu.images "$bundle/images.tar" data/herlev
  fi
  touch .unpacked
fi

cd "$work"
cuda=.venv/lib/caffe/cuda
if [ -d "$cuda" ]; then
  export LD_LIBRARY_PATH="$PWD/$cuda/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
  set -- --gtest "$cuda/bin/test.testbin" --gtest-data "$cuda/test" "$@"
fi
[ ! -f "$bundle/weights.caffemodel" ] || set -- --weights "$bundle/weights.caffemodel" "$@"
exec .venv/bin/python tools/gpu_session.py "$@"
