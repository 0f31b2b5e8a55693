"""Which images a data set holds, by their pixels: kept with a run, so that no later set shares one unnoticed."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from data_prep.cells import Dataset
from deeppap.io.errors import UserError
from deeppap.io.files import write_text
from deeppap.io.image_file import read_image

IMAGES = "images.sha256"


def pixel_sha256(image: np.ndarray) -> str:
    """Sha256 over an image's shape and pixels: the same for a copy in another lossless format."""
    return hashlib.sha256(repr(image.shape).encode() + np.ascontiguousarray(image).tobytes()).hexdigest()


def image_hashes(dataset: Dataset) -> dict[str, Path]:
    """Every image of a data set by the checksum of its pixels; each is read once, and none is kept."""
    return {pixel_sha256(read_image(path)): path for path in sorted({cell.image for cell in dataset.cells})}


def write_images(path: Path, dataset: Dataset) -> None:
    """Write one line an image: the checksum and the file's name, as sha256sum does."""
    lines = sorted(f"{value}  {image.name}" for value, image in image_hashes(dataset).items())
    write_text(path, "\n".join(lines) + "\n")


def read_images(path: Path) -> set[str]:
    """The checksums in a file that `write_images` wrote.

    Raises
    ------
    UserError
        For a line that does not begin with one.
    """
    values = [line.split(" ")[0] for line in path.read_text(encoding="utf-8").splitlines()]
    if not values or any(len(value) != 64 or set(value) - set("0123456789abcdef") for value in values):
        do = "Remove it and run tools/build_lmdb.py again."
        raise UserError(path, "one sha256 of an image's pixels a line", "something else", do)
    return set(values)


def require_no_shared_image(known: set[str], images: Mapping[str, Path], source: Path) -> None:
    """Refuse images that the set behind `source`, a run's folder, holds too."""
    shared = sorted(images[value] for value in known & images.keys())
    if shared:
        found = f"{len(shared)} of the {len(images)} images, such as {shared[0].name}"
        do = "Leave them out: the net has seen them, or their neighbours, in training."
        raise UserError(source, "no image of the set to validate on in the training data", found, do)
