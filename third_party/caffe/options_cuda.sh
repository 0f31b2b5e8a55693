# How the CUDA build is configured. Read from the environment:
#   CUDA_ARCH="80 90"   the cards' architectures; found: those of the cards here; default: the usual ones and PTX
#   CUDNN=0 NCCL=0 OPENCV=0   without them
#   CUDA_HOME=folder    the toolkit (default: that of the nvcc in the PATH)
. "$here/nvidia.sh"
options=(-DCPU_ONLY=OFF -DCUDA_ARCH_NAME=Manual -DCUDA_USE_STATIC_CUDA_RUNTIME=OFF)
# without OpenCV: for a machine that has none; images then come from LMDB alone
for part in CUDNN NCCL OPENCV; do
  case "${!part:-1}" in 0) options+=("-DUSE_$part=OFF") ;; *) options+=("-DUSE_$part=ON") ;; esac
done

# Called once the virtual environment is known to be there: what goes into the build's key.
prepare_variant() {
  toolkit=$(cuda_toolkit)
  install_nvidia_wheels
  options+=(-DCUDA_ARCH_BIN="$(architectures)" -DCUDA_ARCH_PTX="$(ptx)")
  variant_facts="$("$toolkit/bin/nvcc" --version | tail -n 2) $(nvidia_versions)"
}

# Called with the build's folder: where CMake finds NVIDIA's parts.
variant_paths() {
  nvidia_overlay "$1/nvidia"
  export NCCL_DIR=$1/nvidia
  options+=(-DCUDA_TOOLKIT_ROOT_DIR="$1/nvidia" -DCUDNN_ROOT="$1/nvidia")
  [ "${CUDNN:-1}" = 0 ] || options+=(-DCUDNN_INCLUDE="$1/nvidia/include" -DCUDNN_LIBRARY="$1/nvidia/lib64/libcudnn.so")
  library_path=$1/nvidia/lib64
}
