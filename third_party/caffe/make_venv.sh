#!/usr/bin/env bash
# Makes the project's virtual environment with the pinned packages. Usage: make_venv.sh PYTHON
. "$(dirname "$0")/common.sh"
python=${1:-python3}

command -v "$python" >/dev/null || die "expected the program $python, found none. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "$python: expected Python 3.11 or newer, found $("$python" -V). Name a newer one: make PYTHON=/path/to/python3"
room "$(dirname "$venv")" 1000
lock_venv
who() { "$1" -c 'import sys; print(sys.base_prefix, *sys.version_info[:2])' 2>/dev/null; }
# whole, which one that was interrupted is not as pip comes last, and of the Python asked for
if [ ! -x "$venv/bin/pip" ] || [ "$(who "$venv/bin/python")" != "$(who "$python")" ]; then
  [ ! -e "$venv" ] || [ -f "$venv/pyvenv.cfg" ] || [ -z "$(ls -A "$venv")" ] ||
    die "$venv: expected a virtual environment or nothing, found another folder. Move it away."
  # in an activated environment python3 is that environment's own, which goes
  base=$("$python" -c 'import sys; print(sys._base_executable)')
  rm -rf "$venv"
  "$base" -m venv "$venv" || { rm -rf "$venv"; die "$python could not make a virtual environment (its words are above). On Debian: apt-get install python3-venv"; }
fi
echo "installing the pinned Python packages, which takes minutes" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
"$venv/bin/pip" install -q --disable-pip-version-check -r "$root/requirements.txt" -r "$root/requirements-dev.txt" 2>"$log" || {
  # without a network pip ends by saying that there is no such package
  reason=$(grep -m 1 -oE 'Temporary failure in name resolution|Network is unreachable|Connection refused|No space left on device' "$log" ||
    grep -m 1 '^ERROR: ' "$log" || tail -n 1 "$log")
  die "pip could not install requirements-dev.txt (${reason%.}). Mend that and run again."
}
