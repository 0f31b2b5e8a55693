"""A folder of drawn cells in the shape of Herlev or of HEMLBC.

A phantom is a drawing. A net learns from it as from a data set, but no figure obtained from it is a result.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from data_prep.cells import PHANTOM_FILE
from data_prep.herlev_classes import CLASSES, NUCLEUS
from deeppap.io.errors import FieldError, UserError
from deeppap.io.files import complete_or_absent
from deeppap.io.progress import progress
from deeppap.phantom.cell import HE, HE_BACKGROUND, PAP, PAP_BACKGROUND, draw_cell

SMALLEST, LARGEST = 14, 20_000  # cells; 14 are two of each class
MANIFEST_CELLS = 2 * 989  # paper: "HEMLBC Dataset"
SLIDES = 8  # of each label, as in HEMLBC

# Herlev has 917 cells in 323 fields and 538 frames; the numbers of normal and abnormal fields lie far apart
FIELD_CELLS = 917 / 323
NEW_FRAME = (538 - 323) / (917 - 323)
FIRST_FIELD = {0: 153_900_000, 1: 148_490_000}

# second entry of the seed sequences; a cell of class k uses k, which is below 100
_FIELDS, _TINTS, _SLIDES, _SHUFFLE = 100, 101, 102, 103

README = """This is a phantom: every cell in it was drawn by a program (tools/make_phantom.py).
It has the shape of a real set and is there for trying and testing the tools.
No figure obtained from it is a result, and nothing in it says anything about real cells.
"""


class Place(NamedTuple):
    """A cell's class, its number within the class, its file's stem and the field it is in."""

    class7: int
    index: int
    stem: str
    field: int


def make_phantom(out: Path, cells: int | None = None, seed: int = 1) -> list[int]:
    """Draw a set in Herlev's shape: seven class folders of `<stem>.BMP` and `<stem>-d.bmp` (paper: Table 1).

    `cells` are at least 14; None takes Herlev's 917. The same seed gives the same bytes. Returns the number of cells
    in each of the seven classes.

    Raises UserError if an argument is out of range, the folder exists, or the disk is full.
    """
    _check(cells, seed)
    counts = class_counts(cells)
    folders = [entry.folder for entry in CLASSES]
    with _new_set(out, {"shape": "herlev", "counts": counts, "seed": seed}, folders) as partial:
        for place in progress(places(counts, seed), desc="drawing", unit="cell"):
            _draw_herlev_cell(partial, place, seed)
    return counts


def make_phantom_manifest(out: Path, cells: int | None = None, seed: int = 1) -> Path:
    """Draw a set in HEMLBC's shape (paper: "HEMLBC Dataset"): `images/` and a manifest, no masks.

    Arguments and errors are those of `make_phantom`. `cells` is even, half of them normal; default: 1,978. Returns
    `cells.csv`: image, label, nucleus_x, nucleus_y (pixels, 0-based), group (the slide).
    """
    _check(cells, seed)
    cells = MANIFEST_CELLS if cells is None else cells
    if cells % 2:
        raise FieldError("cells", "an even number (half normal, half abnormal)", f"{cells}", f"Use {cells + 1}.")
    # shuffled, so that the order of the files does not tell the label
    order = np.random.default_rng(np.random.SeedSequence((seed, _SHUFFLE))).permutation(cells)
    about = {"shape": "manifest", "counts": [cells // 2, cells // 2], "seed": seed}
    rows = ["image,label,nucleus_x,nucleus_y,group"]
    with _new_set(out, about, ["images"]) as partial:
        for name, at in enumerate(progress(order.tolist(), desc="drawing", unit="cell"), 1):
            rows.append(_draw_manifest_cell(partial, at % 2, at // 2, f"{name:05d}", seed))
        (partial / "cells.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return out / "cells.csv"


def class_counts(cells: int | None) -> list[int]:
    """Herlev's seven counts, or `cells` split in their proportion with at least 2 in each class."""
    full = np.array([entry.count for entry in CLASSES])
    if cells is None:
        return full.tolist()
    ideal = full * cells / full.sum()
    counts = np.maximum(2, np.floor(ideal)).astype(int)
    # rounded down first, then the classes that lost most get one more
    while counts.sum() < cells:
        counts[np.argmax(ideal - counts)] += 1
    while counts.sum() > cells:
        counts[np.argmin(np.where(counts > 2, ideal - counts, np.inf))] -= 1
    return counts.tolist()


