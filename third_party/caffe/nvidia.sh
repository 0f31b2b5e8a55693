# Sourced by options_cuda.sh: NVIDIA's toolkit, and its libraries from the system or from Python wheels.
# Wheels have headers and libraries but no lib*.so links; an overlay folder of links makes them look like a toolkit.

cuda_toolkit() { # prints its folder
  local nvcc=${CUDA_HOME:+$CUDA_HOME/bin/nvcc}
  nvcc=${nvcc:-$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)}
  [ -x "$nvcc" ] || die "expected nvcc of CUDA 12 or 13, found none in the PATH. Install the toolkit or name it: make caffe CUDA=1 CUDA_HOME=/usr/local/cuda"
  # nvcc may be a script or a link; it knows its own place
  "$nvcc" --dryrun -E -x cu /dev/null 2>&1 | sed -n 's/^#\$ TOP=//p' | xargs readlink -f
}

cuda_major() { "$toolkit/bin/nvcc" --version | sed -n 's/.*release \([0-9]*\)\..*/\1/p'; }

architectures() { # of the cards named or found; else the usual ones this nvcc still makes
  case "${CUDA_ARCH:-}" in
    found) nvidia-smi --query-gpu=compute_cap --format=csv,noheader | tr -d . | sort -u | xargs ;;
    "") "$toolkit/bin/nvcc" --list-gpu-code | grep -xE 'sm_(70|75|80|86|89|90)' | cut -d_ -f2 | xargs ;;
    *) echo "$CUDA_ARCH" ;;
  esac
}

# cards newer than all of them compile the PTX of the newest one; cards named need none
ptx() { [ -n "${CUDA_ARCH:-}" ] || architectures | xargs -n 1 | sort -n | tail -n 1; }

site_packages() { "$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }

include_folders() { # of the toolkit, the wheels and the system, in the order in which they are taken
  ls -d "$toolkit/include" "$toolkit"/targets/*/include "$(site_packages)"/nvidia/*/include 2>/dev/null || true
}

library_folders() {
  ls -d "$toolkit/lib64" "$toolkit/lib" "$toolkit"/targets/*/lib "$(site_packages)"/nvidia/*/lib 2>/dev/null || true
}

has_header() { # name: in the toolkit, the wheels or the system
  local folder
  for folder in $(include_folders) /usr/include /usr/include/x86_64-linux-gnu; do
    [ ! -e "$folder/$1" ] || return 0
  done
  return 1
}

install_nvidia_wheels() { # those of the pinned ones that neither toolkit nor system has
  local pins=$here/requirements-cuda$(cuda_major).txt missing=() pair
  [ -f "$pins" ] || die "$toolkit: expected CUDA 12 or 13, found $(cuda_major). Install one of them, or name it: CUDA_HOME="
  for pair in cublas:cublas_v2.h curand:curand.h cudnn:cudnn.h nccl:nccl.h; do
    case "$pair" in cudnn:*) [ "${CUDNN:-1}" != 0 ] || continue ;; nccl:*) [ "${NCCL:-1}" != 0 ] || continue ;; esac
    has_header "${pair#*:}" || missing+=("$(grep "^nvidia-${pair%%:*}" "$pins")")
  done
  [ "${#missing[@]}" = 0 ] && return
  say "installing NVIDIA's libraries: ${missing[*]}"
  "$venv/bin/pip" install -q --disable-pip-version-check --no-deps --no-compile "${missing[@]}" >&2 ||
    die "pip could not install NVIDIA's libraries (its words are above). Install them with the system, or try CUDNN=0 NCCL=0."
}

nvidia_versions() { # of what is compiled against
  local folder
  for folder in $(include_folders); do
    grep -hE '#define (CUDNN_(MAJOR|MINOR|PATCHLEVEL)|NCCL_VERSION_CODE|CUBLAS_VER_(MAJOR|MINOR|PATCH)|CURAND_VERSION) ' \
      "$folder"/{cudnn_version,nccl,cublas_api,curand}.h 2>/dev/null || true
  done | tr -s ' \n' ' '
}

link_libraries() { # folder: links in it to those of NVIDIA's libraries that Caffe loads
  local folder
  mkdir -p "$1"
  for folder in $(library_folders) "/usr/lib/$(uname -m)-linux-gnu"; do
    find "$folder" -maxdepth 1 -regextype posix-extended -regex '.*/lib(cudart|cublas|cublasLt|curand|cudnn[a-z_]*|nccl)\.so.*' \
      -exec ln -sf -t "$1" {} +
  done
}

nvidia_overlay() { # folder: a toolkit made of links
  local folder library
  rm -rf "$1" && mkdir -p "$1/include"
  for folder in $(include_folders); do cp -rsn "$folder/." "$1/include/"; done
  find /usr/include -maxdepth 2 \( -name 'cudnn*.h' -o -name nccl.h \) -exec ln -sf -t "$1/include" {} +
  ln -s "$toolkit/bin" "$1/bin"
  link_libraries "$1/lib64"
  for library in "$1"/lib64/lib*.so.*; do
    [ -e "${library%%.so.*}.so" ] || ln -s "$(basename "$library")" "${library%%.so.*}.so"
  done
  ln -s lib64 "$1/lib"
}
