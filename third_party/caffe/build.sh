#!/usr/bin/env bash
# Builds real BVLC Caffe once for what it depends on, keeps it in the cache, and prints where.
# Usage: build.sh [cpu|cuda]
. "$(dirname "$0")/common.sh"
variant=${1:-cpu}
. "$here/options_$variant.sh"

python=$venv/bin/python
[ -x "$python" ] || die "$python: expected the project's virtual environment, found none. Run: make venv"
[ -n "${SKIP_SYSTEM_PACKAGES:-}" ] || "$here/system_packages.sh"
for tool in c++ cmake ninja protoc patch; do
  command -v $tool >/dev/null || die "expected the program $tool, found none. Install what system_packages.sh lists."
done

# shared library and headers of the very Python that will import the module
python_facts() { "$python" - <<'PY'
import sysconfig, numpy, os
get = sysconfig.get_config_var
print(os.path.join(get("LIBDIR"), get("LDLIBRARY")))
print(sysconfig.get_path("include"))
print(f"{get('VERSION')} numpy {numpy.__version__.split('.')[0]} {get('SOABI')}")
PY
}
mapfile -t facts < <(python_facts 2>/dev/null)
[ "${#facts[@]}" = 3 ] || die "$python: expected NumPy installed in it, found none. Run: make venv"
python_library=${facts[0]} python_include=${facts[1]} python_version=${facts[2]}
find_libraries() { # find's tests: in every place where a distribution or its user puts libraries
  find /usr/lib /usr/lib64 /usr/local/lib /usr/local/lib64 -maxdepth 2 "$@" 2>/dev/null || true
}
# Debian keeps the shared library in a multiarch folder that LIBDIR does not always name
[ -f "$python_library" ] || python_library=$(find_libraries -name "libpython${python_version%% *}.so" | head -n 1)
if [ ! -f "$python_include/Python.h" ] || [ "${python_library##*.}" != so ]; then
  die "$python: expected a Python with its headers and shared library, found none. Debian's own has them with python3-dev: make PYTHON=/usr/bin/python3 after installing it."
fi
boost_python=$(find_libraries -name "libboost_python$(echo "${python_version%% *}" | tr -d .).so" | head -n 1)
others=$(find_libraries -name 'libboost_python3*.so' -printf '%f ')
[ -n "$boost_python" ] || die "expected Boost.Python for Python ${python_version%% *}, found ${others:-none}. Use this system's own Python: make PYTHON=/usr/bin/python3"

[ "$(type -t prepare_variant)" != function ] || prepare_variant

tarball=$("$here/fetch.sh")
key=$({
  sha256sum <"$tarball"; cat "$here"/patches/*.patch "$here"/patches_"$variant"/*.patch 2>/dev/null
  [ -z "${variant_facts:-}" ] || echo "$variant_facts"
  c++ --version | head -n 1; uname -m; echo "$python_version $python_library ${options[*]}"
  readlink -f "$boost_python" $(find_libraries -name 'libopencv_core.so' -o -name 'libprotobuf.so' -o -name 'libhdf5_serial.so')
} | sha256sum | cut -c1-16)
build=$cache/caffe-$variant-$key

if [ -f "$build/install/complete" ]; then echo "$build"; exit; fi
room "$build" 500 DEEPPAP_CACHE
exec 9>"$build.lock"
flock -n 9 || { say "another build of the same Caffe is under way; waiting for it"; flock 9; }
if [ -f "$build/install/complete" ]; then echo "$build"; exit; fi

step() { # name, command...: a failed step shows the end of its log and leaves nothing that looks finished
  local name=$1; shift
  say "$name"
  "$@" >"$build/$name.log" 2>&1 && return
  local reason; reason=$(grep -m 1 -E 'No space left|undefined reference|[Ee]rror: |CMake Error|fatal ' "$build/$name.log" || tail -n 1 "$build/$name.log")
  die "$name failed: ${reason:-no word}. Its log is $build/$name.log; mend that and run again."
}
unpack() {
  rm -rf "$build/source" "$build/build" "$build/install" && mkdir -p "$build/source" && tar -xf "$tarball" -C "$build/source" || return
  for patch in "$here"/patches/*.patch "$here"/patches_"$variant"/*.patch; do
    [ ! -f "$patch" ] || patch -d "$build/source" -p1 --no-backup-if-mismatch <"$patch" || return
  done
}
configure() {
  [ "$(type -t variant_paths)" != function ] || variant_paths "$build"
  cmake -S "$build/source" -B "$build/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_POLICY_VERSION_MINIMUM=3.5 \
    -DBLAS=Open -DUSE_OPENMP=ON -DUSE_LEVELDB=OFF -DUSE_LMDB=ON -DUSE_OPENCV=ON -DBUILD_docs=OFF \
    -Dpython_version=3 -DPYTHON_EXECUTABLE="$python" -DPYTHON_INCLUDE_DIR="$python_include" -DPYTHON_LIBRARY="$python_library" \
    -DCMAKE_INSTALL_PREFIX="$build/install" -DCMAKE_INSTALL_LIBDIR=lib "${options[@]}"
}
say "building Caffe ${CAFFE_COMMIT:0:7} ($variant) with ${JOBS:-$(nproc)} jobs; a few minutes, once"
step unpack unpack
step configure configure
grep -q 'Python:' "$build/configure.log" && grep -q 'BLAS .*Open' "$build/configure.log" || die "configure found no Python or no OpenBLAS; its log is $build/configure.log"
step compile ninja ${JOBS:+-j "$JOBS"} -C "$build/build"
step install ninja -C "$build/build" install
lost=$(LD_LIBRARY_PATH=${library_path:-} ldd "$build/install/bin/caffe" "$build/install/python/caffe/_caffe.so" | awk '/not found/ { print $1 }' | sort -u | tr '\n' ' ')
[ -z "$lost" ] || die "the finished build does not find ${lost% }. Install what holds them and run again."
touch "$build/install/complete"
echo "$build"
