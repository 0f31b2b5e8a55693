"""A whole slide made small, and where on it there is tissue."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from deeppap.screening.slides.slide import Box, Slide

SIDE = 2048  # pixels of the overview; a field up to this size is used as it is
BAND = 8_000_000  # pixels read at a time, so that memory stays flat
FIELD = 4_000_000  # pixels: an image up to this size is a field, and all of it is searched
STEP = 6  # grey levels by which tissue is darker than the glass, in any channel
GLASS = 95  # percentile of each channel: some of every slide is bare glass


def overview(slide: Slide, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The image at most `side` pixels wide and high, uint8 BGR or grey, and where nothing could be read, bool (H, W).

    A smaller image stays as it is. The overview is made from the smallest level that is large enough; a file without
    levels is read whole, once. What cannot be read gets the picture's median colour: white would pass for glass, by
    which all nuclei are judged.
    """
    width, height = slide.levels[0]
    shrink = max(1.0, max(width, height) / side)
    level = max(k for k, size in enumerate(slide.levels) if k == 0 or max(size) >= max(width, height) / shrink)
    across, down = max(1, round(width / shrink)), max(1, round(height / shrink))
    picture, lost = _from_level(slide, level, across, down)
    while lost.all() and level:
        # nothing of it can be read: a larger level may be whole
        level -= 1
        picture, lost = _from_level(slide, level, across, down)
    return picture, lost


def _from_level(slide: Slide, level: int, across: int, down: int) -> tuple[np.ndarray, np.ndarray]:
    """An overview of `across` x `down` pixels from one level, and where that could not be read."""
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
    """Give boxes of the level the median of what lies outside them; returns where they are, bool (H, W)."""
    lost = np.zeros(picture.shape[:2], bool)
    for box in boxes:
        left, top = math.floor(box.x * scale), math.floor(box.y * scale)
        lost[top : math.ceil(box.bottom * scale), left : math.ceil(box.right * scale)] = True
    if boxes and not lost.all():
        picture[lost] = np.median(picture[~lost], axis=0)
    return lost


@dataclass(frozen=True)
class Tissue:
    """Where an image of width x height pixels is searched for nuclei: `mask`, bool (H, W), over its overview."""

    mask: np.ndarray
    width: int
    height: int

    def touches(self, box: Box) -> bool:
        """Whether a box of the image holds any tissue."""
        rows, columns = self._pixels(np.array([box.x, box.right - 1]), np.array([box.y, box.bottom - 1]))
        return bool(self.mask[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1].any())

    def at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Whether points of the image lie in tissue, bool (N,)."""
        return self.mask[self._pixels(x, y)]

    def _pixels(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        high, wide = self.mask.shape
        columns = np.clip(((np.asarray(x) + 0.5) * wide / self.width).astype(int), 0, wide - 1)
        rows = np.clip(((np.asarray(y) + 0.5) * high / self.height).astype(int), 0, high - 1)
        return rows, columns


def find_tissue(small: np.ndarray, width: int, height: int, lost: np.ndarray | None = None) -> Tissue:
    """Tissue of an image of width x height pixels, from its overview.

    Nothing is left out for being small or faint: whatever is darker than the glass counts, with a rim of one pixel of
    the overview around it. What was `lost`, bool (H, W), counts too: there may be tissue.
    """
    if width * height <= FIELD:
        return Tissue(np.ones(small.shape[:2], bool), width, height)
    channels = small[..., None] if small.ndim == 2 else small
    glass = np.percentile(channels.reshape(-1, channels.shape[2]), GLASS, axis=0)
    dark = (channels.astype(np.float32) < glass - STEP).any(axis=2)
    dark = dark if lost is None else dark | lost
    return Tissue(cv2.dilate(dark.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0, width, height)
