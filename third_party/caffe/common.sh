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

# A folder to write into, with so many MiB free: said before the work, not by a compiler in its midst.
room() { # folder, MiB, the variable that moves it, if any
  local move="make $1 a link to one on another disk"; [ -z "${3:-}" ] || move="set $3 to another"
  mkdir -p "$1" 2>/dev/null && [ -w "$1" ] || die "$1: expected a folder that can be written to, found none. Mend its rights, or $move."
  local free; free=$(df -Pm "$1" | awk 'NR == 2 { print $4 }')
  [ "$free" -ge "$2" ] || die "$1: expected $2 MiB of free disk, found $free. Free some, or $move."
}

# One at a time changes the virtual environment: two makes in one clone would take each other's files away.
lock_venv() {
  local lock; lock=$(readlink -f "$venv").lock
  room "$(dirname "$lock")" 1
  exec 9>"$lock"
  flock -n 9 || { say "another make is at work on $venv; waiting for it"; flock 9; }
}
