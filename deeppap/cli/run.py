"""How every tool starts and ends."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from deeppap.io.errors import UserError


def _interrupt(signum, _frame):
    raise KeyboardInterrupt(signum)


def run(main: Callable[[], int | None]) -> None:
    """Run a tool's `main`; a `UserError` becomes a line for each mistake and exit status 2, an interruption 130.

    SIGTERM and SIGHUP end a tool the way Ctrl-C does, so that partial files are cleaned up.
    """
    for name in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(name) is signal.SIG_DFL:  # nohup keeps its promise
            signal.signal(name, _interrupt)
    tool = Path(sys.argv[0]).name
    try:
        sys.exit(main())
    except UserError as error:
        for line in error.lines():
            print(f"{tool}: {line}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(f"{tool}: interrupted; the same command again carries on or starts over", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:  # the machine's doing, not ours: permissions, a full disk, a folder in a file's place
        where, found = error.filename or "a file or folder", error.strerror or str(error)
        do = "Put that right and run the same command again."
        print(f"{tool}: {UserError(where, 'to read or write it', found, do)}", file=sys.stderr)
        sys.exit(2)
