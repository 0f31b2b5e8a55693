"""A whole slide made small, read in bands so that memory stays flat."""

import cv2
import numpy as np

from screening.slides.slide import Box, Slide

BAND = 8_000_000  # pixels read at a time


def overview(slide: Slide, side: int) -> np.ndarray:
    """The image at most `side` pixels wide and high, uint8 BGR or grey; a smaller one as it is.

    It is made from the smallest level that is large enough; a file without levels is read whole, once.
    """
    width, height = slide.levels[0]
    shrink = max(1.0, max(width, height) / side)
    level = max(k for k, size in enumerate(slide.levels) if k == 0 or max(size) >= max(width, height) / shrink)
    across, down = max(1, round(width / shrink)), max(1, round(height / shrink))
    level_width, level_height = slide.levels[level]
    if (level_width, level_height) == (across, down):
        return slide.read(Box(0, 0, across, down), level)[0].copy()
    rows = max(1, min(down, int(BAND / level_width / (level_height / down))))
    bands = []
    for first in range(0, down, rows):
        count = min(rows, down - first)
        top, bottom = round(first * level_height / down), round((first + count) * level_height / down)
        pixels, _ = slide.read(Box(0, top, level_width, max(1, bottom - top)), level)
        bands.append(cv2.resize(pixels, (across, count), interpolation=cv2.INTER_AREA))
    return np.vstack(bands)
