#!/usr/bin/env bash
# Dask's own scheduler and worker with what our jobs need: this code, its settings, one thread a worker,
# and the loopback interface unless --host, --interface or DASK_OPEN=1 says otherwise. docs/how-to/slides-on-a-cluster.md walks through it.
#   tools/dask.sh scheduler --port 8786 --scheduler-file scheduler.json
#   tools/dask.sh worker --scheduler-file scheduler.json --nworkers 8
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
python=$root/.venv/bin/python
what=${1:-}
case $what in
  scheduler | worker) shift ;;
  *) sed -n '2,5s/^# *//p' "$0" >&2; exit 2 ;;
esac
"$python" -c 'import importlib.util as u; raise SystemExit(not u.find_spec("distributed"))' || {
  echo "dask.sh: --cluster: expected dask.distributed, found none here. Run: make cluster" >&2
  exit 2
}
export DASK_CONFIG=${DASK_CONFIG:-$root/deeppap/cluster/dask.yaml}
options=()
case " $* " in
  *" --host"* | *" --interface"*) ;;
  *) [ "${DASK_OPEN:-}" = 1 ] || options+=(--host 127.0.0.1) ;;
esac
case " $* " in
  *" --dashboard-address"* | *" --no-dashboard"*) ;;
  *) if [ "$what" = scheduler ]; then options+=(--dashboard-address 127.0.0.1:8787); else options+=(--no-dashboard); fi ;;
esac
[ "$what" = scheduler ] || options+=(--nthreads 1)
exec "$python" -m dask "$what" "${options[@]}" "$@"
