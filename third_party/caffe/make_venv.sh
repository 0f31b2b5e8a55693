#!/usr/bin/env bash
# Makes the project's virtual environment with the pinned packages. Usage: make_venv.sh PYTHON
. "$(dirname "$0")/common.sh"
python=${1:-python3}

command -v "$python" >/dev/null || die "expected the program $python, found none. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "$python: expected Python 3.11 or newer, found $("$python" -V). Name a newer one: make PYTHON=/path/to/python3"
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv" || { rm -rf "$venv"; die "$python could not make a virtual environment (its words are above). On Debian: apt-get install python3-venv"; }
say "installing the pinned Python packages"
"$venv/bin/pip" install -q --disable-pip-version-check -r "$root/requirements-dev.txt" || die "pip could not install requirements-dev.txt (its words are above). Mend that and run again."
