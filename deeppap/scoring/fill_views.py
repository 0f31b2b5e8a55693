"""Filling an engine's memory with rendered views, while it computes or between its passes.

Caffe on a GPU holds Python's lock while it computes, so other processes render the next views meanwhile. All other
engines use every core, so threads render between their passes.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from itertools import count, groupby, islice
from multiprocessing import get_context
from multiprocessing.shared_memory import SharedMemory

import cv2
import numpy as np

from data_prep.views import View, render
from deeppap.engines.engine import Fill, ViewInput
from deeppap.io.machine import usable_cores, wanted_threads
from deeppap.scoring.cell_views import CellViews, Region

SLOTS = 3  # chunks of views in memory: one being scored, two being rendered
PIECE = 10  # views that a worker renders at a time
KEPT = 4  # cells whose pixels a worker keeps
Chunk = list[tuple[CellViews, View]]


def chunks(cells: Iterable[CellViews], size: int) -> Iterator[Chunk]:
    """Up to `size` views at a time, cell after cell; small cells share a chunk, so that the engine is always full."""
    pairs = ((cell, view) for cell in cells for _, view in cell.views)
    while chunk := list(islice(pairs, size)):
        yield chunk


def filled_in_turn(view_input: ViewInput, cells: Iterable[CellViews]) -> Iterator[tuple[Chunk, np.ndarray]]:
    """Each chunk with the memory that its views were put into; valid until the next is asked for."""
    regions: dict[int, tuple] = {}
    with ThreadPoolExecutor(wanted_threads()) as pool:

        def put(pair: tuple[CellViews, View], place: np.ndarray) -> None:
            cell, view = pair
            view_input.fill(render(*regions[id(cell)], view), place)

        for chunk in chunks(cells, view_input.at_once):
            present = {id(cell): cell for cell, _ in chunk}
            new = [key for key in present if key not in regions]
            read = pool.map(lambda key, present=present: present[key].read(), new)
            # a cell's chunks come one after another: what the last one held may be needed once more
            regions = {k: v for k, v in regions.items() if k in present} | dict(zip(new, read, strict=True))
            memory = view_input.memory(len(chunk))
            list(pool.map(put, chunk, memory))
            yield chunk, memory


_regions: dict[str, Region] = {}  # in a worker process: of the cells that it saw last, by id


@lru_cache(maxsize=SLOTS)
def _attach(name: str) -> SharedMemory:
    return SharedMemory(name)


def _region(cell: CellViews) -> Region:
    if cell.cell.id not in _regions:
        while len(_regions) >= KEPT:
            _regions.pop(next(iter(_regions)))
        _regions[cell.cell.id] = cell.read()
    return _regions[cell.cell.id]


def _render_into(name: str, like: tuple, start: int, cell: CellViews, views: list[View], fill: Fill) -> None:
    """A worker's part: render views of a cell into a slot from place `start` on."""
    shape, dtype = like
    places = np.ndarray((start + len(views), *shape), dtype, _attach(name).buf)
    for index, view in enumerate(views, start):
        fill(render(*_region(cell), view), places[index])


def _one_thread() -> None:
    # the workers share the cores already
    cv2.setNumThreads(1)


@contextmanager
def _slots(size: int) -> Iterator[list[SharedMemory]]:
    slots = [SharedMemory(create=True, size=size) for _ in range(SLOTS)]
    try:
        yield slots
    finally:
        for slot in slots:
            slot.unlink()
            try:
                slot.close()
            except BufferError:  # the caller still holds the last chunk; the memory goes with it
                slot.close = lambda: None


def _pieces(chunk: Chunk) -> Iterator[tuple[int, CellViews, list[View]]]:
    """Consecutive views of one cell, some at a time, with the place of the first."""
    start = 0
    for _, pairs in groupby(chunk, key=lambda pair: id(pair[0])):
        (cell, *_), views = zip(*pairs, strict=True)
        for first in range(0, len(views), PIECE):
            piece = list(views[first : first + PIECE])
            yield start, CellViews(cell.cell, cell.read, []), piece
            start += len(piece)


def filled_ahead(view_input: ViewInput, cells: Iterable[CellViews]) -> Iterator[tuple[Chunk, np.ndarray]]:
    """As `filled_in_turn`, the next chunks being rendered meanwhile."""
    # one core stays with this process, which feeds the GPU
    workers = max(1, usable_cores() - 1)
    shape, dtype = view_input.shape, np.dtype(view_input.dtype)
    size = view_input.at_once * int(np.prod(shape)) * dtype.itemsize
    with _slots(size) as slots, ProcessPoolExecutor(workers, get_context("spawn"), _one_thread) as pool:

        def start(number: int, chunk: Chunk) -> list[Future]:
            name = slots[number % SLOTS].name
            return [
                pool.submit(_render_into, name, (shape, dtype), *piece, view_input.fill) for piece in _pieces(chunk)
            ]

        def finish() -> tuple[Chunk, np.ndarray]:
            number, chunk, parts = pending.popleft()
            for part in parts:
                part.result()
            return chunk, np.ndarray((len(chunk), *shape), dtype, slots[number % SLOTS].buf)

        pending: deque = deque()
        # a slot is filled again only after its chunk was yielded and the next one asked for
        for number, chunk in zip(count(), chunks(cells, view_input.at_once), strict=False):
            pending.append((number, chunk, start(number, chunk)))
            if len(pending) == SLOTS:
                yield finish()
        while pending:
            yield finish()
