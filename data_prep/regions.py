"""The surroundings of a build's cells: cut image after image, each decoded once, and kept in a scratch file."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from common.errors import UserError
from common.files import disk_full
from common.in_order import in_order
from data_prep.cells import Cell, by_image
from data_prep.image_file import read_image
from data_prep.views import REACH, neighbourhood

REGION_BYTES = 3 * (2 * REACH + 1) ** 2  # of one cell at most, on disk while a fold is built; in memory none is kept
Region = tuple[np.ndarray, tuple[float, float]]


class Place(NamedTuple):
    """Where a region lies in the scratch file, its shape (H, W, 3), and the nucleus centre in it."""

    start: int
    shape: tuple[int, int, int]
    centre: tuple[float, float]


class Regions:
    """Reads back what `cut_regions` cut; any number of threads may."""

    def __init__(self, file: int, places: dict[str, Place]):
        self.file, self.places = file, places

    def __call__(self, cell: Cell) -> Region:
        """The neighbourhood of a cell, uint8 (H, W, 3) BGR, and the nucleus centre in it."""
        place = self.places[cell.id]
        data = os.pread(self.file, int(np.prod(place.shape)), place.start)
        return np.frombuffer(data, np.uint8).reshape(place.shape), place.centre


@contextmanager
def cut_regions(cells: Sequence[Cell], folder: Path, workers: int) -> Iterator[Regions]:
    """The neighbourhoods of these cells, in a nameless file in `folder` that ends with the context or the process.

    The system keeps as much of the file in memory as it has to spare, so that memory bounds no number of cells.

    Raises
    ------
    UserError
        For an image that cannot be read, or a disk that fills up.
    """
    unique = list({cell.id: cell for cell in cells}.values())
    groups = [list(group) for _, group in groupby(by_image(unique), key=lambda cell: cell.image)]
    places: dict[str, Place] = {}
    with TemporaryFile(dir=folder, prefix=".regions", buffering=0) as file:
        found = in_order(_cut, groups, workers)
        for group, regions in zip(groups, tqdm(found, "images", len(groups), unit="image", disable=None), strict=True):
            for cell, (region, centre) in zip(group, regions, strict=True):
                places[cell.id] = Place(file.tell(), region.shape, centre)
                _write(file, region, folder, len(unique))
        yield Regions(file.fileno(), places)


def _cut(cells: list[Cell]) -> list[Region]:
    """The neighbourhoods of the cells of one image."""
    image = read_image(cells[0].image)
    return [neighbourhood(image, cell.centre) for cell in cells]


def _write(file, region: np.ndarray, folder: Path, cells: int) -> None:
    try:
        left = memoryview(region).cast("B")
        while left:  # a disk that fills up takes a part first
            left = left[file.write(left) :]
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full(folder, cells * REGION_BYTES) from error
        raise UserError(folder, "a writable folder", error.strerror or "an error", "Mend it.") from error
