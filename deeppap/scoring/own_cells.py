"""Cells of one's own: at given centres of images, one by one or listed in a CSV."""

import csv
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple, TextIO

from tqdm import tqdm

from data_prep.manifest import manifest_rows
from data_prep.manifest_values import inside, pixel_um_of
from data_prep.views import same_pixel
from deeppap.engines.engine import ViewInput
from deeppap.io.errors import Mistakes, UserError
from deeppap.io.files import complete_or_absent
from deeppap.io.image_file import read_image
from deeppap.scoring.cell_score import CellScore
from deeppap.scoring.cell_views import CellViews, ViewChoice, of_pixels
from deeppap.scoring.known_cells import KnownCells
from deeppap.scoring.score_cells import score_cells
from deeppap.scoring.unlike import COLUMN, MARKS

COLUMNS = ("image", "nucleus_x", "nucleus_y")


class Place(NamedTuple):
    """A nucleus centre in pixels of an image file, 0-based, x the column."""

    image: Path
    x: float
    y: float


def require_inside(image: Path | str, x: float, y: float, size: tuple[int, int]) -> tuple[float, float]:
    """The centre (x, y), refused where it lies outside an image of (height, width); `image` is named in the error."""
    height, width = size
    if not (-0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5):
        raise UserError(image, f"a centre inside its {width} x {height} pixels", f"{x:g},{y:g}", "Give X,Y, 0-based.")
    return float(x), float(y)


def as_pairs(centres: Iterable[Sequence[float]]) -> list[tuple[float, float]]:
    """Centres as pairs of numbers; UserError for anything else, such as one pair that is in no list."""
    try:
        return [(float(x), float(y)) for x, y in centres]
    except (TypeError, ValueError):
        do = "Give a list, also of one centre."
        raise UserError("centres", "pairs (x, y), as in [(63.5, 71)]", repr(centres)[:60], do) from None


def places_in(image: Path, centres: Iterable[tuple[float, float]]) -> list[Place]:
    """Places checked to lie inside their image; errors as `require_inside`'s and `read_image`'s."""
    size = _size(image)
    return [Place(image, *require_inside(image, x, y, size)) for x, y in centres]


def _size(image: Path) -> tuple[int, int]:
    return read_image(image).shape[:2]  # decoded whole: a cut file is to be found before the first score


def places_of_csv(path: Path, trained_um: float | None = None) -> list[Place]:
    """Places listed in a CSV with the columns image, nucleus_x, nucleus_y; images relative to it.

    A `pixel_um` there must be that of the training images, `trained_um`, where that is known: nothing is resampled.

    Raises
    ------
    UserError
        For all mistakes of the list at once, before anything is scored.
    """
    places, mistakes, size = [], Mistakes(), cache(_size)  # each image once, however many cells lie in it
    for line, row in tqdm(manifest_rows(path, COLUMNS, mistakes), desc="check", unit="cell", leave=False, disable=None):
        with mistakes.noted():
            where = f"{path}, line {line}"
            _require_pixel(row.get("pixel_um"), trained_um, where)
            places.append(_place(path.parent, row, where, size))
    mistakes.require_none()
    return places


def _require_pixel(text: str | None, trained_um: float | None, where: str) -> None:
    size = pixel_um_of(text, set(), where)
    if None not in (size, trained_um) and not same_pixel(size, trained_um):
        do = "Rescale the images, see docs/own_cells.md."
        raise UserError(where, f"pixels of {trained_um:g} um, the training images'", f"{size:g}", do)


def _place(folder: Path, row: dict[str, str], where: str, size: Callable[[Path], tuple[int, int]]) -> Place:
    try:
        x, y = float(row["nucleus_x"]), float(row["nucleus_y"])
    except ValueError:
        found = f"{row['nucleus_x']}, {row['nucleus_y']}"
        raise UserError(where, "two numbers", found, "Give pixels, 0-based.") from None
    image = inside(folder, row["image"], where)
    return Place(image, *require_inside(where, x, y, size(image)))


def score_places(
    view_input: ViewInput, places: Sequence[Place], choice: ViewChoice, known: KnownCells | None = None
) -> Iterator[CellScore]:
    """Score the cells at these places, image after image, each read once; given in the order of the places."""
    first = {image: number for number, image in enumerate(dict.fromkeys(place.image for place in places))}
    order = sorted(range(len(places)), key=lambda row: first[places[row].image])
    waiting: dict[int, CellScore] = {}
    following = 0
    for row, score in zip(
        order, score_cells(view_input, cells_at([places[row] for row in order], choice), known), strict=True
    ):
        waiting[row] = score
        while following in waiting:
            yield waiting.pop(following)
            following += 1


def cells_at(places: Iterable[Place], choice: ViewChoice) -> Iterator[CellViews]:
    """The cells at these places, an image read once for all that follow one another in it."""
    read = lru_cache(maxsize=1)(read_image)
    for image, x, y in places:
        yield of_pixels(read(image), (x, y), choice, image)


def require_writable(out: Path, sources: Iterable[Path]) -> None:
    """Refuse a place that cannot be written, a folder's, or one of `sources`': files read, or written besides."""
    if out.is_dir():
        raise UserError(out, "a file to write", "a folder", "Give a file's name, such as scores.csv in it.")
    there = next(folder for folder in out.absolute().parents if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise UserError(out, "a place where a file can be written", f"{there}, where none can", "Give another place.")
    places = {source.resolve() for source in sources}
    if out.resolve() in places or out.exists() and any(out.samefile(place) for place in places if place.exists()):
        raise UserError(out, "another file than one that is read or written besides", "the same", "Give another name.")


def write_csv(scores: Iterable[CellScore], count: int, out: Path) -> list[bool | None]:
    """What `to_csv` does, into a file, complete or absent, with a bar of progress over `count` cells."""
    with complete_or_absent(out) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        return to_csv(tqdm(scores, total=count, desc="score", unit="cell", disable=None), file)


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
