"""TIFF and OME-TIFF, plain, tiled or pyramidal, read segment by segment through tifffile."""

import os
import re
import weakref
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from deeppap.io.errors import UserError
from deeppap.io.machine import extra
from deeppap.screening.slides.slide import (
    GLASS_PIXELS,
    Box,
    Damage,
    bare_glass,
    one_pixel_size,
    read_pieces,
    to_number,
)

# decoded segments that are kept, so that the overlap of two tiles is not decoded twice
CACHE, CACHE_BYTES = 64, 200_000_000
MAX_SEGMENT = 300_000_000  # bytes of one decoded segment; an image in one piece cannot be read in parts
NOT_WRITTEN = "a segment that was left out"  # in a sparse file, where the scanner took no picture
CONVERT = "Convert it to a tiled TIFF of 8 bits, grey or RGB."
KINDS = {("MINISBLACK", 1), ("RGB", 3), ("YCBCR", 3)}  # photometric interpretation and channels
PER_UNIT = {2: 25_400.0, 3: 10_000.0}  # micrometres in ResolutionUnit's inch and centimetre
OME_UNITS = {"µm": 1.0, "um": 1.0, "μm": 1.0, "nm": 1e-3, "mm": 1e3}


class TiffSlide:
    """A TIFF in segments (tiles or strips). A segment that cannot be decoded is reported and stays empty."""

    origin = (0, 0)

    def __init__(self, path: Path):
        tifffile = extra("tifffile", "TIFF", "slides")
        self.path = path
        try:
            self.file = tifffile.TiffFile(path)
            pages = _levels(self.file)
            _require_kind(path, pages[0])
            _require_whole(path, pages[0])
        except UserError:
            raise
        except Exception as error:  # a broken file can raise anything in the parser
            found = f"a header that cannot be read ({_short(error)})"
            raise UserError(path, "a whole TIFF file", found, "Get this file again.") from None
        self.pages = [page for page in pages if page is pages[0] or _same_picture(page, pages[0])]
        self.levels = [(page.imagewidth, page.imagelength) for page in self.pages]
        self.colour = self.pages[0].samplesperpixel == 3
        self.mpp = _pixel_size(path, self.pages[0], self.file.ome_metadata or self.pages[0].description or "")
        own = weakref.proxy(self)  # a cache that holds the slide would keep its segments alive after it
        wide, high = _segment_size(self.pages[0])
        kept = max(1, min(CACHE, CACHE_BYTES // (wide * high * self.pages[0].samplesperpixel)))
        self._segment = lru_cache(maxsize=kept)(lambda *at: own._decode(*at))

    def read(self, box: Box, level: int = 0) -> tuple[np.ndarray, list[Damage]]:
        """See `Slide.read`; damages are the segments that could not be decoded."""
        wide, high = _segment_size(self.pages[level])
        across = -(-self.levels[level][0] // wide)

        def segment(piece: Box) -> np.ndarray | str:
            pixels = self._segment(level, piece.y // high * across + piece.x // wide)
            if isinstance(pixels, str) and pixels == NOT_WRITTEN:
                return np.broadcast_to(self._glass, (piece.height, piece.width, *self._glass.shape))
            return pixels

        return read_pieces(box, self.levels[level], (wide, high), (3,) if self.colour else (), segment)

    def _decode(self, level: int, index: int) -> np.ndarray | str:
        """A segment's pixels, BGR or grey, or the reason why there are none."""
        page = self.pages[level]
        try:
            start, count = page.dataoffsets[index], page.databytecounts[index]
            if not count:
                return NOT_WRITTEN
            # both properties read in the file when first used, so they come before the seek
            decode, tables = page.decode, page.jpegtables
            self.file.filehandle.seek(start)
            pixels = decode(self.file.filehandle.read(count), index, jpegtables=tables)[0]
        except Exception as error:  # each codec has errors of its own
            if "imagecodecs" in str(error):
                needed = f"imagecodecs for this TIFF's compression ({str(error)[:60]})"
                raise UserError(self.path, needed, "none", "Run: make slides") from None
            return _short(error)
        if pixels is None:
            return "an empty segment"
        return pixels[0, ..., ::-1] if self.colour else pixels[0, ..., 0]  # one plane deep; RGB to BGR

    @cached_property
    def _glass(self) -> np.ndarray:
        """The colour of bare glass, uint8 BGR or grey, from the smallest level."""
        level = len(self.pages) - 1
        wide, high = self.levels[level]
        count = len(self.pages[level].databytecounts) if wide * high <= GLASS_PIXELS else 0
        parts = [np.empty((0, 3) if self.colour else 0, np.uint8)]
        for index in range(count):
            pixels = self._decode(level, index)
            if not isinstance(pixels, str):
                parts.append(pixels.reshape(-1, *pixels.shape[2:]))
        return bare_glass(np.concatenate(parts))


def _levels(file) -> list:
    """The full image's page and its smaller copies, largest first."""
    pages = [level.keyframe for level in file.series[0].levels]
    if len(pages) == 1:
        pages += [page for page in file.pages if page.is_reduced and page is not pages[0]]
    return sorted(pages, key=lambda page: -page.imagewidth)


def _same_picture(page, first) -> bool:
    """Whether a smaller page shows the same picture: labels and macro pictures have another shape."""
    ratio = page.imagewidth / page.imagelength / (first.imagewidth / first.imagelength)
    return page.samplesperpixel == first.samplesperpixel and page.bitspersample == 8 and 0.95 < ratio < 1.05


def _segment_size(page) -> tuple[int, int]:
    if page.is_tiled:
        return page.tilewidth, page.tilelength
    return page.imagewidth, min(page.rowsperstrip, page.imagelength)


def _require_kind(path: Path, page) -> None:
    """Refuse what is neither 8-bit grey nor 8-bit RGB in one plane."""
    name, channels = page.photometric.name, page.samplesperpixel
    planar = channels > 1 and page.planarconfig != 1
    if (name, channels) not in KINDS or page.bitspersample != 8 or planar or page.imagedepth != 1:
        alpha = ", with transparency" if channels == 4 else ""
        found = f"{channels} channel(s) of {page.bitspersample} bits, {name.lower()}{alpha}"
        raise UserError(path, "8 bits, grey or RGB", found, CONVERT)
    wide, high = _segment_size(page)
    if wide * high * channels > MAX_SEGMENT:
        raise UserError(path, "a TIFF in tiles or strips", f"one piece of {wide} x {high}", CONVERT)


def _require_whole(path: Path, page) -> None:
    size = path.stat().st_size
    ends = [offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)]
    lost = sum(end > size for end in ends)
    if lost:
        found = f"one cut short: {lost} of {len(ends)} segments lie beyond its end"
        raise UserError(path, "a whole TIFF file", found, "Get this file again.")


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".replace(os.linesep, " ")[:120]


def _pixel_size(path: Path, page, description: str) -> float | None:
    """Micrometres a pixel, from OME's XML, a scanner's description or the resolution; None if none is plausible."""
    sizes = _ome(description)
    if sizes is None and (found := re.search(r"\bMPP\s*=\s*([.\d]+)", description)):  # Aperio's
        sizes = [to_number(found[1])] * 2
    sizes = sizes or _resolution(page)
    return one_pixel_size(path, *sizes) if sizes else None


def _ome(description: str) -> list[float | None] | None:
    pixels = re.search(r"<(?:\w+:)?Pixels\b[^>]*>", description)
    if not pixels:
        return None
    found = []
    for axis in "XY":
        size = re.search(rf'\bPhysicalSize{axis}="([-+.\deE]+)"', pixels[0])
        unit = re.search(rf'\bPhysicalSize{axis}Unit="([^"]*)"', pixels[0])
        factor = OME_UNITS.get(unit[1] if unit else "µm")
        value = to_number(size[1]) if size else None
        if value is None or factor is None:
            return None
        found.append(value * factor)
    return found


def _resolution(page) -> list[float] | None:
    unit = PER_UNIT.get(int(page.tags.valueof("ResolutionUnit", default=2)))
    values = [page.tags.valueof(name) for name in ("XResolution", "YResolution")]  # fractions: pixels, units
    if not unit or not all(value and value[0] and value[1] for value in values):
        return None
    return [unit * units / pixels for pixels, units in values]
