"""Which images a fold trains on and which it holds out, by their pixels: kept with the fold, wherever it goes."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from data_prep.cells import Cell
from data_prep.image_hashes import pixel_sha256, read_images
from deeppap.io.errors import UserError
from deeppap.io.files import complete_or_absent, write_text
from deeppap.io.image_file import read_image

FILE = "cell_images.csv"  # one line a cell of the fold
SOURCE = "source_images.sha256"  # of a fold that is adapted: what its source net had learned from
COLUMNS = ["id", "part", "sha256"]
PARTS = ("train", "inner", "test")
DO = "Remove fold.json beside it and build the fold again with tools/build_lmdb.py; its model stays."
Row = tuple[str, str, str]  # a cell's id, its part of the fold, and the checksum of its image's pixels


def image_rows(parts: dict[str, list[Cell]], known: Mapping[Path, str] | None = None) -> list[Row]:
    """A row for each cell; every image is read once, or not at all where its checksum is `known`."""
    cells = [(cell, part) for part, members in parts.items() for cell in members]
    known = dict(known or {})
    for path in sorted({cell.image for cell, _ in cells} - known.keys()):
        known[path] = pixel_sha256(read_image(path))
    return sorted((cell.id, part, known[cell.image]) for cell, part in cells)


def write_fold_images(target: Path, parts: dict[str, list[Cell]], known: Mapping[Path, str]) -> None:
    """Write a fold's `cell_images.csv`; `known` has the checksums of images that were decoded for its views."""
    rows = image_rows(parts, known)
    with complete_or_absent(target / FILE) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])


def fold_images(fold: Path) -> list[Row]:
    """Read a fold's rows.

    Raises
    ------
    UserError
        If the file is missing or is none that `write_fold_images` wrote.
    """
    path = fold / FILE
    if not path.exists():
        raise UserError(path, "which images the fold was trained on", "no such file", DO)
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    wrong = [row for row in rows if len(row) != len(COLUMNS) or row[1] not in PARTS or len(row[2]) != 64]
    if header != COLUMNS or wrong or not rows:
        raise UserError(path, f"columns {', '.join(COLUMNS)}", "something else", DO)
    return [(cell, part, value) for cell, part, value in rows]


def seen_images(fold: Path) -> set[str]:
    """Checksums of all that a fold's net has learned from: training and inner cells, and its own source's."""
    return {value for _, part, value in fold_images(fold) if part != "test"} | source_images(fold)


def source_images(fold: Path) -> set[str]:
    """What the source net of an adapted fold had learned from; empty for any other fold."""
    return read_images(fold / SOURCE) if (fold / SOURCE).exists() else set()


def write_source_images(fold: Path, seen: Iterable[str]) -> None:
    """Keep what a fold's source net had learned from, for whoever adapts or validates this one."""
    write_text(fold / SOURCE, "".join(f"{value}\n" for value in sorted(seen)))


def require_unseen(fold: Path, seen: set[str], source: Path) -> None:
    """Refuse a source net that has learned from an image of the fold's test or inner cells."""
    require_held_out(fold_images(fold), fold, seen, source)


def require_held_out(rows: Iterable[Row], fold: Path, seen: set[str], source: Path) -> None:
    """The same of a fold's rows, whether it is built or not."""
    held = [(cell, part) for cell, part, value in rows if part != "train" and value in seen]
    if held:
        cell, part = held[0]
        found = f"{len(held)} whose image the source was trained on, such as {cell} ({part})"
        do = "Adapt another net, or leave these cells out: the figures would be of cells it knows."
        raise UserError(source, f"a net that has not seen the held-out cells of {fold}", found, do)
