"""Images of cells at the net's pixel size: wherever a net sees a cell, its image is read here."""

from numbers import Real
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from deeppap.io.errors import FieldError
from deeppap.io.image_file import read_image, say_once, stated_um

PIXEL_RANGE = (0.01, 10)  # micrometres; anything else is another unit


class CellImage(NamedTuple):
    """An image, uint8 (H, W, 3) BGR, as its file holds it and as the net sees it; the same array at scale 1."""

    stored: np.ndarray
    pixels: np.ndarray

    def place(self, centre: tuple[float, float]) -> tuple[float, float]:
        """Where a centre (x, y) of the file lies in `pixels`; 0-based, at the middle of a pixel."""
        if self.pixels is self.stored:  # not even a rounding error: scores stay as they are
            return centre
        return moved(centre, self.stored.shape, self.pixels.shape)


def read_cell_image(path: Path, scale: float = 1.0) -> CellImage:
    """Read an image and make it `scale` times as large; errors as those of `read_image`."""
    stored = read_image(path)
    return CellImage(stored, resample(stored, scale))


def resample(image: np.ndarray, factor: float) -> np.ndarray:
    """An image, uint8 (H, W, 3), made `factor` times as large; areas are averaged where it shrinks."""
    if factor == 1:
        return image
    height, width = (max(1, round(side * factor)) for side in image.shape[:2])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)


def moved(centre: tuple[float, float], before: tuple[int, ...], after: tuple[int, ...]) -> tuple[float, float]:
    """A centre (x, y), 0-based pixels, of an image of shape `before` in its resampling of shape `after`."""
    # by the sizes that were made, not by the factor: a side is a whole number of pixels
    (height, width), (new_height, new_width) = before[:2], after[:2]
    return (centre[0] + 0.5) * new_width / width - 0.5, (centre[1] + 0.5) * new_height / height - 0.5


def same_pixel(size: float, other: float) -> bool:
    """Whether a pixel is as large as another one, but for what a file's rounding makes of it."""
    return abs(size - other) <= 0.02 * other


def other_size(path: Path, used: float | None) -> str:
    """A line if an image states another pixel size than the one in use, in micrometres; else ""."""
    return contradiction(path, used, stated_um(path) if used else None)


def contradiction(path: Path, used: float | None, stated: float | None) -> str:
    """As `other_size`, of an image that states this size, or none."""
    if not used or not stated or same_pixel(used, stated):
        return ""
    return f"{path.parent}: images state {stated:g} um a pixel; {used:g} um takes its place"


def say_other_size(path: Path, used: float | None) -> None:
    """Tell if an image states another pixel size than the one in use."""
    if line := other_size(path, used):
        say_once(f"!! {line} !!")


def require_pixel_um(field: str, size: float | None) -> None:
    """Refuse the side of a pixel that is no number or in another unit; `field` is the parameter that it came by."""
    if size is not None and not (isinstance(size, Real) and PIXEL_RANGE[0] <= size <= PIXEL_RANGE[1]):
        expected = f"a number of {PIXEL_RANGE[0]} to {PIXEL_RANGE[1]} micrometres"
        raise FieldError(field, expected, f"{size}", "Give the side of a pixel.")
