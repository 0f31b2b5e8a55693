"""Scanners' own formats (SVS, NDPI, MRXS, SCN, ...) through OpenSlide."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np

from deeppap.io.errors import UserError
from deeppap.io.extras import extra
from deeppap.screening.slides.glass import READ, bare_glass
from deeppap.screening.slides.slide import MISSING, Box, Damage, one_pixel_size

SUFFIXES = (".svs", ".ndpi", ".mrxs", ".scn", ".vms", ".vmu", ".bif", ".svslide", ".czi", ".dcm")
PIECE = 256  # pixels: what is read again by itself where a larger box fails, so that the loss is small


class OpenSlideSlide:
    """A slide that OpenSlide reads. After an error OpenSlide's handle is useless, so it is opened anew."""

    colour = True

    def __init__(self, path: Path):
        self.path, self.library = path, extra("openslide", "scanners' own formats", "slides")
        self.slide = self._open()
        facts = self.slide.properties
        self.levels = [tuple(size) for size in self.slide.level_dimensions]
        names = self.library.PROPERTY_NAME_MPP_X, self.library.PROPERTY_NAME_MPP_Y
        self.mpp = one_pixel_size(path, *(_number(facts.get(name)) for name in names))
        self.origin = _origin(facts)

    def _open(self):
        try:
            return self.library.OpenSlide(str(self.path))
        except (self.library.OpenSlideError, OSError) as error:
            do = "Get the slide again, with all files that belong to it."
            raise UserError(self.path, "a slide that OpenSlide can read", str(error)[:120], do) from None

    def read(self, box: Box, level: int = 0) -> tuple[np.ndarray, list[Damage]]:
        """Pixels of a box, uint8 BGR, bare glass where nothing was scanned, and the pieces that cannot be decoded."""
        image = self._try(box, level)
        if isinstance(image, np.ndarray):
            return image, []
        out, damages = np.full((box.height, box.width, 3), MISSING, np.uint8), []
        size = Box(0, 0, *self.levels[level])
        for y in range(box.y // PIECE * PIECE, box.bottom, PIECE):
            for x in range(box.x // PIECE * PIECE, box.right, PIECE):
                whole = Box(x, y, PIECE, PIECE).meets(size)
                part = whole.meets(box)
                pixels = self._try(whole, level)
                if isinstance(pixels, str):
                    damages.append(Damage(whole, pixels))
                    continue
                out[part.y - box.y :, part.x - box.x :][: part.height, : part.width] = pixels[
                    part.y - whole.y :, part.x - whole.x :
                ][: part.height, : part.width]
        return out, damages

    def _try(self, box: Box, level: int) -> np.ndarray | str:
        """A box's pixels, or why there are none."""
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
        """The colour of bare glass, uint16 BGR."""
        width, height = self.levels[-1]
        small = "too large" if width * height > READ else self._region(Box(0, 0, width, height), len(self.levels) - 1)
        scanned = np.empty((0, 3), np.uint8) if isinstance(small, str) else small[small[..., 3] == 255][:, :3]
        return bare_glass(scanned).astype(np.uint16)

    def close(self) -> None:
        """Let go of the file."""
        self.slide.close()


def _origin(facts: Mapping[str, str]) -> tuple[int, int]:
    """The corner of what was scanned, of files that tell all four of its bounds, as QuPath reads them."""
    try:
        x, y, *_ = (int(facts[f"openslide.bounds-{name}"]) for name in ("x", "y", "width", "height"))
    except (KeyError, ValueError):
        return 0, 0
    return x, y


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
