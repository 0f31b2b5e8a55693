#!/usr/bin/env bash
# The main job at quick size, from whatever is at hand: `make run`.
#   HERLEV=folder    the Herlev set; without it data/herlev, and where that is not there the phantom set is drawn
#   WEIGHTS=file     source weights; without them they are downloaded, else training starts from random values
#   PROFILE=quick    see profiles.toml         CELLS=n   size of the phantom set (default: Herlev's 917)
set -euo pipefail
[ $# = 0 ] || { sed -n '2,/^set/s/^# *//p' "$0"; exit 2; }
cd "$(dirname "$0")/.."

profile=${PROFILE:-quick}
options=(--profile "$profile" --folds 0)

if [ -n "${HERLEV:-}" ]; then
  data=$HERLEV
elif [ -d data/herlev ]; then
  data=data/herlev
else
  data=data/phantom${CELLS:+_$CELLS}
  echo "HERLEV is not set: drawing the phantom set. It is for trying and testing; no figure from it is a result."
  tools/make_phantom.py "$data" ${CELLS:+--cells "$CELLS"}
fi

reference=models/bvlc_reference_caffenet/bvlc_reference_caffenet.caffemodel
status=0
if [ -n "${WEIGHTS:-}" ]; then
  reference=$WEIGHTS
elif [ -f "$(basename "$reference")" ]; then
  reference=$(basename "$reference") # where README's three lines put it
elif [ ! -f "$reference" ]; then
  [ -z "${OFFLINE:-}" ] && tools/download_weights.py || status=$?
fi
# interrupted is not refused: who pressed Ctrl-C wants no training from other weights
[ "$status" -lt 130 ] || exit "$status"
if [ "$status" = 0 ]; then
  options+=(--weights "$reference")
else
  echo "!! no source weights: training starts from Gaussian random values, which is not transfer learning !!"
  options+=(--from-scratch)
fi

tools/cross_validate.py --data "$data" "${options[@]}"
