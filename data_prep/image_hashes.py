"""Which images a run and its folds have seen, by their pixels, so that no later set shares one unnoticed."""

import csv
import hashlib
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from data_prep.cells import Cell, Dataset
from deeppap.io.errors import UserError
from deeppap.io.files import complete_or_absent, digest, read_file, write_text
from deeppap.io.image_file import read_image
from deeppap.records import ModelRecord, RunRecord

IMAGES = "images.sha256"  # in a run folder: the images of its whole data set
FOLD_IMAGES = "cell_images.csv"  # one line a cell of the fold
SOURCE_IMAGES = "source_images.sha256"  # of a fold that is adapted: what its source net had learned from
COLUMNS = ["id", "part", "sha256"]
MAX_BYTES = 200_000_000  # a million cells take 100 MB
PARTS = ("train", "inner", "test")
NAMED = 10  # images that a line names
DO = "Remove fold.json beside it and build the fold again with tools/build_lmdb.py; its model stays."
Row = tuple[str, str, str]  # a cell's id, its part of the fold, and the checksum of its image's pixels


def image_key(sha256: str) -> str:
    """What names an image's file in labels, by the checksum of its bytes."""
    return digest(sha256)[:16]


def pixel_sha256(image: np.ndarray) -> str:
    """Sha256 over an image's shape and pixels: the same for a copy in another lossless format."""
    return hashlib.sha256(repr(image.shape).encode() + np.ascontiguousarray(image).tobytes()).hexdigest()


def seen_sha256(cell: Cell, image: np.ndarray | None = None) -> str:
    """What tells whether a net has seen a cell's image: the checksum of its pixels, or of the slide that it is of.

    `image` are its pixels, if they have been read.
    """
    return cell.slide_sha256 or pixel_sha256(read_image(cell.image) if image is None else image)


def image_hashes(dataset: Dataset) -> dict[Path, str]:
    """The checksum of every image of a data set, as `seen_sha256`; each is read once, and none is kept.

    Raises UserError if two of its sets share an image: folds would train on it in one set and test it in the other.
    """
    found: dict[Path, str] = {}
    firsts: dict[str, tuple[Path, str]] = {}
    for (path, name), cell in sorted({(cell.image, cell.set_name): cell for cell in dataset.cells}.items()):
        found[path] = seen_sha256(cell)
        other, first = firsts.setdefault(found[path], (path, name))
        if name != first:
            do = "Leave it out of one of them."
            raise UserError(path, f"images of {name} that {first} does not have", f"the pixels of {other}", do)
    return found


def write_images(path: Path, dataset: Dataset) -> None:
    """Write one line for each of different images: the checksum and the file's name, as sha256sum does."""
    names: dict[str, str] = {}
    for image, value in image_hashes(dataset).items():
        names.setdefault(value, image.name)
    write_text(path, "".join(f"{value}  {name}\n" for value, name in sorted(names.items())))


def some_names(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def read_images(path: Path) -> set[str]:
    """The checksums in a file that `write_images` wrote.

    Raises UserError for a line that does not begin with one.
    """
    return set(read_image_names(path))


def read_image_names(path: Path) -> dict[str, str]:
    """The images in a file that `write_images` wrote, by their checksums; "" where it has no name.

    Raises UserError for a line that does not begin with one.
    """
    expected, do = "one sha256 of an image's pixels a line", "Remove it and run tools/build_lmdb.py again."
    data = read_file(path, expected, MAX_BYTES, do)
    # the name behind the checksum is for people
    lines = [line.partition(" ") for line in data.decode("utf-8", "replace").splitlines()]
    names = {value: name.removeprefix(" ") for value, _, name in lines}
    if not names or any(len(value) != 64 or set(value) - set("0123456789abcdef") for value in names):
        raise UserError(path, expected, "something else", do)
    return names


def image_rows(parts: dict[str, list[Cell]], known: Mapping[Path, str]) -> list[Row]:
    """A row for each cell; every image is read once, or not at all where its checksum is `known`."""
    cells = [(cell, part) for part, members in parts.items() for cell in members]
    # checksums of images that were just decoded are reused: reading takes most of the time
    known = dict(known)
    for path, cell in {cell.image: cell for cell, _ in cells}.items():
        if path not in known:
            known[path] = seen_sha256(cell)
    return sorted((cell.id, part, known[cell.image]) for cell, part in cells)


def write_fold_images(target: Path, parts: dict[str, list[Cell]], known: Mapping[Path, str]) -> None:
    """Write a fold's `cell_images.csv`; `known` has the checksums of images that were decoded for its views."""
    rows = image_rows(parts, known)
    with complete_or_absent(target / FOLD_IMAGES) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])


