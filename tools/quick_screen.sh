#!/usr/bin/env bash
# Screen images and write the gallery: `make screen`.
#   IMAGE=file or folder   fields or slides. If unset, two synthetic fields are drawn.
#   NET=folder             a trained fold or a release. If unset, the smallest net is trained on synthetic cells,
#                          only to show that everything runs.
#   OPTIONS='--mpp 0.25'   more options of tools/screen.py
set -euo pipefail
[ $# = 0 ] || { sed -n '2,/^set/s/^# *//p' "$0"; exit 2; }
cd "$(dirname "$0")/.."

options=()
net=${NET:-}
if [ -z "$net" ]; then
  net=runs/screen-smallest/fold0
  echo "NET is not set: training the smallest net on synthetic cells, to show that everything runs. Its scores mean nothing."
  if [ ! -f "$net/model.json" ]; then
    [ -d data/phantom_40 ] || tools/make_phantom.py data/phantom_40 --cells 40
    tools/cross_validate.py --data data/phantom_40 --profile smallest --folds 0 --run screen-smallest --from-scratch
  fi
  # synthetic cells state no pixel size
  options+=(--training-mpp 0.201)
fi

image=${IMAGE:-}
if [ -z "$image" ]; then
  image=data/phantom_fields
  [ -d "$image" ] || tools/make_phantom.py "$image" --fields 2
  options+=(--mpp 0.201 --confidence 0.2)
fi

# shellcheck disable=SC2086
tools/screen.py "$image" --net "$net" "${options[@]}" ${OPTIONS:-}
