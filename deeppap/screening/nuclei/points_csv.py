"""Nuclei as points in a CSV with the columns x and y, or nucleus_x and nucleus_y, as spreadsheets write it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from data_prep.csv_dialect import Centres, Commas, csv_lines, names_of, with_point
from deeppap.io.errors import UserError
from deeppap.io.names import to_number

XY = (("x", "y"), ("nucleus_x", "nucleus_y"))
# columns that only a table of boxes has, whatever else their names hold: width, box_w, x2, xmax
SIDE = re.compile(r"(?:.*[_ ])?(?:w|h|width|height|bw|bh)(?:[_ (].*)?|[xy]_?(?:2|max)|(?:right|bottom)")


class CsvPoint(NamedTuple):
    """A nucleus centre in pixels, 0-based; `where` names its line, what has no column is None."""

    where: str
    x: float
    y: float
    image: str | None
    label: str | None
    group: str | None = None  # fields of one group overlap, or are of one slide


def read_points(path: Path) -> Iterator[CsvPoint]:
    """The points of a CSV; empty lines are skipped.

    Raises UserError for a file without these columns, one of boxes or of shares of the image, and naming the line that
    has no numbers or too few values.
    """
    lines = csv_lines(path, lambda name: name.strip().lower())
    _, header, separator = next(lines)
    names = next((pair for pair in XY if set(pair) <= set(header)), None)
    if names is None:
        expected = "columns x and y, or nucleus_x and nucleus_y"
        raise UserError(path, expected, names_of(header), "Name them in the first line.")
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise UserError(path, "columns of different names", f"{twice or 'no name'} twice", "Rename one of them.")
    if names == XY[0] and sum(SIDE.fullmatch(name) is not None for name in header) >= 2:
        do = "Import them by tools/import_labels.py, or give each nucleus' centre as nucleus_x and nucleus_y."
        raise UserError(path, "the centres of nuclei", "boxes, whose x and y may be a corner's", do)
    centres, commas = Centres(path), Commas(path)
    for number, values, _ in lines:
        where = f"{path}, line {number}"
        if len(values) != len(header):
            raise UserError(where, f"{len(header)} values", f"{len(values)}", "Correct the line.")
        cell = dict(zip(header, values, strict=True))
        x, y = (_number(where, with_point(cell[name], separator)) for name in names)
        centres.add(x, y)
        for name in names:
            commas.add(cell[name], separator)
        yield CsvPoint(where, x, y, cell.get("image"), cell.get("bethesda") or cell.get("label"), cell.get("group"))
    centres.require_pixels()
    commas.require_decimal()


def _number(where: str, text: str) -> float:
    value = to_number(text)
    if not abs(value) < 1e9:  # true for nan, too
        raise UserError(where, "two numbers, x and y", repr(text)[:40], "Give pixels, 0-based.")
    return value
