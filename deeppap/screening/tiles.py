"""Tiles: an image cut into boxes that own it without gap or overlap, each looked at with all that surrounds it."""

import numpy as np

from deeppap.screening.slides.slide import Box
from deeppap.screening.slides.tissue import Tissue

SIDE = 2048  # pixels


def tiles_of(width: int, height: int, side: int = SIDE, tissue: Tissue | None = None) -> list[Box]:
    """The boxes, row by row; only those that hold tissue, where that is given."""
    corners = [(x, y) for y in range(0, height, side) for x in range(0, width, side)]
    found = [Box(x, y, min(side, width - x), min(side, height - y)) for x, y in corners]
    return [box for box in found if tissue is None or tissue.touches(box)]


def owned(box: Box, size: tuple[int, int], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Whether a box owns points, bool (N,): each point of an image of (width, height) belongs to exactly one box.

    A pixel reaches half a pixel to either side of its centre, and a pixel belongs to one box.
    """
    columns = np.clip(np.floor(np.asarray(x) + 0.5), 0, size[0] - 1)
    rows = np.clip(np.floor(np.asarray(y) + 0.5), 0, size[1] - 1)
    return (columns >= box.x) & (columns < box.right) & (rows >= box.y) & (rows < box.bottom)
