"""How a spreadsheet wrote a CSV: with commas, semicolons or tabs, and with points or commas in its numbers."""

import csv
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from deeppap.io.errors import CHECK_PATH, UserError
from deeppap.io.names import unquoted

SEPARATORS = ",;\t"
LINE_LIMIT = 100_000  # characters
LONGEST = 1000  # characters of a heading that are looked at


def csv_lines(path: Path, name: Callable[[str], str]) -> Iterator[tuple[int, list[str], str]]:
    """(line, values, separator) of a UTF-8 CSV, its header first, with columns called by `name`.

    Empty lines are skipped. Empty names at the end of the header are cut off, and so are empty values at the end of a
    line that has more values than the header has names.

    Raises UserError if there is no such file, or none of text in columns.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader, separator = sniffed_rows(file)
            header = _without_blanks([name(text) for text in next(reader, [])])
            yield 1, header, separator
            for line in reader:
                values = _without_blanks([unquoted(value.strip()) for value in line], len(header))
                if any(values):
                    yield reader.line_num, values, separator
    except FileNotFoundError:
        raise UserError(path, "a CSV file", "no such file", CHECK_PATH) from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(path, "a UTF-8 CSV file", str(error), "Save it again as CSV, UTF-8.") from None


def _without_blanks(row: list[str], least: int = 0) -> list[str]:
    """A row without the empty values that spreadsheets leave at its end, beyond the `least` that there are columns."""
    while len(row) > least and not row[-1]:
        row = row[:-1]
    return row


def sniffed_rows(file: TextIO) -> tuple[Any, str]:
    """A csv.reader over all of a file, its header first, and what separates the values."""
    lines = _lines(file)
    first = next(lines, "")
    # told from the first line alone: an image's name may hold any of them
    try:
        separator = csv.Sniffer().sniff(first[:LONGEST].strip(), SEPARATORS).delimiter
    except csv.Error:  # one column
        separator = SEPARATORS[0]
    return csv.reader(chain([first], lines), delimiter=separator, strict=True), separator


def _lines(file: TextIO) -> Iterator[str]:
    """A file's lines, none longer than the limit: one endless line would fill the memory."""
    while line := file.readline(LINE_LIMIT):
        if len(line) == LINE_LIMIT:
            raise csv.Error(f"a line of {LINE_LIMIT:,} characters or more")
        yield line


def with_point(number: str, separator: str) -> str:
    """A number with a decimal point; commas are decimal ones only where they separate nothing."""
    return number if separator == "," else number.replace(",", ".")


def names_of(header: Sequence[str]) -> str:
    """A header in one line of a message."""
    return ", ".join(name or "a column without a name" for name in header)[:200] or "an empty file"


class Centres:
    """Looks at all centres of a list: shares of the image, as YOLO writes them, would all lie in its first pixel."""

    def __init__(self, path: Path):
        self.path, self.count, self.shares = path, 0, 0

    def add(self, x: float, y: float) -> None:
        """Note one centre."""
        self.count += 1
        self.shares += 0 <= x <= 1 and 0 <= y <= 1 and not (x.is_integer() and y.is_integer())

    def require_pixels(self) -> None:
        """Refuse a list whose centres are all shares of the image."""
        if self.count and self.shares == self.count:
            do = "Multiply them by the image's width and height."
            raise UserError(self.path, "nucleus centres in pixels", "numbers from 0 to 1 alone, as YOLO's are", do)
