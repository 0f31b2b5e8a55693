"""Scoring unlabelled cells at given centres of images: some of one image, or a list of many in a CSV."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TextIO

from data_prep.classes import PLAIN, THRESHOLD, CellClass
from data_prep.csv_dialect import Centres
from data_prep.manifest import inside, manifest_rows, pixel_um_of
from data_prep.pixel_size import read_cell_image, same_pixel, say_other_size
from data_prep.views import REACH
from deeppap.engines.device import Device
from deeppap.io.errors import Mistakes, UserError
from deeppap.io.files import complete_or_absent
from deeppap.io.machine import usable_memory
from deeppap.io.names import CsvWriter
from deeppap.io.progress import progress
from deeppap.scoring.cell_views import CellViews, ViewChoice, of_image, require_inside, scale_to
from deeppap.scoring.ood import COLUMN, WORDS
from deeppap.scoring.score_cells import CellScore, averaged, score_cells
from deeppap.scoring.trained_model import TrainedModel

COLUMNS = ("image", "nucleus_x", "nucleus_y")
FIRST = (*COLUMNS, "score", "spread")  # columns of a result
PNG = b"\x89PNG\r\n\x1a\n"  # how an older picture begins
CELL_BYTES = 3 * (2 * REACH + 1) ** 2  # of the pixels that a cell's views can reach


class Listed(NamedTuple):
    """A nucleus centre in pixels of an image file, 0-based, x the column, and how the net sees that image enlarged."""

    image: Path
    x: float
    y: float
    scale: float


GivenCells = list[CellViews | Listed]


def cells_in_image(
    path: Path,
    centres: Iterable[tuple[float, float]],
    choice: ViewChoice,
    training_um: float | None = None,
    mpp: float | None = None,
) -> GivenCells:
    """Cells of one image, which is read once; see `cells_in_csv` for the pixel sizes."""
    image = read_cell_image(path, scale_to(path, training_um, mpp))
    say_other_size(path, mpp if training_um else None)
    checked = [require_inside(path, x, y, image.stored.shape[:2]) for x, y in centres]
    return [of_image(image, path, centre, choice) for centre in checked]


def cells_in_csv(
    path: Path,
    choice: ViewChoice,
    training_um: float | None = None,
    mpp: float | None = None,
    held_bytes: int | None = None,
) -> GivenCells:
    """Cells that a CSV lists in the columns image, nucleus_x and nucleus_y; images are relative to it.

    Each image is read here, so that all mistakes are known before the first score. The pixels of the cells are kept
    up to `held_bytes`, by default a quarter of the memory. An image is only read again for cells beyond that.

    The images are resampled to `training_um`, the side of a pixel at which the net learned, in micrometres. `mpp` is
    that of the images; without it their own, in the column `pixel_um`.

    Raises UserError with all mistakes of the list.
    """
    mistakes = Mistakes()
    errors: list[tuple[int, UserError]] = []  # with their lines: they are found line by line, then image by image
    listed: dict[int, Listed] = {}
    for line, row in manifest_rows(path, mistakes, COLUMNS):
        try:
            listed[line] = _listed(path, line, row, training_um, mpp)
        except UserError as error:
            errors.append((line, error))
    centres = Centres(path)
    for cell in listed.values():
        centres.add(cell.x, cell.y)
    centres.require_pixels()
    lines_of: dict[tuple[Path, float], list[int]] = {}
    for line, cell in listed.items():
        lines_of.setdefault((cell.image, cell.scale), []).append(line)

    # reading an image twice costs more than keeping what its cells need; a list of any length must still fit
    room = (usable_memory() // 4 if held_bytes is None else held_bytes) // CELL_BYTES
    found: dict[int, CellViews | Listed] = {}
    for (name, scale), lines in progress(lines_of.items(), desc="read", unit="image", leave=False):
        try:
            image = read_cell_image(name, scale)
        except UserError as error:
            errors.append((lines[0], error))
            continue
        say_other_size(name, scale * training_um if training_um else None)
        for line in lines:
            cell = listed[line]
            try:
                centre = require_inside(f"{path}, line {line}", cell.x, cell.y, image.stored.shape[:2])
            except UserError as error:
                errors.append((line, error))
            else:
                found[line] = of_image(image, name, centre, choice) if len(found) < room else cell
    for _, error in sorted(errors, key=lambda pair: pair[0]):
        mistakes.add(error)
    mistakes.require_none()
    return [found[line] for line in listed]


def _listed(path: Path, line: int, row: dict[str, str], training_um: float | None, mpp: float | None) -> Listed:
    """What a line of a list says; UserError if it is not well formed, or states another pixel size than `mpp`."""
    where = f"{path}, line {line}"
    own = pixel_um_of(row.get("pixel_um"), where)
    if mpp and own and not same_pixel(mpp, own):
        raise UserError(where, f"pixel_um {mpp:g}, as `mpp` says", f"{own:g}", "Leave `mpp` out, or correct the line.")
    scale = scale_to(where, training_um, mpp or own)
    try:
        x, y = float(row["nucleus_x"]), float(row["nucleus_y"])
    except ValueError:
        found = f"{row['nucleus_x']}, {row['nucleus_y']}"
        raise UserError(where, "two numbers", found, "Give pixels, 0-based.") from None
    return Listed(inside(path.parent, row["image"], where), x, y, scale)


def with_pixels(cells: Iterable[CellViews | Listed], choice: ViewChoice) -> Iterator[CellViews]:
    """The cells in their order; the images of those whose pixels were not kept are read again."""
    read = lru_cache(maxsize=1)(read_cell_image)
    for cell in cells:
        if isinstance(cell, Listed):
            yield of_image(read(cell.image, cell.scale), cell.image, (cell.x, cell.y), choice)
        else:
            yield cell


def images_of(cells: GivenCells) -> set[Path]:
    """The images that the cells lie in."""
    return {cell.image if isinstance(cell, Listed) else cell.cell.image for cell in cells}


def score_given(
    models: Sequence[TrainedModel],
    device: Device,
    cells: GivenCells,
    choice: ViewChoice,
    say: Callable[[str], None],
    threshold: float = THRESHOLD,
    crops: int | None = None,
) -> Iterator[CellScore]:
    """Score the cells with every net side by side and average the scores, in the cells' order.

    A score of `threshold` or more is called abnormal. Of each view `crops` are scored, by default as many as the net's
    profile says.
    """
    of_nets = []
    for model in models:
        engine = model.engine(device)
        ready = engine.view_input(model.mean, model.crops(crops))
        known = model.ood_reference(say)
        # generators: the nets advance cell by cell, so no net's scores are held for a whole list
        of_nets.append(score_cells(ready, with_pixels(cells, choice), model.outputs, known))
    return (replace(score, threshold=threshold) for score in averaged(of_nets))


def require_writable(out: Path, sources: Iterable[Path]) -> None:
    """Refuse a place that cannot be written, or a file that is one of `sources`: those read, or written as well.

    A file that is there is replaced only if it may be an older result: a PNG, or a CSV of the same first columns.
    """
    if out.is_dir():
        raise UserError(out, "a file to write", "a folder", "Give a file's name, such as scores.csv in it.")
    # folders that are missing are made later; the nearest that exists must let us
    there = next(folder for folder in out.absolute().parents if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise UserError(out, "a place where a file can be written", f"{there}, where none can", "Give another place.")
    places = {source.resolve() for source in sources}
    same = out.exists() and any(out.samefile(place) for place in places if place.exists())
    if same or out.resolve() in places:
        raise UserError(out, "another file than one that is read or written as well", "the same", "Give another name.")
    if os.path.lexists(out) and not (out.is_file() and _is_older(out)):
        raise UserError(out, "a new file, or an older result", "another file", "Give another name, or move it away.")


def _is_older(path: Path) -> bool:
    begins = PNG if path.suffix.lower() == ".png" else ",".join(FIRST).encode()
    with path.open("rb") as file:
        return file.read(len(begins)) in (begins, b"")


def write_csv(
    scores: Iterable[CellScore], outputs: Sequence[CellClass], count: int, out: Path, with_threshold: bool = False
) -> list[bool | None]:
    """What `to_csv` does, into a file, complete or absent, with a progress bar over `count` cells."""
    with complete_or_absent(out) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        return to_csv(progress(scores, total=count, desc="score", unit="cell"), outputs, file, with_threshold)


def to_csv(
    scores: Iterable[CellScore], outputs: Sequence[CellClass], file: TextIO, with_threshold: bool = False
) -> list[bool | None]:
    """Write image, centre, P(abnormal), its spread over views, what the cell is called, and whether it is out of
    distribution; of a net of several classes also P(class) of each, and the threshold if it is asked for.

    Returns each cell's `out_of_distribution`.
    """
    writer = CsvWriter(file)
    names = [] if outputs == PLAIN else [f"p_{one.name}" for one in outputs]
    writer.writerow([*FIRST, "class", COLUMN, *names, *(["threshold"] if with_threshold else [])])
    marks = []
    for score in scores:
        probs = [f"{value:.6f}" for value in score.prob[: len(names)]]
        x, y = score.cell.centre
        numbers = [f"{x:g}", f"{y:g}", f"{score.score:.6f}", f"{score.spread:.6f}"]
        more = [*probs, *([f"{score.threshold:g}"] if with_threshold else [])]
        writer.writerow([score.cell.image, *numbers, score.called, WORDS[score.out_of_distribution], *more])
        marks.append(score.out_of_distribution)
    return marks
