"""TIFF and OME-TIFF, plain, tiled or pyramidal, read segment by segment."""

import weakref
from functools import lru_cache
from pathlib import Path

import numpy as np

from deeppap.io.errors import UserError
from deeppap.io.image_decode import ALPHA, COLOUR, GREY
from deeppap.io.image_file import MAX_PIXELS, read_image, refuse_one_value
from deeppap.io.image_tiff import CONVERT, LEFT_OUT, TiffImage
from deeppap.screening.slides.slide import Box, Damage, one_pixel_size, read_pieces

# decoded segments that are kept, so that the overlap of two tiles is not decoded twice
CACHE, CACHE_BYTES = 64, 200_000_000


class TiffSlide:
    """A TIFF in segments (tiles or strips). A segment that cannot be decoded is reported and stays empty."""

    origin = (0, 0)

    def __init__(self, path: Path):
        self.path, self.tiff = path, TiffImage(path)
        self.levels, kind = self.tiff.levels, self.tiff.kind
        self.pictures = self.tiff.pictures
        width, height = self.levels[0]
        if kind not in (COLOUR, GREY) and not (kind == ALPHA and width * height <= MAX_PIXELS):
            raise UserError(path, "8 bits, grey or RGB without transparency", kind, CONVERT)
        if kind == ALPHA:
            read_image(path)  # refuses an alpha channel that hides anything
        self.colour = kind != GREY
        self.mpp, self.stated = one_pixel_size(path, self.tiff.pixel_size)
        own = weakref.proxy(self)  # a cache that holds the slide would keep its segments alive after it
        wide, high = self.tiff.segment_size(0)
        kept = max(1, min(CACHE, CACHE_BYTES // (wide * high * (3 if self.colour else 1))))
        self._segment = lru_cache(maxsize=kept)(lambda *at: own._decode(*at))
        self._require_a_picture()

    def read(self, box: Box, level: int = 0) -> tuple[np.ndarray, list[Damage]]:
        """See `Slide.read`; damages are the segments that could not be decoded."""
        wide, high = self.tiff.segment_size(level)
        across = -(-self.levels[level][0] // wide)

        def segment(piece: Box) -> np.ndarray | str:
            pixels = self._segment(level, piece.y // high * across + piece.x // wide)
            if isinstance(pixels, str) and pixels == LEFT_OUT:
                return np.broadcast_to(self.tiff.glass, (piece.height, piece.width, *self.tiff.glass.shape))
            return pixels

        return read_pieces(box, self.levels[level], (wide, high), (3,) if self.colour else (), segment)

    def _decode(self, level: int, index: int) -> np.ndarray | str:
        pixels = self.tiff.segment(level, index)
        return pixels if isinstance(pixels, str) or pixels.ndim == 2 else pixels[..., :3]

    def _require_a_picture(self) -> None:
        """Refuse pixels of the full size that are all the same; most pictures show two in the first segment."""
        seen = None
        for index in range(self.tiff.segment_count(0)):
            pixels = self._segment(0, index)
            if isinstance(pixels, str):
                return
            seen = pixels[0, 0] if seen is None else seen
            if (pixels != seen).any():
                return
        refuse_one_value(self.path)
