"""What a slide is: pixels by boxes, its pixel size, and the parts of it that cannot be read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from deeppap.io.errors import FieldError, UserError
from deeppap.io.image_pixel_size import PIXEL_SIZES, PixelSize, is_possible

MISSING = 255  # the value of pixels that could not be read; no cell near them is kept
SQUARE = 0.01  # share by which width and height of a pixel may differ


class Box(NamedTuple):
    """A part of an image: its first column and row, its width and height, in pixels."""

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

    def overlap(self, other: "Box") -> "Box | None":
        """The intersection of two boxes, or None if it is empty."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        width, height = min(self.right, other.right) - x, min(self.bottom, other.bottom) - y
        return Box(x, y, width, height) if width > 0 and height > 0 else None

    def within(self, outer: "Box") -> tuple[slice, slice]:
        """The index of this box in an array that holds the pixels of `outer`."""
        top, left = self.y - outer.y, self.x - outer.x
        return slice(top, top + self.height), slice(left, left + self.width)


@dataclass(frozen=True)
class Damage:
    """A part of an image that cannot be read, and the reason."""

    box: Box
    reason: str


class Slide(Protocol):
    """An image that is read in parts, however large it is."""

    path: Path
    levels: list[tuple[int, int]]  # width and height, the full size first
    colour: bool  # three channels; otherwise grey
    mpp: float | None  # micrometres a pixel of the full size, if the file states one that a microscope can have
    stated: str  # what it states of it, in words
    pictures: int  # how many the file holds, of which the first is this one
    origin: tuple[int, int]  # the pixel (x, y) that QuPath counts from: the first scanned one, if the file states it

    def read(self, box: Box, level: int = 0) -> tuple[np.ndarray, list[Damage]]:
        """Pixels of a box of a level, uint8 (H, W, 3) BGR or (H, W), and the damages in it (255 there)."""
        ...


def read_pieces(
    box: Box,
    level: tuple[int, int],
    piece: tuple[int, int],
    channels: tuple[int, ...],
    read_piece: Callable[[Box], np.ndarray | str],
) -> tuple[np.ndarray, list[Damage]]:
    """Assemble a box from a grid of pieces, such as a TIFF's tiles.

    `level` and `piece` are (width, height), `channels` is the shape of a pixel, (3,) or (); `read_piece` gives the
    pixels of a piece, uint8, or the reason why they cannot be read.
    """
    wide, high = piece
    image = np.full((box.height, box.width, *channels), MISSING, np.uint8)
    damages = []
    for y in range(box.y // high * high, box.bottom, high):
        for x in range(box.x // wide * wide, box.right, wide):
            whole = Box(x, y, wide, high).overlap(Box(0, 0, *level))
            pixels = read_piece(whole)
            if isinstance(pixels, str):
                damages.append(Damage(whole, pixels))
                continue
            part = whole.overlap(box)
            image[part.within(box)] = pixels[part.within(whole)]
    return image, damages


def one_pixel_size(path: Path, stated: PixelSize) -> tuple[float | None, str]:
    """The pixel size that a file states, None if no microscope has it, and what it states, in words.

    Raises UserError if pixels are not square: views are cut by one size.
    """
    x, y, words = stated
    if not (is_possible(x) and is_possible(y)):
        return None, words
    if abs(x - y) > SQUARE * max(x, y):
        found = f"{x:g} x {y:g} um"
        raise UserError(path, "square pixels", found, "Rescale the image to square pixels and give `mpp`.")
    return x, words


def require_pixel_size(mpp: float, name: str = "mpp") -> None:
    """Refuse a pixel size, in micrometres, that no microscope has; `name` is the parameter's."""
    if not is_possible(mpp):
        low, high = PIXEL_SIZES
        do = "Give the image's own pixel size, such as 0.25."
        raise FieldError(name, f"{low:g} to {high:g} micrometres a pixel", f"{mpp:g}", do)
