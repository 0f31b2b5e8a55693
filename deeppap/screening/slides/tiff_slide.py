"""TIFF and OME-TIFF, plain, tiled or pyramidal, read segment by segment through tifffile."""

import os
import weakref
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from deeppap.io.errors import UserError
from deeppap.io.extras import extra
from deeppap.screening.slides.glass import READ, bare_glass
from deeppap.screening.slides.pixel_size import tiff_pixel_size
from deeppap.screening.slides.slide import MISSING, Box, Damage

SUFFIXES = (".tif", ".tiff", ".btf", ".tf8")
KEPT, KEPT_BYTES = 64, 200_000_000  # decoded segments at most: so that a tile's overlap is not decoded twice
MOST_BYTES = 300_000_000  # of one decoded segment; an image in one piece cannot be read in parts
NOT_WRITTEN = "a segment that was left out"  # of a sparse file, where a scanner took no picture
CONVERT = "Convert it to a tiled TIFF of 8 bits, grey or RGB."


class TiffSlide:
    """A TIFF in segments, which are tiles or strips; one that cannot be decoded is named and stays empty."""

    origin = (0, 0)

    def __init__(self, path: Path):
        tifffile = extra("tifffile", "TIFF", "slides")
        self.path = path
        try:
            self.file = tifffile.TiffFile(path)
            pages = _levels(self.file)
            _require_kind(path, pages[0])
        except UserError:
            raise
        except Exception as error:  # whatever a broken file makes of the parser
            found = f"a header that cannot be read ({_short(error)})"
            raise UserError(path, "a whole TIFF file", found, "Get this file again.") from None
        self.pages = [page for page in pages if page is pages[0] or _same_kind(page, pages[0])]
        _require_whole(path, self.pages[0])
        self.levels = [(page.imagewidth, page.imagelength) for page in self.pages]
        self.colour = self.pages[0].samplesperpixel == 3
        description = self.file.ome_metadata or self.pages[0].description
        self.mpp = tiff_pixel_size(path, self.pages[0], description or "")
        own = weakref.proxy(self)  # held by its own cache, it would keep its segments after all others let go of it
        self._segment = lru_cache(maxsize=_worth_keeping(self.pages[0]))(lambda *at: own._decode(*at))

    def read(self, box: Box, level: int = 0) -> tuple[np.ndarray, list[Damage]]:
        """Pixels of a box, uint8 BGR or grey, and the segments of it that could not be decoded."""
        page = self.pages[level]
        image = np.full((box.height, box.width, *([3] if self.colour else [])), MISSING, np.uint8)
        damages = []
        wide, high = _segment_size(page)
        across = -(-page.imagewidth // wide)
        for row in range(box.y // high, -(-box.bottom // high)):
            for column in range(box.x // wide, -(-box.right // wide)):
                whole = Box(column * wide, row * high, wide, high)
                whole = whole.meets(Box(0, 0, page.imagewidth, page.imagelength))
                part = whole.meets(box)
                pixels, why = self._segment(level, row * across + column)
                if why == NOT_WRITTEN:
                    pixels = np.broadcast_to(self._glass, (whole.height, whole.width, *image.shape[2:]))
                if pixels is None:
                    damages.append(Damage(whole, why))
                    continue
                top, left = part.y - whole.y, part.x - whole.x
                image[part.y - box.y :, part.x - box.x :][: part.height, : part.width] = pixels[
                    top : top + part.height, left : left + part.width
                ]
        return image, damages

    def _decode(self, level: int, index: int) -> tuple[np.ndarray | None, str]:
        """A segment's pixels, BGR or grey, or why there are none."""
        page = self.pages[level]
        try:
            start, count = page.dataoffsets[index], page.databytecounts[index]
            if not count:
                return None, NOT_WRITTEN
            decode, tables = page.decode, page.jpegtables  # asked for once, they read in the file themselves
            self.file.filehandle.seek(start)
            pixels = decode(self.file.filehandle.read(count), index, jpegtables=tables)[0]
            if pixels is None:
                return None, "an empty segment"
            pixels = pixels[0]  # one plane deep
            return (pixels[..., ::-1] if self.colour else pixels[..., 0]), ""
        except Exception as error:  # each codec has errors of its own
            if missing := _missing_codec(error):
                raise UserError(self.path, missing, "none", "Run: make slides") from None
            return None, _short(error)

    @cached_property
    def _glass(self) -> np.ndarray:
        """The colour of bare glass, uint8 BGR or grey: that of the brighter pixels of the smallest picture."""
        level = len(self.pages) - 1
        wide, high = self.levels[level]
        indices = range(len(self.pages[level].databytecounts)) if wide * high <= READ else ()
        parts = (self._decode(level, index)[0] for index in indices)
        known = [pixels.reshape(-1, *pixels.shape[2:]) for pixels in parts if pixels is not None]
        none = np.empty((0, 3) if self.colour else 0, np.uint8)
        return bare_glass(np.concatenate([none, *known]))

    def close(self) -> None:
        """Let go of the file."""
        self._segment.cache_clear()
        self.file.close()


def _levels(file) -> list:
    """The full image's page and its smaller copies, largest first."""
    first = file.series[0].levels[0].keyframe
    pages = [level.keyframe for level in file.series[0].levels]
    if len(pages) == 1:
        pages += [page for page in file.pages if page.is_reduced and page is not first]
    return sorted(pages, key=lambda page: -page.imagewidth)


def _same_kind(page, first) -> bool:
    """Whether a smaller page shows the same picture: labels and macro pictures have another shape."""
    ratio = page.imagewidth / page.imagelength / (first.imagewidth / first.imagelength)
    return page.samplesperpixel == first.samplesperpixel and page.bitspersample == 8 and 0.95 < ratio < 1.05


def _segment_size(page) -> tuple[int, int]:
    if page.is_tiled:
        return page.tilewidth, page.tilelength
    return page.imagewidth, min(page.rowsperstrip, page.imagelength)


def _worth_keeping(page) -> int:
    wide, high = _segment_size(page)
    return max(1, min(KEPT, KEPT_BYTES // (wide * high * page.samplesperpixel)))


def _require_kind(path: Path, page) -> None:
    """Refuse what is neither 8-bit grey nor 8-bit RGB in one plane."""
    kinds = {("MINISBLACK", 1), ("RGB", 3), ("YCBCR", 3)}
    name = page.photometric.name
    planar = page.samplesperpixel > 1 and page.planarconfig != 1
    if (name, page.samplesperpixel) not in kinds or page.bitspersample != 8 or planar or page.imagedepth != 1:
        alpha = ", with transparency" if page.samplesperpixel == 4 else ""
        found = f"{page.samplesperpixel} channel(s) of {page.bitspersample} bits, {name.lower()}{alpha}"
        raise UserError(path, "8 bits, grey or RGB", found, CONVERT)
    wide, high = _segment_size(page)
    if wide * high * page.samplesperpixel > MOST_BYTES:
        found = f"one piece of {wide} x {high}"
        raise UserError(path, "a TIFF in tiles or strips", found, CONVERT)


def _require_whole(path: Path, page) -> None:
    size = path.stat().st_size
    ends = [offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)]
    if max(ends, default=0) > size:
        lost = sum(end > size for end in ends)
        found = f"one cut short: {lost} of {len(ends)} segments lie beyond its end"
        raise UserError(path, "a whole TIFF file", found, "Get this file again.")


def _missing_codec(error: Exception) -> str | None:
    text = str(error)
    return f"imagecodecs for this TIFF's compression ({text[:60]})" if "imagecodecs" in text else None


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".replace(os.linesep, " ")[:120]
