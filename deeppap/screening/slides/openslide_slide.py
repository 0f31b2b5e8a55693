"""Scanners' own formats (SVS, NDPI, MRXS, SCN, ...) through OpenSlide."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from deeppap.io.errors import UserError
from deeppap.io.image_file import refuse_one_value
from deeppap.io.image_pixel_size import PixelSize
from deeppap.io.image_tiff import GLASS_PIXELS, bare_glass
from deeppap.io.machine import extra
from deeppap.io.names import to_number
from deeppap.screening.slides.slide import Box, Damage, one_pixel_size, read_pieces

PIECE = 256  # pixels: if a box cannot be read, it is read again in pieces so that little is lost

AGAIN = "Get the slide again, with all files that belong to it."
PROBE_SECONDS = 60
# an error that OpenSlide reports is no end of the process: it is reported again, in words, by the slide's own opening
PROBE = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
import openslide
try:
    slide = openslide.OpenSlide(sys.argv[1])
    for level in range(slide.level_count):
        slide.read_region((0, 0), level, (1, 1))
except openslide.OpenSlideError:
    pass
"""


class OpenSlideSlide:
    """A slide that OpenSlide reads. After an error OpenSlide's handle is useless, so it is opened again."""

    colour, pictures = True, 1

    def __init__(self, path: Path):
        self.path, self.library = path, extra("openslide", "scanners' own formats", "slides")
        stat = path.stat()
        probe(path, stat.st_size, stat.st_mtime_ns)
        self.slide = self._open()
        facts = self.slide.properties
        self.levels = [tuple(size) for size in self.slide.level_dimensions]
        x, y = (facts.get(name) for name in (self.library.PROPERTY_NAME_MPP_X, self.library.PROPERTY_NAME_MPP_Y))
        words = f"{x} x {y} um" if x or y else "none"
        self.mpp, self.stated = one_pixel_size(path, PixelSize(to_number(x), to_number(y), words))
        self.origin = _origin(facts)
        self._require_a_picture()

    def _open(self):
        try:
            return self.library.OpenSlide(str(self.path))
        except (self.library.OpenSlideError, OSError) as error:
            raise UserError(self.path, "a slide that OpenSlide can read", str(error)[:120], AGAIN) from None

    def _require_a_picture(self) -> None:
        """Refuse pixels that are all the same, in the smallest level and in the full size if it is small enough."""
        for level in (len(self.levels) - 1, 0):
            width, height = self.levels[level]
            if width * height > GLASS_PIXELS:
                return
            pixels = self._region(Box(0, 0, width, height), level)
            if isinstance(pixels, str) or (pixels != pixels[:1, :1]).any():
                return
        refuse_one_value(self.path)

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
        """The colour of bare glass, uint16 BGR, to multiply without overflow.

        It is that of the smallest level with a scanned pixel that can be read; of a large one pieces all over it are
        looked at. White would pass for glass that is brighter than this slide's, by which all nuclei are judged.
        """
        for level in reversed(range(len(self.levels))):
            scanned = [small[small[..., 3] == 255][:, :3] for small in self._sample(level)]
            if any(map(len, scanned)):
                return bare_glass(np.concatenate(scanned)).astype(np.uint16)
        return bare_glass(np.empty((0, 3), np.uint8)).astype(np.uint16)

    def _sample(self, level: int) -> Iterator[np.ndarray]:
        """Pieces of a level, evenly spaced if it is large, uint8 BGRA; those that cannot be read are left out."""
        width, height = self.levels[level]
        corners = [(x, y) for y in range(0, height, PIECE) for x in range(0, width, PIECE)]
        for x, y in corners[:: -(-len(corners) * PIECE**2 // GLASS_PIXELS)]:
            piece = self._region(Box(x, y, min(PIECE, width - x), min(PIECE, height - y)), level)
            if not isinstance(piece, str):
                yield piece


@cache
def probe(path: Path, size: int, changed: int) -> None:
    """Open a slide in a process of its own first: GLib ends the process where a slide asks for absurd memory.

    Raises UserError if that process ended so, or took too long. `size` and `changed` are the file's, so that one probe
    is enough.
    """
    command = [sys.executable, "-c", PROBE, str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=PROBE_SECONDS)
    except subprocess.TimeoutExpired:
        found = f"one that takes more than {PROBE_SECONDS} s to open"
    else:
        if done.returncode == 0:
            return
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1][:120]
        found = f"one that ends OpenSlide (status {done.returncode}: {said})"
    raise UserError(path, "a slide that OpenSlide can read", found, AGAIN)


def _origin(facts: Mapping[str, str]) -> tuple[int, int]:
    """The corner of the scanned area; like QuPath, only if the file states all four of its bounds."""
    try:
        x, y, *_ = (int(facts[f"openslide.bounds-{name}"]) for name in ("x", "y", "width", "height"))
    except (KeyError, ValueError):
        return 0, 0
    return x, y
