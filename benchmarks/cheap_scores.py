"""Preloaded by workers whose memory is measured: of each tile the first cell alone is scored, the others by no net.

Memory depends on tiles, receipts and tables; the net's own is there from the first cell on. So hours become minutes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from screening import screen_tile


def first_alone(ready, cells: Iterable, inner=screen_tile.score_cells) -> Iterator:
    """As `score_cells`; every score but the first is a made one."""
    cells = iter(cells)
    first = next(inner(ready, [next(cells)]))
    yield first
    for number, _ in enumerate(cells):
        score = (number * 0.6180339887) % 1
        yield replace(first, prob=np.array([1 - score, score]))


screen_tile.score_cells = first_alone
