"""TIFF through tifffile's directories and imagecodecs' decoders: segment by segment, each whole or damaged."""

import logging
import re
from collections.abc import Callable
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np

from deeppap.io.errors import UserError
from deeppap.io.image_decode import (
    ALPHA,
    COLOUR,
    GREY,
    ORIENTATION,
    TURNED,
    DamagedError,
    decode_jpeg,
    one_line,
    require_size,
)
from deeppap.io.image_pixel_size import PixelSize, tiff_pixel_size

MAX_DIRECTORIES, MAX_SEGMENTS = 10_000, 4_000_000  # no slide has more, and each of them takes memory
MAX_SEGMENT = 300_000_000  # bytes of one decoded segment; an image in one piece cannot be read in parts
GLASS_PERCENTILE = 95  # of each channel of the scanned pixels
GLASS_PIXELS = 16_000_000  # the largest level that is read at once to find the colour of glass
CONVERT = "Convert it to a tiled TIFF of 8 bits, grey or RGB."
AGAIN = "Get this file again from where it came."
LEFT_OUT = "a segment that was left out"  # in a sparse file, where the scanner took no picture
MODELS = {"RGB": "RGB", "YCBCR": "YCbCr", "MINISBLACK": "Gray"}  # TIFF's name of a colour model, and libjpeg's
JPEG, JPEG2000 = (7,), (33004, 33005, 34712)
# tags of whole numbers on which the pixels hang; the first ones have one number alone
SINGLE = {256, 257, 259, 262, 277, 278, 284, 317, 322, 323}
WHOLE = SINGLE | {258, 273, 279, 324, 325}
WHOLE_TYPES = (1, 3, 4, 16)  # TIFF's bytes, shorts, longs and BigTIFF's longs
TAGS_OF_PIXELS, BY_WINDOWS = range(254, 1024), (769, 770, 771)  # Windows writes three of its own among TIFF's
ADOBE = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0"  # the marker that tells libjpeg which colours are stored; 1 byte follows


class _Codec(NamedTuple):
    """What unpacks the bytes of a segment, given how many they must become, and how many each can become at most."""

    unpack: Callable[[bytes, int], bytes]
    most: int


def _by(name: str) -> Callable[[bytes, int], bytes]:
    def unpack(data: bytes, count: int) -> bytes:
        import imagecodecs

        return getattr(imagecodecs, f"{name}_decode")(data, out=count + 1)

    return unpack


CODECS = {
    1: _Codec(lambda data, count: data[: max(count, len(data) - 3)], 1),  # filled up to four bytes by some
    5: _Codec(_by("lzw"), 4096),
    8: _Codec(_by("zlib"), 1032),
    32946: _Codec(_by("zlib"), 1032),
    32773: _Codec(_by("packbits"), 64),
    34925: _Codec(_by("lzma"), 10_000),
    50000: _Codec(_by("zstd"), 50_000),
}


class _Level(NamedTuple):
    """One size of the picture: the directory that describes it, and where the segments of each plane lie."""

    page: object
    planes: list[tuple[tuple[int, ...], tuple[int, ...]]]  # offsets and byte counts