def places(counts: list[int], seed: int) -> list[Place]:
    """Name every cell of the seven classes; a field holds cells of one label, mostly of one class."""
    named = []
    for label in (0, 1):
        rng = np.random.default_rng(np.random.SeedSequence((seed, _FIELDS, label)))
        classes = [class7 for class7, entry in enumerate(CLASSES) if entry.label == label]
        cells = [(class7, index) for class7 in classes for index in range(counts[class7])]
        # sorted by class with noise: neighbours in this order share a field
        # noise lets a field hold cells of two neighbouring classes, as some of Herlev's do
        order = np.argsort([class7 for class7, _ in cells] + rng.normal(0, 0.3, len(cells)), kind="stable")
        named += _number([cells[i] for i in order], FIRST_FIELD[label], rng)
    return sorted(named)


def _number(cells: list[tuple[int, int]], field: int, rng: np.random.Generator) -> list[Place]:
    """Split the cells into fields and frames, and name them as Herlev does: field-frame-NNN."""
    largest = max(1, len(cells) // 5)  # a small phantom still has a field for each of five folds
    named, left = [], 0
    for class7, index in cells:
        # numbers of fields and frames rise with gaps, as in Herlev, so that file names tell the session
        if left == 0:
            field += int(rng.integers(60, 400))
            left = min(int(rng.geometric(1 / FIELD_CELLS)), largest)
            frame, number = field + int(rng.integers(5, 20)), 0
        elif rng.random() < NEW_FRAME:
            frame, number = frame + int(rng.integers(1, 9)), 0
        number, left = number + 1, left - 1
        named.append(Place(class7, index, f"{field}-{frame}-{number:03d}", field))
    return named


def _check(cells: int | None, seed: int) -> None:
    """Check the arguments' ranges."""
    if cells is not None and not SMALLEST <= cells <= LARGEST:
        raise FieldError("cells", f"{SMALLEST} to {LARGEST}", f"{cells}", "Choose a number in that range.")
    if not 0 <= seed < 2**63:
        raise FieldError("seed", "0 or a positive whole number", f"{seed}", "Choose another seed.")


@contextmanager
def _new_set(out: Path, about: dict, folders: list[str]) -> Iterator[Path]:
    """A partial folder for a set, with these folders in it; it gets its name with all its files or not at all."""
    require_new(out)
    with complete_or_absent(out) as partial:
        for name in folders:
            (partial / name).mkdir(parents=True)
        yield partial
        write_about(partial, {"drawing": 1, **about})


def require_new(out: Path) -> None:
    """Refuse a place where something is."""
    if os.path.lexists(out):
        raise UserError(out, "a new name", "one that is there", "Choose another; this one is not touched.")


def write_about(folder: Path, about: dict) -> None:
    """What makes a folder known as a phantom, to programs and to people."""
    (folder / PHANTOM_FILE).write_text(json.dumps(about) + "\n", encoding="utf-8")
    (folder / "README.txt").write_text(README, encoding="utf-8")


def _tint(*key: int) -> np.ndarray:
    """The stain and light shared by all cells of one field or slide, a factor for each channel."""
    rng = np.random.default_rng(np.random.SeedSequence(key))
    return rng.normal(1, 0.05) * rng.normal(1, 0.025, 3)


def _draw_herlev_cell(folder: Path, place: Place, seed: int) -> None:
    """Draw one cell of a Herlev-shaped set: a pure function of seed, class and number."""
    rng = np.random.default_rng(np.random.SeedSequence((seed, place.class7, place.index)))
    image, mask = draw_cell(PAP[place.class7], rng, PAP_BACKGROUND, _tint(seed, _TINTS, place.field))
    stem = folder / CLASSES[place.class7].folder / place.stem
    write_image(stem.with_name(f"{stem.name}.BMP"), image)
    write_image(stem.with_name(f"{stem.name}-d.bmp"), mask)


def _draw_manifest_cell(folder: Path, label: int, index: int, name: str, seed: int) -> str:
    """Draw one cell of a manifest's set; its row of cells.csv."""
    slide = label * SLIDES + index % SLIDES
    rng = np.random.default_rng(np.random.SeedSequence((seed, _SLIDES, label, index)))
    image, mask = draw_cell(HE[label], rng, HE_BACKGROUND, _tint(seed, _SLIDES, slide))
    y, x = np.nonzero((mask == NUCLEUS).all(axis=2))
    write_image(folder / "images" / f"{name}.png", image)
    return f"images/{name}.png,{label},{x.mean():.3f},{y.mean():.3f},slide{slide + 1:02d}"


def write_image(path: Path, image: np.ndarray) -> None:
    """Write an RGB image. OpenCV's own writer returns False on a full disk; Python's raises."""
    path.write_bytes(cv2.imencode(path.suffix.lower(), image[:, :, ::-1])[1])
