#!/usr/bin/env bash
# Dask's own scheduler and worker with what our jobs need: this code, its settings, one thread a worker,
# the loopback interface unless --host, --interface or DASK_OPEN=1 says otherwise, and TLS with a certificate that is
# made at the first start (in ~/.config/deeppap/tls or $DEEPPAP_TLS). docs/how-to/slides-on-a-cluster.md walks through it.
#   tools/dask.sh scheduler --port 8786 --scheduler-file scheduler.json
#   tools/dask.sh worker --scheduler-file scheduler.json --nworkers 8
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
python=$root/.venv/bin/python
what=${1:-}
case $what in
  scheduler | worker) shift ;;
  *) sed -n '2,6s/^# *//p' "$0" >&2; exit 2 ;;
esac
# Dask's own settings of encryption, as options or in the environment, go before ours
case " $* ${DASK_DISTRIBUTED__COMM__TLS__CA_FILE:+--tls}${DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION:+--tls} " in
  *" --tls"* | *" --protocol"*) ;;
  *)
    tls=$("$python" - "$what" <<'END'
import sys
from deeppap.cli.tool import run
from deeppap.cluster.certificate import find_certificate, make_certificate
what, sys.argv = sys.argv[1], ["dask.sh"]
run(lambda: print(make_certificate() if what == "scheduler" else find_certificate()))
END
    ) || exit
    export DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION=true DASK_DISTRIBUTED__COMM__TLS__CA_FILE=$tls
    for role in SCHEDULER WORKER CLIENT; do
      export DASK_DISTRIBUTED__COMM__TLS__${role}__CERT="$tls" DASK_DISTRIBUTED__COMM__TLS__${role}__KEY="$tls"
    done
    [ "$what" = worker ] || set -- --protocol tls "$@"
    ;;
esac
export DASK_CONFIG=${DASK_CONFIG:-$root/deeppap/cluster/dask.yaml}
options=()
case " $* " in
  *" --host"* | *" --interface"*) ;;
  *) [ "${DASK_OPEN:-}" = 1 ] || options+=(--host 127.0.0.1) ;;
esac
# without a dashboard Dask still serves a page or two, on all interfaces unless it is told where
case " $* " in
  *" --dashboard-address"*) ;;
  *" --no-dashboard"*) options+=(--dashboard-address 127.0.0.1:0) ;;
  *) if [ "$what" = scheduler ]; then options+=(--dashboard-address 127.0.0.1:8787); else options+=(--no-dashboard --dashboard-address 127.0.0.1:0); fi ;;
esac
[ "$what" = scheduler ] || options+=(--nthreads 1)
exec "$python" -m dask "$what" "${options[@]}" "$@"
