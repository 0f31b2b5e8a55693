#!/usr/bin/env bash
# Runs Caffe's own Python tests and its gtest binary. Usage: test.sh [cpu|cuda] [gtest arguments]
. "$(dirname "$0")/common.sh"
variant=${1:-cpu}; shift || true

build=$("$here/build.sh" "$variant")
eval "$("$venv/bin/python" -c 'import caffe_select, os, shlex
caffe_select.prepare()
for name in ("OPENBLAS_CORETYPE", "OMP_WAIT_POLICY"):
    if name in os.environ: print("export", name + "=" + shlex.quote(os.environ[name]))')"
export GLOG_minloglevel=2

say "Caffe's Python tests"
python_status=0
(cd "$build/source/python" && PYTHONPATH="$build/source/python" "$venv/bin/python" -m unittest discover -s caffe/test) || python_status=$?

say "Caffe's gtests; compiling them takes some minutes, once"
ninja -C "$build/build" test.testbin >"$build/gtest.log" 2>&1 || die "the gtests did not compile; the log is $build/gtest.log"
filter=(); [ "$variant" = cuda ] || filter=(--gtest_filter='-*GPU*')
gtest_status=0
(cd "$build/source" && "$build/build/test/test.testbin" "${filter[@]}" "$@") || gtest_status=$?
say "Python tests exit status $python_status, gtests exit status $gtest_status"
exit $((python_status | gtest_status))
