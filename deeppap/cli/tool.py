"""What every tool is made of: its parser, and how it starts and ends.

A message of the library names a parameter in backquotes; here it becomes the option of the tool that runs.
"""

import argparse
import io
import os
import re
import shlex
import signal
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NoReturn

from deeppap.io.errors import InterruptionError, UserError, printable

PROJECT = "deeppap-caffe"
INTERRUPTED = 130  # exit status, as the shell has it
NAMED = re.compile(r"`(\w+)`")


class _Help(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the epilog as they are written, and shows the default of every option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str:
        shown = action.help or ""
        if action.default in (None, False, "", argparse.SUPPRESS) or action.default == [] or "default" in shown:
            return shown
        return f"{shown} (default: %(default)s)"


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        # read only when asked for: every tool would wait for it
        try:
            number = version(PROJECT)
        except PackageNotFoundError:
            number = "of a checkout that is not installed"
        print(f"{PROJECT} {number}")
        parser.exit()


class ToolParser(argparse.ArgumentParser):
    """What each tool parses its command line with; `epilog` is printed as it is, the commonest call first."""

    # of the tool that runs in this process: parameter -> option, by which `with_options` translates a message
    options: dict[str, str] = {}

    def __init__(self, description: str, epilog: str):
        # without allow_abbrev=False `--fold 0` would silently be taken for `--folds 0`
        super().__init__(description=description, epilog=epilog, formatter_class=_Help, allow_abbrev=False)
        self.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")

    def parse_args(self, *words) -> argparse.Namespace:
        """Parse, and remember how the options are called."""
        ToolParser.options = {
            action.dest: action.option_strings[-1] for action in self._actions if action.option_strings
        }
        given = words[0] if words and words[0] is not None else sys.argv[1:]
        if strange := next((word for word in map(str, given) if not word.isprintable()), None):
            self.error(f"{printable(strange)}: expected printable characters, found others. Rename that file")
        return super().parse_args(*words)

    def error(self, message: str) -> NoReturn:
        """Print a mistake on one line, as all other mistakes are printed, and exit with 2."""
        print(f"{self.prog}: {message.removeprefix('argument ')}. See --help.", file=sys.stderr)
        sys.exit(2)


def with_options(text: str) -> str:
    """A message of the library with `views` replaced by --views, if the running tool has that option."""
    return NAMED.sub(lambda found: ToolParser.options.get(found[1], found[0]), text)


def quoted(*words: object) -> str:
    """Words as a following command names them, for a shell: a path may have blanks."""
    return shlex.join(map(str, words))


def label_words(images: str, again: bool = False) -> str:
    """The words of tools/import_labels.py for what a gallery saved; `again` if cells were labelled before.

    An import replaces an older one of its name. So the newest is read too, and the words name a new one. `images` are
    the options of that name.
    """
    names = ["my_cells"]
    while Path(names[-1]).is_dir() or (again and len(names) == 1):
        names.append(f"my_cells_{len(names) + 1}")
    former = "".join(f"{name}/ " for name in names[-2:-1])
    return f"{former}~/Downloads/labels.csv {images} --out {names[-1]}"


def _interrupt(signum, _frame):
    raise KeyboardInterrupt(signum)


def run(main: Callable[[], int | None]) -> None:
    """Run a tool's `main`; a `UserError` becomes one line per mistake and exit status 2, an interruption 130.

    SIGTERM and SIGHUP end a tool as Ctrl-C does, so that partial files are removed.
    """
    # figures are files, and look alike whatever a user has set for plots of their own
    os.environ |= {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}
    for name in (signal.SIGTERM, signal.SIGHUP):
        # nohup has set it to SIG_IGN, which must stay
        if signal.getsignal(name) is signal.SIG_DFL:
            signal.signal(name, _interrupt)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # bytes of a file name that are not UTF-8
    try:
        sys.exit(main())
    except UserError as error:
        _end(INTERRUPTED if isinstance(error, InterruptionError) else 2, *error_lines(error))
    except KeyboardInterrupt:
        _end(INTERRUPTED, "interrupted. Run the same command again to continue.")
    except BrokenPipeError:
        # whoever read our output has ended, such as `head`; Python would complain once more when it flushes
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except MemoryError as error:
        found = f"too little ({error})" if str(error) else "too little"
        _end(2, UserError("memory", "enough for this", found, "Ask for less, or close other programs."))
    except OSError as error:
        # not a mistake of ours: permissions, a full disk, a folder in the place of a file
        where, found = error.filename or "a file or folder", error.strerror or str(error)
        _end(2, UserError(where, "to read or write it", found, "Correct that and run the same command again."))


def to_stderr(line: str) -> None:
    """Print a remark where it does not mix with the results on standard output."""
    print("\n".join(map(printable, line.split("\n"))), file=sys.stderr)


def error_lines(error: UserError) -> list[str]:
    """The lines of an error, with the options of the running tool in the place of the library's parameters."""
    lines = error.lines()
    if error.field is not None:
        lines[0] = ToolParser.options.get(error.field, error.field) + lines[0].removeprefix(error.field)
    return [with_options(line) for line in lines]


def _end(status: int, *lines: object) -> NoReturn:
    for line in lines:
        print(f"{Path(sys.argv[0]).name}: {line}", file=sys.stderr)
    sys.exit(status)
