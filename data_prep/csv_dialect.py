"""How a spreadsheet wrote a CSV: with commas, semicolons or tabs, and with points or commas in its numbers."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TextIO

from deeppap.io.errors import CHECK_PATH, UserError
from deeppap.io.names import unquoted

SEPARATORS = ",;\t"
LINE_LIMIT = 100_000  # characters
THOUSANDS = re.compile(r"-?\d{1,3}(,\d{3})+")
STATED = re.compile(f'"?sep=([{SEPARATORS}])"?', re.IGNORECASE)  # a line for Excel before the names
LONGEST = 1000  # characters of a heading that are looked at


def csv_lines(path: Path, name: Callable[[str], str], row_names: bool = False) -> Iterator[tuple[int, list[str], str]]:
    """(line, values, separator) of a UTF-8 CSV, its header first, with columns called by `name`.

    Empty lines are skipped. Empty names at the end of the header are cut off, and so are empty values at the end of a
    line that has more values than the header has names. With `row_names` the column that R writes before all others
    gets its empty name.

    Raises UserError if there is no such file, or none of text in columns.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = _lines(file)
            first = next((line for line in lines if line.strip()), "")
            if stated := STATED.fullmatch(first.strip()):
                first = next(lines, "")
            # told from the first line alone: an image's name may hold any of them
            try:
                separator = stated[1] if stated else csv.Sniffer().sniff(first[:LONGEST].strip(), SEPARATORS).delimiter
            except csv.Error:  # one column
                separator = SEPARATORS[0]
            reader = csv.reader(chain([first], lines), delimiter=separator, strict=True)
            header = _without_blanks([name(text) for text in next(reader, [])])
            lines = ((reader.line_num, [unquoted(value.strip()) for value in line]) for line in reader if any(line))
            if row_names and "" not in header:
                header, lines = _with_row_names(header, lines)
            yield 1, header, separator
            for number, values in lines:
                values = _without_blanks(values, len(header))
                if any(values):
                    yield number, values, separator
    except (FileNotFoundError, IsADirectoryError):
        raise UserError(path, "a CSV file", "a folder" if path.is_dir() else "no such file", CHECK_PATH) from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(path, "a UTF-8 CSV file", str(error), "Save it again as CSV, UTF-8.") from None


def _with_row_names(header: list[str], lines: Iterator) -> tuple[list[str], Iterator]:
    """The header, with an empty name before the others where R numbered the lines, and all lines."""
    first = []
    for line in lines:
        first.append(line)
        # one value more than names, and empty: R's last column, or a separator too many
        if len(line[1]) != len(header) + 1 or line[1][-1]:
            break
    values = [values for _, values in first]
    counted = [row[0] for row in values] == [f"{number}" for number in range(1, len(values) + 1)]
    if values and len(values[-1]) == len(header) + 1 and (values[-1][-1] or counted and not header[0].endswith("id")):
        header = ["", *header]
    return header, chain(first, lines)


def _without_blanks(row: list[str], least: int = 0) -> list[str]:
    """A row without the empty values that spreadsheets leave at its end, beyond the `least` that there are columns."""
    while len(row) > least and not row[-1]:
        row = row[:-1]
    return row


def _lines(file: TextIO) -> Iterator[str]:
    """A file's lines of text, none longer than the limit: one endless line would fill the memory."""
    while line := file.readline(LINE_LIMIT):
        if len(line) == LINE_LIMIT:
            raise csv.Error(f"a line of {LINE_LIMIT:,} characters or more")
        if "\0" in line:
            raise csv.Error("NUL characters: a file in UTF-16, or no text")
        yield line


def with_point(number: str, separator: str) -> str:
    """A number with a decimal point; commas are decimal ones only where they separate nothing."""
    return number if separator == "," else number.replace(",", ".")


class Commas:
    """Looks at all places of a list: a comma that parts thousands, as in 1,234, is no decimal one.

    Decimals show that they are: some have another number of digits, or all numbers have them.
    """

    def __init__(self, path: Path):
        self.path, self.thousands, self.whole, self.decimals = path, "", "", False

    def add(self, number: str, separator: str) -> None:
        """Note one number as it is written."""
        if separator != SEPARATORS[0] and THOUSANDS.fullmatch(number):
            self.thousands = number
        elif "," in number:
            self.decimals = True
        elif number.isdecimal():
            self.whole = number

    def require_decimal(self) -> None:
        """Refuse a list in which commas most likely part thousands."""
        if self.thousands and self.whole and not self.decimals:
            found = f"{self.thousands} beside {self.whole}"
            do = "If the commas part thousands, save the numbers without them. If not, write decimal points."
            raise UserError(self.path, "decimal commas, or none", found, do)


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
