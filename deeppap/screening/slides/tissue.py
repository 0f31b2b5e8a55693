"""Where on a slide there is anything at all, found at low resolution."""

from dataclasses import dataclass

import cv2
import numpy as np

from deeppap.screening.slides.slide import Box

SIDE = 2048  # pixels of the overview; a field up to this size is looked at as it is
STEP = 6  # grey levels darker than the glass, in any channel
GLASS = 95  # percentile: some of every slide is bare glass
ALL = 4_000_000  # pixels: an image up to this size is a field, and all of it is searched


@dataclass(frozen=True)
class Tissue:
    """Bool (H, W) over a small picture of the image; what is true is searched for nuclei."""

    mask: np.ndarray
    width: int
    height: int

    def touches(self, box: Box) -> bool:
        """Whether a box of the image holds any."""
        rows, columns = self._pixels(np.array([box.x, box.right - 1]), np.array([box.y, box.bottom - 1]))
        return bool(self.mask[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1].any())

    def at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Whether points of the image lie in it, bool (N,)."""
        return self.mask[self._pixels(x, y)]

    def _pixels(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        high, wide = self.mask.shape
        columns = np.clip(((np.asarray(x) + 0.5) * wide / self.width).astype(int), 0, wide - 1)
        rows = np.clip(((np.asarray(y) + 0.5) * high / self.height).astype(int), 0, high - 1)
        return rows, columns

    @property
    def share(self) -> float:
        """How much of the image it is."""
        return float(self.mask.mean())


def find_tissue(small: np.ndarray, width: int, height: int, lost: np.ndarray | None = None) -> Tissue:
    """Tissue of an image of width x height pixels, from its overview; where that was `lost`, bool (H, W), there may be.

    Nothing is left out for being small or faint: what is darker than the glass counts, with a rim of one pixel of the
    overview around it, so a cell is missed only where it darkens no pixel of the overview.
    """
    if width * height <= ALL:
        return Tissue(np.ones(small.shape[:2], bool), width, height)
    channels = small[..., None] if small.ndim == 2 else small
    glass = np.percentile(channels.reshape(-1, channels.shape[2]), GLASS, axis=0)
    dark = (channels.astype(np.float32) < glass - STEP).any(axis=2)
    dark = dark if lost is None else dark | lost
    return Tissue(cv2.dilate(dark.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0, width, height)
