"""Cells of one's own: at given centres of images, one by one or listed in a CSV."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TextIO

from common.errors import UserError
from data_prep.image_file import image_size, read_image
from data_prep.manifest import inside, manifest_rows
from engines.engine import ViewInput
from scoring.cell_score import CellScore
from scoring.cell_views import CellViews, ViewChoice, of_pixels
from scoring.score_cells import score_cells

COLUMNS = ("image", "nucleus_x", "nucleus_y")


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


def places_in(image: Path, centres: Iterable[tuple[float, float]]) -> list[Place]:
    """Places checked to lie inside their image; errors as `require_inside`'s and `image_size`'s."""
    size = image_size(image)
    return [Place(image, *require_inside(image, x, y, size)) for x, y in centres]


def places_of_csv(path: Path) -> list[Place]:
    """Places listed in a CSV with the columns image, nucleus_x, nucleus_y; images relative to it."""
    places, known = [], {}
    for line, row in manifest_rows(path, COLUMNS):
        try:
            x, y = float(row["nucleus_x"]), float(row["nucleus_y"])
        except ValueError:
            found = f"{row['nucleus_x']}, {row['nucleus_y']}"
            raise UserError(f"{path}, line {line}", "two numbers", found, "Give pixels, 0-based.") from None
        if row["image"] not in known:
            image = inside(path.parent, row["image"], f"{path}, line {line}")
            known[row["image"]] = (image, image_size(image))
        image, size = known[row["image"]]
        places.append(Place(image, *require_inside(image, x, y, size)))
    return places


def score_places(view_input: ViewInput, places: Sequence[Place], choice: ViewChoice) -> Iterator[CellScore]:
    """Score the cells at these places, image after image, each read once; given in the order of the places."""
    first = {image: number for number, image in enumerate(dict.fromkeys(place.image for place in places))}
    order = sorted(range(len(places)), key=lambda row: first[places[row].image])
    waiting: dict[int, CellScore] = {}
    following = 0
    for row, score in zip(order, score_cells(view_input, _cells(places, order, choice)), strict=True):
        waiting[row] = score
        while following in waiting:
            yield waiting.pop(following)
            following += 1


def _cells(places: Sequence[Place], order: Sequence[int], choice: ViewChoice) -> Iterator[CellViews]:
    read = lru_cache(maxsize=1)(read_image)
    for image, x, y in (places[row] for row in order):
        yield of_pixels(read(image), (x, y), choice, image)


def to_csv(scores: Iterable[CellScore], file: TextIO) -> None:
    """Write image, centre, P(abnormal), its spread over views, and the class at threshold 0.5."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["image", "nucleus_x", "nucleus_y", "score", "spread", "class"])
    for s in scores:
        kind = "abnormal" if s.score >= 0.5 else "normal"
        writer.writerow([s.cell.image, *(f"{v:g}" for v in s.cell.centre), f"{s.score:.6f}", f"{s.spread:.6f}", kind])
