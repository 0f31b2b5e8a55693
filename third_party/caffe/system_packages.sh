#!/usr/bin/env bash
# Installs the compilers and libraries that Caffe is built with and runs on (Debian, Ubuntu).
. "$(dirname "$0")/common.sh"

packages="g++ cmake ninja-build pkg-config patch
  libboost-system-dev libboost-thread-dev libboost-filesystem-dev libboost-python-dev
  libgflags-dev libgoogle-glog-dev libhdf5-dev liblmdb-dev libopenblas-openmp-dev libopencv-dev
  libprotobuf-dev protobuf-compiler"

command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
  die "expected Debian or Ubuntu, found neither apt-get nor dpkg. Install what this file lists by your system's own means and set SKIP_SYSTEM_PACKAGES=1."

missing=
for package in $packages; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

line="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" = 0 ]; then as_root=
elif sudo -n true 2>/dev/null; then as_root="sudo -n"
else die "system libraries are missing and this user may not install them. Run once: sudo apt-get update && sudo $line"
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
say "installing system libraries:$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update >"$log" 2>&1 && $as_root $line >>"$log" 2>&1 || {
  reason=$(grep -m 1 -E '^[WE]: Failed to fetch|^E: ' "$log" || tail -n 1 "$log")
  die "apt-get could not install the system libraries (${reason%.}). Mend that, or run: $line"
}
