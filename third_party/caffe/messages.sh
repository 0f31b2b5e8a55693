#!/usr/bin/env bash
# Compiles Caffe's message definitions (caffe.proto) for Python, without building Caffe: `make score`.
# The source is fetched and verified as for a build. The result is $venv/lib/caffe/messages/caffe_pb2.py.
. "$(dirname "$0")/common.sh"

target=$venv/lib/caffe/messages
[ ! -f "$target/caffe_pb2.py" ] || exit 0
tarball=$("$here/fetch.sh")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar -xf "$tarball" -C "$work" --wildcards --strip-components=3 '*src/caffe/proto/caffe.proto'
# the compiler of the protobuf release in requirements.txt; it is not kept in the environment
"$venv/bin/python" -m pip install -q --target "$work/tools" "grpcio-tools==1.71.*" 2>"$work/log" ||
  die "pip could not install grpcio-tools, which compiles caffe.proto: $(tail -n 1 "$work/log"). Mend that and run again."
mkdir -p "$work/out"
(cd "$work" && PYTHONPATH="$work/tools" "$venv/bin/python" -m grpc_tools.protoc -I. --python_out=out caffe.proto)
mkdir -p "$(dirname "$target")"
rm -rf "$target" && mv "$work/out" "$target"
