"""Cells of one's own: at given centres of images, one by one or listed in a CSV."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TextIO

from common.errors import UserError
from data_prep.image_file import image_size, read_image
from data_prep.manifest import inside, manifest_rows
from scoring.cell_score import CellScore
from scoring.cell_views import CellViews, ViewChoice, of_pixels
from scoring.unlike import COLUMN, MARKS

COLUMNS = ("image", "nucleus_x", "nucleus_y")
IMAGES_HELD = 4  # decoded at a time: a list mostly comes image after image


class Place(NamedTuple):
    """A nucleus centre in pixels of an image file, 0-based, x the column."""

    image: Path
    x: float
    y: float


def require_inside(image: Path, x: float, y: float, size: tuple[int, int]) -> tuple[float, float]:
    """The centre (x, y), refused where it lies outside an image of (height, width)."""
    height, width = size
    if not (-0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5):
        raise UserError(image, f"a centre inside its {width} x {height} pixels", f"{x:g},{y:g}", "Give X,Y, 0-based.")
    return float(x), float(y)


def place_in(image: Path, x: float, y: float) -> Place:
    """A place, checked to lie inside its image; errors as `require_inside`'s and `image_size`'s."""
    return Place(image, *require_inside(image, x, y, _size(image)))


@lru_cache(maxsize=1024)
def _size(image: Path) -> tuple[int, int]:
    return image_size(image)


def places_of_csv(path: Path) -> list[Place]:
    """Places listed in a CSV with the columns image, nucleus_x, nucleus_y; images relative to it."""
    places = []
    for line, row in manifest_rows(path, COLUMNS):
        try:
            x, y = float(row["nucleus_x"]), float(row["nucleus_y"])
        except ValueError:
            found = f"{row['nucleus_x']}, {row['nucleus_y']}"
            raise UserError(f"{path}, line {line}", "two numbers", found, "Give pixels, 0-based.") from None
        places.append(place_in(inside(path.parent, row["image"], f"{path}, line {line}"), x, y))
    return places


def cells_at(places: Sequence[Place], choice: ViewChoice) -> Iterator[CellViews]:
    """The cells at these places, an image read once for all that follow one another in it."""
    read = lru_cache(maxsize=IMAGES_HELD)(read_image)
    for place in places:
        yield of_pixels(read(place.image), (place.x, place.y), choice, place.image)


def to_csv(scores: Iterable[CellScore], file: TextIO) -> list[bool | None]:
    """Write image, centre, P(abnormal), its spread over views, the class at threshold 0.5, and whether it is unlike.

    Returns each cell's `unlike_training`.
    """
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["image", "nucleus_x", "nucleus_y", "score", "spread", "class", COLUMN])
    marks = []
    for s in scores:
        kind = "abnormal" if s.score >= 0.5 else "normal"
        numbers = [*(f"{v:g}" for v in s.cell.centre), f"{s.score:.6f}", f"{s.spread:.6f}"]
        writer.writerow([s.cell.image, *numbers, kind, MARKS[s.unlike_training]])
        marks.append(s.unlike_training)
    return marks
