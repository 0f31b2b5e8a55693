"""Every tool imports this first: it runs in the project's own Python, whether .venv is activated or not."""

import os
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv/bin/python"


def _uncaught(kind: type[BaseException], error: BaseException, trace: object) -> None:
    """Ctrl-C while a tool imports its libraries ends it as it does later (deeppap.cli.tool.run)."""
    if issubclass(kind, KeyboardInterrupt):
        print(f"{Path(sys.argv[0]).name}: interrupted. Run the same command again to continue.", file=sys.stderr)
        sys.exit(130)
    sys.__excepthook__(kind, error, trace)


sys.excepthook = _uncaught
# `#!/usr/bin/env python3` finds whatever Python is first on the PATH, which may lack our packages
if Path(sys.prefix) != ROOT / ".venv" and "DEEPPAP_PYTHON" not in os.environ:  # set: run in whatever Python calls
    if not PYTHON.exists():
        sys.exit(f"{sys.argv[0]}: the project's Python {PYTHON.relative_to(ROOT)} is missing. Run: make caffe")
    # a starting Python prints a page at Ctrl-C: it waits until the other one comes to this file
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.execv(PYTHON, [str(PYTHON), *sys.argv])
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
