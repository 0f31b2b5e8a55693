"""What a slide is: pixels by boxes, its pixel size, and the parts of it that cannot be read."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from data_prep.resample import same_pixel
from deeppap.io.errors import UserError

PIXEL_SIZES = (
    0.05,
    2.0,
)  # micrometres a pixel that a microscope has; anything else in a file is some program's default
MISSING = 255  # what stands in memory where nothing could be read; no cell near it is kept


class Box(NamedTuple):
    """A part of an image: its first column and row, its width and height, in pixels of the full size."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first column after it."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The first row after it."""
        return self.y + self.height

    def meets(self, other: "Box") -> "Box | None":
        """What two boxes share; None where that is nothing."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        width, height = min(self.right, other.right) - x, min(self.bottom, other.bottom) - y
        return Box(x, y, width, height) if width > 0 and height > 0 else None


@dataclass(frozen=True)
class Damage:
    """A part of an image that cannot be read, and why."""

    box: Box
    why: str


class Slide(Protocol):
    """An image that is read in parts, however large it is.

    Attributes
    ----------
    levels : list of (width, height)
        Its sizes, the full one first.
    colour : bool
        Whether it has three channels; else it is grey.
    mpp : float or None
        Micrometres a pixel of the full size, as the file states it; None where it does not.
    origin : (x, y)
        Where in it the picture begins that QuPath shows: its first scanned pixel, where the file tells that one.
    """

    path: Path
    levels: list[tuple[int, int]]
    colour: bool
    mpp: float | None
    origin: tuple[int, int]

    def read(self, box: Box, level: int = 0) -> tuple[np.ndarray, list[Damage]]:
        """Pixels of a box inside a level, uint8 (H, W, 3) BGR or (H, W), and what of it is missing (255 there)."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


def believable(mpp: float | None) -> float | None:
    """A pixel size that a microscope can have; None for any other, such as a default of 72 dots an inch."""
    return mpp if mpp is not None and PIXEL_SIZES[0] <= mpp <= PIXEL_SIZES[1] else None


def one_pixel_size(path: Path, x: float | None, y: float | None) -> float | None:
    """The pixel size of a file that states it for each axis; pixels must be square."""
    x, y = believable(x), believable(y)
    if x and y and not same_pixel(y, x):
        found = f"{x:g} x {y:g} um"
        raise UserError(path, "square pixels", found, "Rescale the image to square pixels and give --mpp.")
    return x or y