class TiffImage:
    """A TIFF whose segments (tiles or strips) are decoded one by one.

    Of a stack of pictures the first is taken; red, green and blue in planes or directories of their own are put
    together. Orientation tags are not applied: `turned` says that one asks for it. `levels` are (width, height), the
    full size first, then its smaller copies; `pictures` is how many there are of that size or larger. `kind` is COLOUR,
    ALPHA, GREY, or what else it is, in words; all but the first three are for masks alone.
    """

    def __init__(self, path: Path):
        import tifffile

        # it says of each oddity what it made of it; what matters is checked here
        logging.getLogger("tifffile").setLevel(logging.CRITICAL)
        self.path, self.file = path, None
        try:
            # planes that lie in other files would be opened by the names that this file gives
            self.file = tifffile.TiffFile(path, _multifile=False)
            self.size = self.file.filehandle.size
            _require_few_directories(path, self.file)
            self._levels = _levels(path, self.file)
            page = self._levels[0].page
            _require_sound_tags(path, page)
            self.kind = _kind(path, page, len(self._levels[0].planes))
            self.pictures = _pictures(self.file)
            self.turned = page.tags.valueof(ORIENTATION) in TURNED
            self._require_whole()
            self.pixel_size: PixelSize = tiff_pixel_size(self.file, page)
        except UserError:
            self.close()
            raise
        except Exception as error:  # a broken file can raise anything in the parser
            self.close()
            found = f"a header that cannot be read ({one_line(error)})"
            raise UserError(path, "a whole TIFF file", found, AGAIN) from None
        self.levels = [(level.page.imagewidth, level.page.imagelength) for level in self._levels]

    def close(self) -> None:
        """Close the file, which no segment can be read from afterwards."""
        if self.file is not None:
            self.file.close()

    def segment_size(self, level: int) -> tuple[int, int]:
        """Width and height of a level's segments."""
        return _segment_size(self._levels[level].page)

    def segment_count(self, level: int) -> int:
        """How many segments a level has."""
        wide, high = self.segment_size(level)
        return -(-self.levels[level][0] // wide) * -(-self.levels[level][1] // high)

    def segment(self, level: int, index: int) -> np.ndarray | str:
        """A segment's pixels, cut at the picture's edge, in OpenCV's order of channels; or why there are none.

        LEFT_OUT is a tile that a scanner did not write: its place and its length are 0.
        """
        page, planes = self._levels[level]
        count = self.segment_count(level)
        places = [
            (offsets[index + plane], counts[index + plane])
            for offsets, counts in planes
            for plane in range(0, len(offsets), count)
        ]
        # of a strip it is damage: no scanner leaves those out
        if not any(map(any, places)) and page.is_tiled:
            return LEFT_OUT
        try:
            parts = [self._decode(page, place, length, index) for place, length in places]
        except ImportError:
            raise
        except Exception as error:  # each codec has errors of its own
            return one_line(error)
        pixels = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)
        wide, high = _segment_size(page)
        across = -(-page.imagewidth // wide)
        # tiles at the right and at the bottom are filled up beyond the picture
        pixels = pixels[: page.imagelength - index // across * high, : page.imagewidth - index % across * wide]
        if pixels.shape[2] == 1:
            return pixels[..., 0]
        return np.ascontiguousarray(pixels[..., [2, 1, 0, 3][: pixels.shape[2]]])

    def whole(self) -> np.ndarray:
        """All pixels of the full size; UserError if any segment is damaged or left out."""
        across = -(-self.levels[0][0] // self.segment_size(0)[0])
        rows = []
        for first in range(0, self.segment_count(0), across):
            row = []
            for index in range(first, first + across):
                pixels = self.segment(0, index)
                if isinstance(pixels, str):
                    raise UserError(self.path, "a whole TIFF file", f"segment {index} damaged: {pixels}", AGAIN)
                row.append(pixels)
            rows.append(np.concatenate(row, axis=1) if len(row) > 1 else row[0])
        return np.concatenate(rows) if len(rows) > 1 else rows[0]

    @cached_property
    def glass(self) -> np.ndarray:
        """The colour of bare glass, uint8 BGR or grey, from the smallest level."""
        level = len(self.levels) - 1
        count = self.segment_count(level) if np.prod(self.levels[level], dtype=float) <= GLASS_PIXELS else 0
        found = (self.segment(level, index) for index in range(count))
        parts = [pixels.reshape(-1, *pixels.shape[2:]) for pixels in found if not isinstance(pixels, str)]
        return bare_glass(np.concatenate([np.empty((0,) if self.kind == GREY else (0, 3), np.uint8), *parts]))

    def _decode(self, page, place: int, length: int, index: int) -> np.ndarray:
        """One segment of one plane, (H, W, C) as stored."""
        self.file.filehandle.seek(place)
        data = self.file.filehandle.read(length)
        wide, high = _segment_size(page)
        if not page.is_tiled:
            high = min(high, page.imagelength - index * high)
        samples = page.samplesperpixel if page.planarconfig == 1 else 1
        sizes = [(wide, high), _segment_size(page)]  # some writers fill up the last strip
        if page.compression in JPEG:
            model = MODELS[page.photometric.name]
            # each plane of red, green and blue is a grey JPEG; of YCbCr's planes none is a colour
            pixels = decode_jpeg(_whole_jpeg(data, page), sizes, "Gray" if (model, samples) == ("RGB", 1) else model)
        elif page.compression in JPEG2000:
            pixels = _decode_jpeg2000(data, sizes)
        else:
            return _unpacked(page, data, (high, wide, samples))
        pixels = pixels.reshape(*pixels.shape[:2], -1)
        if page.compression in JPEG and samples == 3:
            pixels = pixels[..., ::-1]
        if pixels.dtype != np.uint8 or pixels.shape[2] != samples or pixels.shape[1::-1] not in sizes:
            raise DamagedError(
                f"{pixels.shape[2]} channel(s) of {pixels.dtype} where {samples} of 8 bits were expected"
            )
        return pixels

    def _require_whole(self) -> None:
        """Refuse segments that are too many, too few, beyond the file's end, or over one another."""
        for page, planes in self._levels:
            _require_apart(self.path, page, planes)
            wide, high = _segment_size(page)
            expected = -(-page.imagewidth // wide) * -(-page.imagelength // high)
            several = page.samplesperpixel if page.planarconfig != 1 else 1
            for offsets, counts in planes:
                if not len(offsets) == len(counts) == expected * several:
                    found = f"{len(offsets)} segments where {expected * several} were expected"
                    raise UserError(self.path, "a whole TIFF file", found, AGAIN)
                lost = int((np.array(offsets, np.float64) + np.array(counts, np.float64) > self.size).sum())
                if lost:
                    found = f"one cut short: {lost} of {len(offsets)} segments lie beyond its end"
                    raise UserError(self.path, "a whole TIFF file", found, AGAIN)


def _require_sound_tags(path: Path, page) -> None:
    """Refuse a directory with an entry that tifffile passed over: without the predictor all pixels are others."""
    import tifffile

    file, wide = page.parent.filehandle, 8 if page.parent.is_bigtiff else 2
    file.seek(page.offset)
    entries = int.from_bytes(file.read(wide), "little" if page.parent.byteorder == "<" else "big")
    found = [f"{entries} entries, {sum(1 for _ in page.tags)} of them readable"]
    wrong = entries != sum(1 for _ in page.tags)
    for tag in page.tags:
        numbers = tag.code not in WHOLE or (tag.dtype in WHOLE_TYPES and (tag.count == 1 or tag.code not in SINGLE))
        known = tag.code in tifffile.TIFF.TAGS or tag.code not in TAGS_OF_PIXELS or tag.code in BY_WINDOWS
        if not (numbers and known):
            wrong = True
            found.append(f"tag {tag.code} of type {int(tag.dtype)} with {tag.count} values")
    if wrong:
        raise UserError(path, "a whole TIFF file", f"a directory with {found[-1]}", AGAIN)


def _require_apart(path: Path, page, planes: list) -> None:
    """Refuse segments that lie over one another or over the directory: a wrong place gives another picture."""
    pairs = {pair for offsets, counts in planes for pair in zip(offsets, counts, strict=False) if pair[1]}
    begin, count = np.array(sorted(pairs), np.float64).reshape(-1, 2).T
    end = begin + count
    wide = 8 if page.parent.is_bigtiff else 4  # bytes of an offset
    entries = len(page.tags) * (4 + 2 * wide)
    blocks = [(0, 2 * wide), (page.offset, page.offset + wide + entries)]
    blocks += [(t.valueoffset, t.valueoffset + t.valuebytecount) for t in page.tags if t.valuebytecount > wide]
    # no other segment begins before the end of one, and none holds a part of a block
    over = (begin[1:] < end[:-1]).any()
    for first, last in blocks:
        at = np.searchsorted(end, first, "right")
        over = over or (at < len(begin) and begin[at] < last)
    if over:
        raise UserError(path, "a whole TIFF file", "segments that lie over one another or over its directory", AGAIN)


def bare_glass(scanned: np.ndarray) -> np.ndarray:
    """The colour of bare glass among scanned pixels (N, 3) or (N,), uint8; white if there are none.

    It fills what the scanner left out. White would be brighter than the glass, by which all nuclei are judged.
    """
    if not len(scanned):
        return np.full(scanned.shape[1:], 255, np.uint8)
    return np.percentile(scanned, GLASS_PERCENTILE, axis=0).astype(np.uint8)


def _require_few_directories(path: Path, file) -> None:
    try:
        file.pages[MAX_DIRECTORIES]
    except IndexError:
        return
    raise UserError(path, f"at most {MAX_DIRECTORIES:,} pictures in a TIFF", "more", CONVERT)


def _levels(path: Path, file) -> list[_Level]:
    """The full image and its smaller copies, largest first; a label or a macro picture beside them is none."""
    # the first series is the picture; others are labels, macro pictures and what scanners add
    series = file.series[0]
    found = [(level.keyframe, _planes(path, level)) for level in series.levels]
    if len(found) == 1:
        others = [page for page in file.pages if getattr(page, "is_reduced", False) and page is not found[0][0]]
        found += [(page, [page]) for page in others]
    found = sorted(found, key=lambda level: -level[0].imagewidth)
    first, planes = found[0]
    return [
        _Level(page, [_places(path, plane) for plane in own])
        for page, own in found
        if page is first or (_same_picture(page, first) and len(own) == len(planes))
    ]


def _pictures(file) -> int:
    """How many pictures as large as the first there are, or larger: the others are not read."""
    first = file.series[0]
    before = zip(first.axes[: first.axes.index("Y")], first.shape, strict=False)
    count = int(np.prod([size for axis, size in before if axis not in "CS"], dtype=np.int64))
    width, height = first.keyframe.imagewidth, first.keyframe.imagelength
    others = (one.keyframe for one in file.series[1:] if one.keyframe is not None)
    return count + sum(1 for page in others if page.imagewidth >= width and page.imagelength >= height)


def _planes(path: Path, level) -> list:
    """The directories of one picture: one, or three of red, green and blue; the first picture of a stack."""
    page, axes = level.keyframe, level.axes
    if page.samplesperpixel > 1 or "C" not in axes:
        return [page]
    before = axes[: axes.index("Y")]
    at = before.index("C")
    count, step = level.shape[at], int(np.prod(level.shape[at + 1 : len(before)], dtype=np.int64))
    if count == 1:
        return [page]
    # a fluorescence microscope's planes are other stains, and some programs write blue first
    names = re.findall(r'<(?:\w+:)?Channel\b[^>]*?\bName=["\']([^"\']*)', page.parent.ome_metadata or "")[:count]
    if names and [name.strip().lower()[:1] for name in names] != ["r", "g", "b"]:
        raise UserError(path, "planes of red, green and blue", f"planes called {', '.join(names)[:60]}", CONVERT)
    pages = [level.pages[step * channel] for channel in range(count)] if len(level.pages) > step * (count - 1) else []
    if count != 3 or len(pages) != 3 or None in pages:
        found = f"{count} channels in planes of their own"
        raise UserError(path, "colour, or red, green and blue in three planes", found, CONVERT)
    return pages


def _places(path: Path, page) -> tuple[tuple[int, ...], tuple[int, ...]]:
    tag = page.tags.get(324) or page.tags.get(273) if hasattr(page, "tags") else None
    if tag is not None and tag.count > MAX_SEGMENTS:
        raise UserError(path, f"at most {MAX_SEGMENTS:,} segments in a TIFF", f"{tag.count:,}", CONVERT)
    return page.dataoffsets, page.databytecounts


def _same_picture(page, first) -> bool:
    """Whether a smaller page shows the same picture: labels and macro pictures have another shape."""
    ratio = page.imagewidth / page.imagelength / (first.imagewidth / first.imagelength)
    same = all(
        getattr(page, name) == getattr(first, name) for name in ("samplesperpixel", "bitspersample", "planarconfig")
    )
    return same and page.photometric.name in MODELS and _is_known(page) and 0.95 < ratio < 1.05


def _segment_size(page) -> tuple[int, int]:
    if page.is_tiled:
        return page.tilewidth, page.tilelength
    return page.imagewidth, min(page.rowsperstrip or page.imagelength, page.imagelength)


def _is_known(page) -> bool:
    return page.compression in (*CODECS, *JPEG, *JPEG2000)


def _kind(path: Path, page, planes: int) -> str:
    """What the picture is; UserError for what no part of the project reads."""
    model, bits, samples = page.photometric.name, page.bitspersample, page.samplesperpixel * planes
    if not _is_known(page):
        name = getattr(page.compression, "name", page.compression)
        raise UserError(path, "a TIFF in a usual compression", f"the compression {name}", CONVERT)
    # programs for segmentation number nuclei with a sign, such as int32; colours have none
    signs = (1, 2) if samples == 1 and bits in (16, 32) else (1,)
    if page.predictor not in (1, 2) or page.imagedepth != 1 or page.sampleformat not in signs:
        found = f"predictor {page.predictor:d}, sample format {page.sampleformat}, depth {page.imagedepth}"
        raise UserError(path, "a TIFF of whole numbers without sign in two dimensions", found, CONVERT)
    if getattr(page, "is_reduced", False):
        # a thumbnail before its picture: its pixels are other ones, and larger
        raise UserError(path, "the full picture first in the file", "a reduced copy of another one", CONVERT)
    wide, high = _segment_size(page)
    sides = page.imagewidth, page.imagelength, wide, high, samples
    if not all(isinstance(side, int) and side > 0 for side in sides):
        raise UserError(path, "a whole TIFF file", f"sides of {' x '.join(map(str, sides))[:80]}", AGAIN)
    if wide * high * page.samplesperpixel > MAX_SEGMENT:
        raise UserError(path, "a TIFF in tiles or strips", f"one piece of {wide} x {high}", CONVERT)
    lossy = page.compression in JPEG
    if model == "YCBCR" and not lossy:
        raise UserError(path, "grey or RGB, or YCbCr as JPEG", "YCbCr that is no JPEG", CONVERT)
    if bits == 8 and (model, samples) in (("RGB", 3), ("YCBCR", 3), ("MINISBLACK", 3)) and 3 in (planes, samples):
        return COLOUR if model != "MINISBLACK" or planes == 3 else "three samples of grey a pixel"
    if bits == 8 and (model, samples) == ("RGB", 4) and not lossy:
        return ALPHA
    if (model, samples, bits) == ("MINISBLACK", 1, 8):
        return GREY
    alpha = ", one of them transparency" if samples in (2, 4) else ""
    return f"{samples} channel(s) of {bits} bits, {model.lower()}{alpha}"


def is_mask(image: TiffImage) -> bool:
    """Whether a TIFF holds whole numbers that may be a mask's, whatever their size."""
    page = image._levels[0].page
    sizes = (1, 8, 16, 32)
    return page.samplesperpixel == 1 and page.photometric.name in MODELS and page.bitspersample in sizes


def _decode_jpeg2000(data: bytes, sizes: list[tuple[int, int]]) -> np.ndarray:
    import imagecodecs
    from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

    require_size(Jpeg2KImageFile(BytesIO(data)).size, sizes)
    return imagecodecs.jpeg2k_decode(data)


def _whole_jpeg(data: bytes, page) -> bytes:
    """A segment as a JPEG file of its own: with the tables that all segments share, and which colours it stores."""
    if data[:2] != b"\xff\xd8":
        raise DamagedError("JPEG data without their beginning")
    marker = {"RGB": ADOBE + b"\0", "YCBCR": ADOBE + b"\1"}.get(page.photometric.name, b"")
    tables = page.jpegtables or b""
    return data[:2] + marker + tables.removeprefix(b"\xff\xd8").removesuffix(b"\xff\xd9") + data[2:]


def _unpacked(page, data: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    """The numbers of a segment of `shape`, (H, W, C), from its bytes."""
    high, wide, samples = shape
    bits = page.bitspersample
    row = -(-wide * samples * bits // 8)
    codec = CODECS[page.compression]
    if row * high > codec.most * len(data):
        raise DamagedError(f"{len(data)} bytes, which cannot become {row * high:,}")
    if page.fillorder == 2:
        import imagecodecs

        data = imagecodecs.bitorder_decode(data)
    found = codec.unpack(data, max(row * high, row * _segment_size(page)[1]))
    if len(found) not in (row * high, row * _segment_size(page)[1]):  # the last strip may be filled up
        raise DamagedError(f"{len(found):,} bytes of pixels where {row * high:,} were expected")
    if bits == 1:
        rows = np.frombuffer(found, np.uint8)[: row * high].reshape(high, row)
        return np.unpackbits(rows, axis=1)[:, : wide * samples].reshape(shape) * np.uint8(255)
    kind = np.dtype(f"{page.parent.byteorder}u{bits // 8}")
    pixels = np.frombuffer(found, kind)[: high * wide * samples].reshape(shape).astype(kind.newbyteorder("="))
    # each number is its difference from the one on its left
    return np.cumsum(pixels, axis=1, dtype=pixels.dtype) if page.predictor == 2 else pixels
