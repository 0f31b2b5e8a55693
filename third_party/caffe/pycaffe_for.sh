#!/usr/bin/env bash
# Compiles the module of a finished build for another Python, with Boost.Python in it: for a machine with that Python.
# Usage: pycaffe_for.sh PYTHON BUILD OUT     (PYTHON needs its headers; NumPy's are those of the virtual environment)
. "$(dirname "$0")/common.sh"
python=$1 build=$2 out=$3
include=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
[ -f "$include/Python.h" ] || die "$python: expected a Python with its headers, found none. Name another one."
numpy=$("$venv/bin/python" -c 'import numpy; print(numpy.get_include())')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Boost.Python's sources, of the version whose headers are installed, from the mirror this machine's package client uses
boost=$(dpkg-query -W -f '${source:Package}' "$(dpkg-query -S /usr/include/boost/version.hpp | cut -d: -f1)")
archive=$cache/$boost.orig.tar.xz
if [ ! -f "$archive" ]; then
  say "fetching the source of $boost"
  mkdir -p "$work/lists/partial" "$work/archives/partial"
  suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep '/debian/*$' | sort -u | sed "s|.*|deb-src & $suite main|" >"$work/sources.list"
  apt=(apt-get -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::Lists="$work/lists"
    -o Dir::Cache="$work" -o APT::Sandbox::User="$(id -un)" -qq)
  (cd "$work" && "${apt[@]}" update && "${apt[@]}" source --download-only "$boost") >"$work/log" 2>&1 ||
    { tail -n 3 "$work/log" >&2; die "the source of $boost could not be fetched (apt-get's words are above)"; }
  mv "$work"/boost*.orig.tar.xz "$archive"
fi
tar -xf "$archive" -C "$work" --wildcards '*/libs/python/src/*'
rm -rf "$work"/*/libs/python/src/numpy
# older Boost assigns to these two, which Python 3.11 made values
printf '%s\n' '#include <Python.h>' '#undef Py_TYPE' '#undef Py_SIZE' '#define Py_TYPE(o) (((PyObject*)(o))->ob_type)' \
  '#define Py_SIZE(o) (((PyVarObject*)(o))->ob_size)' >"$work/assignable.h"

say "compiling Boost.Python and the module for $("$python" -V)"
flags=(-include "$work/assignable.h" -O2 -fPIC -fvisibility=hidden -w -DNDEBUG -DBOOST_PYTHON_SOURCE -DBOOST_PYTHON_STATIC_LIB -DBOOST_BIND_GLOBAL_PLACEHOLDERS -I"$include" -I"$numpy")
find "$work" -path '*/libs/python/src/*.cpp' | xargs -P "${JOBS:-$(nproc)}" -I{} sh -c 'c="$1"; shift; "$@" -c "$c" -o "$0/$(echo "$c" | tr / _).o"' "$work" {} c++ "${flags[@]}"
# the module's own command, with this Python's headers in place of the build's
mapfile -t own < <(ninja -C "$build/build" -t commands pycaffe | grep -- '-c .*_caffe\.cpp' | tail -n 1 | tr ' ' '\n' |
  grep -E '^-(D|I/)|^-isystem$|^/usr/include|^/.*/include$' | grep -vE 'python3|numpy|BOOST_PYTHON')
c++ "${flags[@]}" -I"$include" "${own[@]}" -c "$build/source/python/caffe/_caffe.cpp" -o "$work/_caffe.o"
c++ -shared -o "$out" "$work"/*.o -L"$build/install/lib" -lcaffe -lboost_system -lboost_filesystem -lboost_thread -lprotobuf -lglog \
  -Wl,--allow-shlib-undefined -Wl,-rpath,'$ORIGIN/../../lib'
strip --strip-unneeded "$out"
say "$out"
