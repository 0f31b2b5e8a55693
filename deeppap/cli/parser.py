"""The parser of every tool: help, version, and which option stands for which parameter of the library."""

import argparse
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import NoReturn

PROJECT = "deeppap-caffe"
NAMED = re.compile(r"`(\w+)`")


class _Help(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the epilog as they are written, and shows the default of every option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str:
        shown = action.help or ""
        if action.default in (None, False, argparse.SUPPRESS) or action.default == [] or "default" in shown:
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
    """What each tool parses its command line with.

    Parameters
    ----------
    description : str
        The first lines of the help: what the tool is for.
    epilog : str
        The last lines, printed as they are: first the commonest call.
    """

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
        return super().parse_args(*words)

    def error(self, message: str) -> NoReturn:
        """Print a mistake on one line, as all other mistakes are printed, and exit with 2."""
        print(f"{self.prog}: {message.removeprefix('argument ')}. See --help.", file=sys.stderr)
        sys.exit(2)


def option_of(parameter: str) -> str:
    """The option of the running tool that sets a parameter; the parameter's own name if there is none."""
    return ToolParser.options.get(parameter, parameter)


def with_options(text: str) -> str:
    """A message of the library with `views` replaced by --views, if the running tool has that option."""
    return NAMED.sub(lambda found: ToolParser.options.get(found[1], found[0]), text)
