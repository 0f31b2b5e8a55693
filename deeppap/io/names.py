"""Names and numbers that come from elsewhere: how they are checked, and written into a CSV."""

import csv
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

from deeppap.io.errors import UserError

FORMULA = re.compile(r"'*[=+\-@\t\r]")  # what a spreadsheet would compute, quoted before or not


def require_printable(name: str, where: str | Path, what: str = "a name") -> str:
    """Return a name, or refuse it: it could forge or clear lines of every list, or is not UTF-8.

    Raises UserError for control characters, line ends, escapes, characters without a shape, and bytes that are not
    UTF-8.
    """
    if not name.isprintable():
        raise UserError(where, f"{what} of printable characters", name[:100], "Rename it.")
    return name


def to_number(text: str | None) -> float:
    """The number that a text states; nan if it states none."""
    try:
        return float(text)
    except (TypeError, ValueError):
        return math.nan


def quoted(text: str) -> str:
    """Text for a CSV that people open in a spreadsheet: an apostrophe goes before what would be run as a formula."""
    harmless = text == "-" or _is_number(text)
    return f"'{text}" if FORMULA.match(text) and not harmless else text


def unquoted(text: str) -> str:
    """What `quoted` was given; other text stays as it is."""
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class CsvWriter:
    """Writes a CSV that a spreadsheet may open: text is `quoted`."""

    def __init__(self, file: TextIO, lineterminator: str = "\n"):
        self.writer = csv.writer(file, lineterminator=lineterminator)

    def writerow(self, row: Iterable[Any]) -> None:
        """Write one row; numbers and None stay as they are."""
        self.writer.writerow([quoted(str(value)) if isinstance(value, str | Path) else value for value in row])

    def writerows(self, rows: Iterable[Iterable[Any]]) -> None:
        """Write several rows."""
        for row in rows:
            self.writerow(row)