def fold_images(fold: Path) -> list[Row]:
    """Read a fold's rows.

    Raises UserError if the file is missing or is none that `write_fold_images` wrote.
    """
    path = fold / FOLD_IMAGES
    text = read_file(path, "which images the fold was trained on", MAX_BYTES, DO).decode("utf-8", "replace")
    try:
        header, *rows = map(tuple, csv.reader(io.StringIO(text, newline="")))
    except (csv.Error, ValueError):  # no line at all
        header, rows = (), []
    whole = all(len(row) == len(COLUMNS) and row[1] in PARTS and len(row[2]) == 64 for row in rows)
    if header != tuple(COLUMNS) or not rows or not whole:
        raise UserError(path, f"columns {', '.join(COLUMNS)}", "something else", DO)
    return rows


def seen_images(fold: Path) -> set[str]:
    """Checksums of all that a fold's net has learned from: training and inner cells, and its own source's."""
    return {value for _, part, value in fold_images(fold) if part != "test"} | source_images(fold)


def tested_images(fold: Path) -> set[str]:
    """Checksums of the images of a fold's test cells."""
    return {value for _, part, value in fold_images(fold) if part == "test"} if (fold / FOLD_IMAGES).exists() else set()


def source_images(fold: Path) -> set[str]:
    """What the source net of an adapted fold had learned from; empty for any other fold."""
    return read_images(fold / SOURCE_IMAGES) if (fold / SOURCE_IMAGES).exists() else set()


def unfit_images(fold: Path, run: RunRecord) -> set[str]:
    """Checksums of the images that cannot judge a fold's net: those that it and its source learned from.

    If its test cells chose the snapshot, or have their own fields in training, or if nobody recorded how it was
    trained, these are the images of its whole data set.

    Raises UserError if nobody recorded these.
    """
    if run.protocol == "field" and run.select != "paper" and ModelRecord.read_if_there(fold):
        return seen_images(fold)
    path = fold.resolve().parent / IMAGES
    if not path.exists():
        do = "Build a fold of this run again with tools/build_lmdb.py."
        raise UserError(path, "the training images' checksums", "no such file", do)
    return read_images(path) | source_images(fold)


def learned_images(fold: Path) -> set[str]:
    """As `seen_images`; of a fold that lists no cells, all images of its run's data set, if these are known."""
    if (fold / FOLD_IMAGES).exists():
        return seen_images(fold)
    run = fold.resolve().parent / IMAGES
    return source_images(fold) | (read_images(run) if run.exists() else set())


def write_source_images(fold: Path, seen: Iterable[str]) -> None:
    """Keep what a fold's source net had learned from, for whoever adapts or validates this one."""
    write_text(fold / SOURCE_IMAGES, "".join(f"{value}\n" for value in sorted(seen)))


def known_images(run: Path, seen: Collection[str]) -> dict[str, str]:
    """The images of a run's data set that are among `seen`: names by their checksums; none if nobody recorded them."""
    path = run / IMAGES
    names = read_image_names(path) if path.exists() else {}
    return {value: name for value, name in names.items() if value in seen}


def require_held_out(rows: Iterable[Row], fold: Path, seen: Collection[str], source: Path) -> None:
    """Refuse a source net that has learned from an image of a fold's test or inner cells; `rows` are the fold's.

    The line names every image of the run that the net has learned from: without those of this fold, the rest would be
    split anew, and others of them be held out.
    """
    held = {value: f"the image of {cell}" for cell, part, value in rows if part != "train" and value in seen}
    if not held:
        return
    held |= known_images(fold.resolve().parent, seen)
    found = f"one that learned from {len(held)} image(s) of this set: {some_names(sorted(held.values()))}"
    do = (
        "Remove the lines of these images from your labels and import the rest into another folder with "
        "tools/import_labels.py, or adapt another net."
    )
    raise UserError(source, f"a net that has not seen the held-out cells of {fold}", found, do)
