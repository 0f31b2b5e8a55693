"""Scanners' own formats (SVS, NDPI, MRXS, SCN, ...) through OpenSlide."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np

from deeppap.io.errors import UserError
from deeppap.io.machine import extra
from deeppap.screening.slides.slide import GLASS_PIXELS, Box, Damage, bare_glass, one_pixel_size, read_pieces, to_number

PIECE = 256  # pixels: if a box cannot be read, it is read again in pieces so that little is lost


class OpenSlideSlide:
    """A slide that OpenSlide reads. After an error OpenSlide's handle is useless, so it is opened again."""

    colour = True

    def __init__(self, path: Path):
        self.path, self.library = path, extra("openslide", "scanners' own formats", "slides")
        self.slide = self._open()
        facts = self.slide.properties
        self.levels = [tuple(size) for size in self.slide.level_dimensions]
        names = self.library.PROPERTY_NAME_MPP_X, self.library.PROPERTY_NAME_MPP_Y
        self.mpp = one_pixel_size(path, *(to_number(facts.get(name)) for name in names))
        self.origin = _origin(facts)

    def _open(self):
        try:
            return self.library.OpenSlide(str(self.path))
        except (self.library.OpenSlideError, OSError) as error:
            do = "Get the slide again, with all files that belong to it."
            raise UserError(self.path, "a slide that OpenSlide can read", str(error)[:120], do) from None

    def read(self, box: Box, level: int = 0) -> tuple[np.ndarray, list[Damage]]:
        """See `Slide.read`; bare glass where nothing was scanned."""
        image = self._read(box, level)
        if not isinstance(image, str):
            return image, []
        return read_pieces(box, self.levels[level], (PIECE, PIECE), (3,), lambda piece: self._read(piece, level))

    def _read(self, box: Box, level: int) -> np.ndarray | str:
        """A box's pixels, uint8 BGR, or the reason why there are none."""
        picture = self._region(box, level)
        if isinstance(picture, str):
            return picture
        alpha = picture[..., 3:].astype(np.uint16)
        if (alpha < 255).any():
            picture = (picture[..., :3] * alpha + self._glass * (255 - alpha) + 127) // 255
        return np.ascontiguousarray(picture[..., :3].astype(np.uint8))

    def _region(self, box: Box, level: int) -> np.ndarray | str:
        """As OpenSlide gives it, uint8 BGRA: A is 0 where the scanner took no picture."""
        scale = self.slide.level_downsamples[level]
        try:
            place = (round(box.x * scale), round(box.y * scale))
            picture = self.slide.read_region(place, level, (box.width, box.height))
        except self.library.OpenSlideError as error:
            self.slide.close()
            self.slide = self._open()
            return str(error)[:120]
        return np.asarray(picture)[..., [2, 1, 0, 3]]

    @cached_property
    def _glass(self) -> np.ndarray:
        """The colour of bare glass, from the smallest level; uint16 BGR, to multiply without overflow."""
        width, height = self.levels[-1]
        scanned = np.empty((0, 3), np.uint8)
        if width * height <= GLASS_PIXELS:
            small = self._region(Box(0, 0, width, height), len(self.levels) - 1)
            if not isinstance(small, str):
                scanned = small[small[..., 3] == 255][:, :3]
        return bare_glass(scanned).astype(np.uint16)


def _origin(facts: Mapping[str, str]) -> tuple[int, int]:
    """The corner of the scanned area; like QuPath, only if the file states all four of its bounds."""
    try:
        x, y, *_ = (int(facts[f"openslide.bounds-{name}"]) for name in ("x", "y", "width", "height"))
    except (KeyError, ValueError):
        return 0, 0
    return x, y
