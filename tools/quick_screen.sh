#!/usr/bin/env bash
# Screen images with the net that this project delivers, and write the gallery: `make screen`.
#   IMAGE=file or folder   fields or slides. If unset, two synthetic fields are drawn, whose scores mean nothing.
#   NET=folder             another trained fold or release
#   OPTIONS='--mpp 0.25'   more options of tools/screen.py
set -euo pipefail
[ $# = 0 ] || { sed -n '2,/^set/s/^# *//p' "$0"; exit 2; }
cd "$(dirname "$0")/.."

options=()
image=${IMAGE:-}
if [ -z "$image" ]; then
  image=data/phantom_fields
  [ -d "$image" ] || tools/make_phantom.py "$image" --fields 2
  options+=(--mpp 0.201 --confidence 0.2)
fi

# shellcheck disable=SC2086
tools/screen.py "$image" --net "${NET:-models/herlev_cric}" "${options[@]}" ${OPTIONS:-}
