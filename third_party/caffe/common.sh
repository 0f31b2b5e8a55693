# Sourced by the other scripts: where things are, and how they fail.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
venv=${VENV:-$root/.venv}
cache=${DEEPPAP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/deeppap}
# shellcheck source=source.env
. "$here/source.env"

say() { printf 'caffe: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
