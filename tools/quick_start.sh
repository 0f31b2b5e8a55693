#!/usr/bin/env bash
# Train and test one fold in minutes: `make run`.
#   HERLEV=folder    the Herlev set. If unset, data/herlev is used; if that does not exist, synthetic cells are drawn.
#   WEIGHTS=file     source weights. If unset, CaffeNet's are downloaded; if that fails, training starts from random
#                    values, which is no transfer learning.
#   PROFILE=quick    see profiles.toml
#   CELLS=n          number of synthetic cells (default: 917, as in Herlev)
set -euo pipefail
[ $# = 0 ] || { sed -n '2,/^set/s/^# *//p' "$0"; exit 2; }
cd "$(dirname "$0")/.."

options=(--profile "${PROFILE:-quick}" --folds 0)

if [ -n "${HERLEV:-}" ]; then
  data=$HERLEV
elif [ -d data/herlev ]; then
  data=data/herlev
else
  data=data/phantom${CELLS:+_$CELLS}
  echo "HERLEV is not set: drawing synthetic cells for a trial. No figure from them is a result."
  [ -d "$data" ] || tools/make_phantom.py "$data" ${CELLS:+--cells "$CELLS"}
fi

reference=models/bvlc_reference_caffenet/bvlc_reference_caffenet.caffemodel
status=0
if [ -n "${WEIGHTS:-}" ]; then
  reference=$WEIGHTS
elif [ -f "$(basename "$reference")" ]; then
  reference=$(basename "$reference") # the place in README's three commands
elif [ ! -f "$reference" ]; then
  [ -z "${OFFLINE:-}" ] && tools/download_weights.py || status=$?
fi
# Ctrl-C during the download must not start a training from other weights
[ "$status" -lt 130 ] || exit "$status"
if [ "$status" = 0 ]; then
  options+=(--weights "$reference")
else
  echo "!! no source weights: training starts from random values, which is not transfer learning !!"
  options+=(--from-scratch)
fi

tools/cross_validate.py --data "$data" "${options[@]}"
