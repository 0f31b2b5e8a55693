"""The surroundings of a build's cells: cut image after image, each decoded once, and kept in a scratch file."""

import errno
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from typing import NamedTuple, TypeVar

import numpy as np

from data_prep.cells import Cell, by_image
from data_prep.image_hashes import seen_sha256
from data_prep.pixel_size import read_cell_image
from data_prep.views import neighbourhood
from deeppap.io.files import disk_full
from deeppap.io.progress import progress

Region = tuple[np.ndarray, tuple[float, float]]
Item, Result = TypeVar("Item"), TypeVar("Result")


def region_bytes(reach: int) -> int:
    """Of one cell at most, on disk while a fold is built; in memory none is kept."""
    return 3 * (2 * reach + 1) ** 2


def in_order(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """`function` of every item, in their order; at most two a worker are under way, so memory stays flat."""
    with ThreadPoolExecutor(workers) as pool:
        pending: deque = deque()
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) >= 2 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class Place(NamedTuple):
    """Where a region lies in the scratch file, its shape (H, W, 3), and the nucleus centre in it."""

    start: int
    shape: tuple[int, int, int]
    centre: tuple[float, float]


class Regions:
    """A scratch file of neighbourhoods: `cut` and then read back, by any number of threads; none is held in memory."""

    def __init__(self, file: int, reach: int):
        self.file, self.reach, self.end, self.lock = file, reach, 0, Lock()
        self.places: dict[str, Place] = {}
        self.sha256: dict[Path, str] = {}  # of every image that was decoded

    def __call__(self, cell: Cell) -> Region:
        """The neighbourhood of a cell, uint8 (H, W, 3) BGR, and the nucleus centre in it."""
        place = self.places[cell.id]
        data = os.pread(self.file, int(np.prod(place.shape)), place.start)
        return np.frombuffer(data, np.uint8).reshape(place.shape), place.centre

    def cut(self, cells: Sequence[Cell]) -> None:
        """Keep the neighbourhoods of the cells of one image."""
        image = read_cell_image(cells[0].image, cells[0].scale)
        self.sha256[cells[0].image] = seen_sha256(cells[0], image.stored)  # before resampling: an image has one
        for cell in cells:
            # views reach a hundred pixels from the nucleus; the image may be a thousand times as large
            region, centre = neighbourhood(image.pixels, image.place(cell.centre), self.reach)
            with self.lock:
                start, self.end = self.end, self.end + region.nbytes
            self.places[cell.id] = Place(start, region.shape, centre)
            left = memoryview(region).cast("B")
            while left:  # a disk that fills up takes a part first
                written = os.pwrite(self.file, left, start)
                left, start = left[written:], start + written


@contextmanager
def cut_regions(cells: Sequence[Cell], folder: Path, workers: int, reach: int) -> Iterator[Regions]:
    """The neighbourhoods of these cells, in a nameless file in `folder` that ends with the context or the process.

    The system keeps as much of the file in memory as it has to spare, so that memory bounds no number of cells.

    Raises UserError for an image that cannot be read, or a disk that fills up.
    """
    unique = list({cell.id: cell for cell in cells}.values())
    groups = [list(group) for _, group in groupby(by_image(unique), key=lambda cell: cell.image)]
    with TemporaryFile(dir=folder, prefix=".regions") as file:
        regions = Regions(file.fileno(), reach)
        done = in_order(regions.cut, groups, workers)
        try:
            for _ in progress(done, "images", len(groups), unit="image"):
                pass
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise disk_full(folder / "regions", len(unique) * region_bytes(reach)) from error
            raise
        yield regions
