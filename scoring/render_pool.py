"""Rendering views in processes of their own while the net runs (Caffe holds Python's lock while it computes)."""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from multiprocessing import get_context
from multiprocessing.shared_memory import SharedMemory

import numpy as np

from data_prep.cells import Cell
from data_prep.views import SIZE, View, read_neighbourhood, render

SLOTS = 3  # chunks of views in memory: one being scored, two being rendered
PIECE = 10  # views a worker renders at a time

Chunk = tuple[Cell, Sequence[View]]


_neighbourhood = lru_cache(maxsize=4)(read_neighbourhood)


@lru_cache(maxsize=SLOTS)
def _attach(name: str) -> SharedMemory:
    return SharedMemory(name)


def _as_views(memory: SharedMemory, count: int) -> np.ndarray:
    return np.ndarray((count, 3, SIZE, SIZE), np.float32, memory.buf)


def _render_into(name: str, start: int, cell: Cell, views: Sequence[View]) -> None:
    """A worker's part: render views of a cell into a slot, planes first, BGR."""
    image, centre = _neighbourhood(cell)
    target = _as_views(_attach(name), start + len(views))
    for index, view in enumerate(views, start):
        target[index] = render(image, centre, view).transpose(2, 0, 1)


def _one_thread() -> None:
    import cv2

    cv2.setNumThreads(1)


@contextmanager
def _slots(views: int) -> Iterator[list[SharedMemory]]:
    slots = [SharedMemory(create=True, size=max(1, views) * 3 * SIZE * SIZE * 4) for _ in range(SLOTS)]
    try:
        yield slots
    finally:
        for slot in slots:
            slot.unlink()
            try:
                slot.close()
            except BufferError:  # the caller still holds the last chunk; the memory goes with it
                slot.close = lambda: None


def rendered(chunks: Sequence[Chunk], workers: int | None = None) -> Iterator[np.ndarray]:
    """Every chunk's views in turn, float32 (V, 3, 256, 256), BGR; each array is valid until the next is asked for."""
    workers = workers or max(1, len(os.sched_getaffinity(0)) - 1)
    with (
        _slots(max((len(views) for _, views in chunks), default=1)) as slots,
        ProcessPoolExecutor(workers, get_context("spawn"), _one_thread) as pool,
    ):

        def start(number: int) -> list[Future]:
            cell, views = chunks[number]
            name = slots[number % SLOTS].name
            return [
                pool.submit(_render_into, name, at, cell, views[at : at + PIECE]) for at in range(0, len(views), PIECE)
            ]

        ahead = deque(start(number) for number in range(min(SLOTS - 1, len(chunks))))
        for number, (_, views) in enumerate(chunks):
            if number + SLOTS - 1 < len(chunks):
                ahead.append(start(number + SLOTS - 1))
            for part in ahead.popleft():
                part.result()
            yield _as_views(slots[number % SLOTS], len(views))
