"""Every tool imports this first: it runs in the project's own Python, whether .venv is activated or not."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv/bin/python"

# `#!/usr/bin/env python3` finds whatever Python is first on the PATH, which may lack our packages
if Path(sys.prefix) != ROOT / ".venv" and "DEEPPAP_PYTHON" not in os.environ:  # set: run in whatever Python calls
    if not PYTHON.exists():
        sys.exit(f"{sys.argv[0]}: the project's Python {PYTHON.relative_to(ROOT)} is missing. Run: make caffe")
    os.execv(PYTHON, [str(PYTHON), *sys.argv])
