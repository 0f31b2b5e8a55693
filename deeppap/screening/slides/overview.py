"""A whole slide made small, read in bands so that memory stays flat."""

import math

import cv2
import numpy as np

from deeppap.screening.slides.slide import Box, Slide

BAND = 8_000_000  # pixels read at a time


def overview(slide: Slide, side: int) -> np.ndarray:
    """The image at most `side` pixels wide and high, uint8 BGR or grey; a smaller one as it is."""
    return overview_and_lost(slide, side)[0]


def overview_and_lost(slide: Slide, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The overview, and where of it nothing could be read, bool (H, W).

    It is made from the smallest level that is large enough; a file without levels is read whole, once. What cannot be
    read has the picture's middle colour: white would pass for glass, and all nuclei are judged by that.
    """
    width, height = slide.levels[0]
    shrink = max(1.0, max(width, height) / side)
    level = max(k for k, size in enumerate(slide.levels) if k == 0 or max(size) >= max(width, height) / shrink)
    across, down = max(1, round(width / shrink)), max(1, round(height / shrink))
    level_width, level_height = slide.levels[level]
    rows = max(1, min(down, int(BAND / level_width / (level_height / down))))
    bands, lost = [], set()
    for first in range(0, down, rows):
        count = min(rows, down - first)
        top, bottom = round(first * level_height / down), round((first + count) * level_height / down)
        pixels, damages = slide.read(Box(0, top, level_width, max(1, bottom - top)), level)
        lost |= {damage.box for damage in damages}
        bands.append(cv2.resize(pixels, (across, count), interpolation=cv2.INTER_AREA))
    picture = np.vstack(bands)
    return picture, _fill(picture, lost, across / level_width)


def _fill(picture: np.ndarray, boxes: set[Box], scale: float) -> np.ndarray:
    """Give boxes of the level the median of what lies outside them; returns where they are."""
    known = np.ones(picture.shape[:2], bool)
    for box in boxes:
        left, top = math.floor(box.x * scale), math.floor(box.y * scale)
        known[top : math.ceil(box.bottom * scale), left : math.ceil(box.right * scale)] = False
    if boxes and known.any():
        picture[~known] = np.median(picture[known], axis=0)
    return ~known
