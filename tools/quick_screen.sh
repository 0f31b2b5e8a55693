#!/usr/bin/env bash
# From an image to the gallery, from whatever is at hand: `make screen`.
#   IMAGE=file or folder   fields or slides; without it two phantom fields are drawn
#   FOLD=folder            a trained fold; without it the smallest one is trained on the phantom set, which knows nothing
#   OPTIONS='--mpp 0.25'   more options of tools/screen.py
set -euo pipefail
[ $# = 0 ] || { sed -n '2,/^set/s/^# *//p' "$0"; exit 2; }
cd "$(dirname "$0")/.."

options=()
if [ -n "${FOLD:-}" ]; then
  fold=$FOLD
else
  fold=runs/screen-smallest/fold0
  echo "FOLD is not set: training the smallest net on the phantom set, to see that everything runs. Its scores mean nothing."
  if [ ! -f "$fold/model.json" ]; then
    tools/make_phantom.py data/phantom_40 --cells 40
    tools/cross_validate.py --data data/phantom_40 --profile smallest --folds 0 --run screen-smallest --from-scratch
  fi
  options+=(--training-mpp 0.201)
fi

if [ -n "${IMAGE:-}" ]; then
  image=$IMAGE
else
  image=data/phantom_fields
  [ -d "$image" ] || tools/make_phantom.py "$image" --fields 2
  options+=(--mpp 0.201 --confidence 0.2)
fi

# shellcheck disable=SC2086
tools/screen.py "$image" --net "$fold" "${options[@]}" ${OPTIONS:-}
