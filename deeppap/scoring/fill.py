"""Filling an engine's memory with rendered views, by all cores between its passes."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from data_prep.views import View, render
from deeppap.engines.engine import ViewInput
from deeppap.io.machine import wanted_threads
from deeppap.scoring.cell_views import CellViews

Chunk = list[tuple[CellViews, View]]


def chunks(cells: Iterable[CellViews], size: int) -> Iterator[Chunk]:
    """Up to `size` views at a time, cell after cell; small cells share a chunk, so that the engine is always full."""
    chunk: Chunk = []
    for cell in cells:
        for _, view in cell.views:
            chunk.append((cell, view))
            if len(chunk) == size:
                yield chunk
                chunk = []
    if chunk:
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
