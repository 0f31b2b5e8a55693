"""How every tool starts and ends."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from deeppap.cli.parser import option_of, with_options
from deeppap.io.errors import UserError


def _interrupt(signum, _frame):
    raise KeyboardInterrupt(signum)


def run(main: Callable[[], int | None]) -> None:
    """Run a tool's `main`; a `UserError` becomes one line per mistake and exit status 2, an interruption 130.

    SIGTERM and SIGHUP end a tool as Ctrl-C does, so that partial files are removed.
    """
    for name in (signal.SIGTERM, signal.SIGHUP):
        # nohup has set it to SIG_IGN, which must stay
        if signal.getsignal(name) is signal.SIG_DFL:
            signal.signal(name, _interrupt)
    try:
        sys.exit(main())
    except UserError as error:
        for line in error_lines(error):
            print(f"{_tool()}: {line}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(f"{_tool()}: interrupted. Run the same command again to continue.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # whoever read our output has ended, such as `head`; Python would complain once more when it flushes
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        # not a mistake of ours: permissions, a full disk, a folder in the place of a file
        where, found = error.filename or "a file or folder", error.strerror or str(error)
        do = "Correct that and run the same command again."
        print(f"{_tool()}: {UserError(where, 'to read or write it', found, do)}", file=sys.stderr)
        sys.exit(2)


def to_stderr(line: str) -> None:
    """Print a remark where it does not mix with the results on standard output."""
    print(line, file=sys.stderr)


def error_lines(error: UserError) -> list[str]:
    """The lines of an error, with the options of the running tool in the place of the library's parameters."""
    lines = error.lines()
    if error.field is not None:
        lines[0] = option_of(error.field) + lines[0].removeprefix(error.field)
    return [with_options(line) for line in lines]


def _tool() -> str:
    return Path(sys.argv[0]).name
