"""One reader of images for every part of the project: PNG, BMP, JPEG and TIFF, whole or refused in one line.

Pixels are as they are stored: an orientation that EXIF or a TIFF's tag asks for is never applied.
"""

import os
import sys
import unicodedata
from contextlib import closing, contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np

from deeppap.io.errors import CHECK_PATH, UserError, printable
from deeppap.io.files import open_regular
from deeppap.io.image_decode import ALPHA, COLOUR, GREY, DamagedError, Header, one_line, open_header
from deeppap.io.image_pixel_size import is_possible

MAX_PIXELS = 100_000_000  # a whole 10,000 x 10,000 field, 300 MB in memory
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # classic and BigTIFF, in either order of bytes
ANOTHER_COPY = "Get this file again from where it came."
CONVERT = "Convert it to 24-bit RGB."
OF_A_SLIDE = "Of a slide, tools/screen.py --nuclei scores given cells, and tools/import_labels.py takes labels."
FIELDS = f"{OF_A_SLIDE} Otherwise get this file again."
CELL, FIELD = (COLOUR, ALPHA), (COLOUR, ALPHA, GREY)  # kinds of images that are read as such
FORMATS = "a PNG, BMP, JPEG or TIFF image"
# what these begin with, from so many bytes on
FOREIGN = ((0, b"GIF8", "GIF"), (8, b"WEBP", "WebP"), (4, b"jP  ", "JPEG 2000"), (4, b"ftyp", "HEIC or AVIF"))
SLIDES = (".svs", ".ndpi", ".mrxs", ".scn", ".vms", ".vmu", ".bif", ".svslide", ".czi", ".dcm")  # OpenSlide reads them
OTHERS = (".gif", ".webp", ".jp2", ".j2k", ".heic", ".avif")  # names of images that are not read
SIDECAR = "._"  # of a Mac: what its other systems keep beside a file, under the file's name
LITTER = ("thumbs.db", "desktop.ini")  # left by file browsers
FORMS = ("NFC", "NFD")  # an accented letter as one sign, or as a letter and its accent: what Macs give to files


def missing_image_advice(path: Path) -> str:
    """What to do about a listed image that does not exist: its name may be written in another way."""
    if "\\" in str(path):
        return "Write / between folders, not \\."
    if any(Path(unicodedata.normalize(form, str(path))).exists() for form in FORMS):
        return "One is there whose accented letters are composed otherwise (a Mac's): take its name from the folder."
    return CHECK_PATH


def files_of(folder: Path) -> list[Path]:
    """What lies in a folder of images, sorted, without hidden files and those that systems leave.

    A line tells of what a Mac left, and one of images of formats that are not read.
    """
    found = sorted(folder.iterdir())
    kept = [path for path in found if not path.name.startswith(SIDECAR)]
    if len(kept) < len(found):
        say_once(f"{folder}: passed over {len(found) - len(kept)} file(s) called {SIDECAR}*, which a Mac left there")
    if others := [path.name for path in kept if path.suffix.lower() in OTHERS]:
        say_once(f"{folder}: passed over {len(others)} image(s) of formats that are not read, such as {others[0]}")
    return [path for path in kept if not path.name.startswith(".") and path.name.lower() not in LITTER]


@cache
def say_once(line: str) -> None:
    """Print a line of what a person should know, for all calls of a process."""
    print(printable(line), file=sys.stderr)


def stated_um(path: Path) -> float | None:
    """The pixel size in micrometres that a TIFF states, if a microscope can have it; errors as `read_image`'s."""
    if not is_tiff(path):
        return None
    with _tiff(path) as image:
        size = image.pixel_size.x
    return size if is_possible(size) else None


def _say_what_is_left(path: Path, kinds: tuple[str, ...] | None, turned: bool, pictures: int = 1) -> None:
    """Say of an image that has more pictures than the first, or of a cell's that asks to be turned."""
    if pictures > 1:
        say_once(f"!! {path}: the first of its {pictures} pictures is read !!")
    # places that another program counted may be those of the turned picture
    if turned and kinds == CELL:
        do = "they are not, so count places in the stored pixels"
        say_once(f"!! {path.parent}: images ask to be turned (EXIF); {do} !!")


def read_image(path: Path) -> np.ndarray:
    """Read a colour image, uint8 (H, W, 3), BGR as Caffe's; an alpha channel that is opaque throughout is dropped.

    Raises UserError for a missing, empty, cut or damaged file; for one that is grey, palette, CMYK, with an alpha
    channel that hides anything, or 16-bit; for one that claims more than it holds; and for pixels that are all the
    same.
    """
    return sound(path, _read(path, CELL))


def read_field(path: Path) -> np.ndarray:
    """As `read_image`, but a grey image is read too, uint8 (H, W)."""
    return sound(path, _read(path, FIELD))


def read_mask(path: Path) -> np.ndarray:
    """Read a mask, but no JPEG: its numbers (H, W) as they are stored, or uint8 (H, W, 3) BGR if it has colours."""
    with _opened(path) as (file, size, start):
        if start.startswith(b"\xff\xd8\xff"):
            do = "Make it again as PNG or BMP: JPEG changes pixels about an edge, and all that is not black is nucleus."
            raise UserError(path, "a mask without loss", "a JPEG file", do)
        mask = _pixels(path, file, size, start, None)
    return _numbers(mask)


def decode_mask(where: str, data: bytes) -> np.ndarray:
    """As `read_mask`, of the bytes of a PNG or BMP; `where` says where they come from."""
    return _numbers(_pixels(where, BytesIO(data), len(data), data[:8], None))


def image_size(path: Path) -> tuple[int, int]:
    """Height and width of a colour image, from the header alone where the format allows; errors as `read_image`'s."""
    with _opened(path) as (file, size, start):
        if start[:4] in TIFF:
            with _tiff(path) as image:
                (width, height), kind, left = image.levels[0], image.kind, (image.turned, image.pictures)
        else:
            _require_small(path, size)
            width, height, kind, _, *left = _header(path, file, size)
    _require(path, width, height, kind, CELL)
    _say_what_is_left(path, CELL, *left)
    # only its pixels tell whether alpha hides anything
    return read_image(path).shape[:2] if kind == ALPHA else (height, width)


def is_tiff(path: Path) -> bool:
    """Whether a file is a TIFF, by its first bytes; errors as `read_image`'s."""
    with _opened(path) as (_, _, start):
        return start[:4] in TIFF


def is_large_tiff(path: Path) -> bool:
    """Whether a file is a TIFF of more pixels than `read_image` takes; errors as `read_image`'s."""
    if not is_tiff(path):
        return False
    with _tiff(path) as image:
        width, height = image.levels[0]
    return width * height > MAX_PIXELS


def refuse_one_value(path: Path) -> None:
    """Raise the error of an image whose pixels are all the same."""
    raise UserError(path, "a picture", "pixels that are all of one value", ANOTHER_COPY)


@contextmanager
def _opened(path: Path):
    """An open file, its size and its first bytes."""
    try:
        path = Path(path)
        file = open_regular(path)
        size = os.fstat(file.fileno()).st_size
        start = file.read(8)
    except FileNotFoundError:
        raise UserError(path, "an image file", "no such file", missing_image_advice(path)) from None
    except OSError as error:
        do = "Change its permissions." if isinstance(error, PermissionError) else CHECK_PATH
        raise UserError(path, "a readable image file", error.strerror or "an error", do) from None
    with file:
        if not size:
            raise UserError(path, "an image file", "an empty file", ANOTHER_COPY)
        # its first picture may be a small preview: an .mrxs is itself a JPEG, an .scn begins with an overview
        if path.suffix.lower() in SLIDES:
            raise UserError(path, FORMATS, "a slide", OF_A_SLIDE)
        file.seek(0)
        yield file, size, start


def _read(path: Path, kinds: tuple[str, ...]) -> np.ndarray:
    with _opened(path) as (file, size, start):
        return _pixels(path, file, size, start, kinds)


def _pixels(path: Path, file, size: int, start: bytes, kinds: tuple[str, ...] | None) -> np.ndarray:
    """All pixels of an image of some kinds; of any kind of mask if they are None."""
    if start[:4] in TIFF:
        return _tiff_pixels(path, kinds)
    _require_small(path, size)
    # read once: header and pixels are of the same bytes, even while somebody writes to the file
    header = _header(path, BytesIO(file.read()), size)
    _require(path, header.width, header.height, header.kind, kinds)
    _say_what_is_left(path, kinds, header.turned)
    try:
        pixels = header.decode()
    except ImportError:  # a package that requirements.txt lists is no damage
        raise
    except Exception as error:  # a broken file can raise anything in a decoder
        raise UserError(path, "a whole image file", one_line(error), ANOTHER_COPY) from None
    return _without_alpha(path, pixels) if kinds else pixels


def _require_small(path: Path, size: int) -> None:
    # four bytes a pixel and a header: no whole image is larger, and it is read into memory
    if size > 4 * MAX_PIXELS + 4096:
        raise UserError(path, f"an image of 1 to {MAX_PIXELS:,} pixels", f"{size:,} bytes", FIELDS)


def _header(path: Path, file, size: int) -> Header:
    try:
        header = open_header(file, size)
    except DamagedError as error:
        raise UserError(path, "a whole image file", str(error), ANOTHER_COPY) from None
    if header is None:
        file.seek(0)
        start = file.read(12)
        for place, sign, name in FOREIGN:
            if start[place:].startswith(sign):
                raise UserError(path, FORMATS, f"a {name} image", CONVERT)
        raise UserError(
            path, FORMATS, f"{size} bytes that start with {start[:4]!r} and cannot be decoded", ANOTHER_COPY
        )
    return header


@contextmanager
def _tiff(path: Path):
    """An open TIFF."""
    from deeppap.io.image_tiff import TiffImage  # with tifffile: a tenth of a second that most calls need not spend

    with closing(TiffImage(path)) as image:
        yield image


def _tiff_pixels(path: Path, kinds: tuple[str, ...] | None) -> np.ndarray:
    from deeppap.io.image_tiff import is_mask

    with _tiff(path) as image:
        if kinds is None and not is_mask(image) and image.kind not in (COLOUR, ALPHA):
            raise UserError(path, "a mask of whole numbers or of colours", image.kind, CONVERT)
        _require(path, *image.levels[0], image.kind, kinds)
        _say_what_is_left(path, kinds, image.turned, image.pictures)
        pixels = image.whole()
    return _without_alpha(path, pixels) if kinds else pixels


def _require(path: Path, width: int, height: int, kind: str, kinds: tuple[str, ...] | None) -> None:
    if not 0 < width * height <= MAX_PIXELS or min(width, height) < 0:
        found = f"a header that claims {width} x {height}"
        do = FIELDS if min(width, height) > 0 else ANOTHER_COPY
        raise UserError(path, f"an image of 1 to {MAX_PIXELS:,} pixels", found, do)
    # a palette's numbers are no colours, and 16 bits made 8 no numbers
    if kinds is None and kind.startswith(("an image of 16", "a CMYK", "an animation")):
        raise UserError(path, "a mask of whole numbers or of colours", kind, CONVERT)
    if kinds is not None and kind not in kinds:
        grey = " or grey" if GREY in kinds else ""
        raise UserError(path, f"a colour{grey} image of 8 bits a channel", kind, CONVERT)


def _without_alpha(path: Path, pixels: np.ndarray) -> np.ndarray:
    """The three colours of an image whose alpha channel hides nothing."""
    if pixels.ndim != 3 or pixels.shape[2] != 4:
        return pixels
    if not (pixels[..., 3] == 255).all():
        found = "an alpha channel that is not opaque"
        raise UserError(path, "an image that shows all of its pixels", found, CONVERT)
    return np.ascontiguousarray(pixels[..., :3])


def _numbers(mask: np.ndarray) -> np.ndarray:
    """A mask without alpha, and in one channel if it is grey."""
    if mask.ndim == 3:
        mask = mask[..., :3]
    return mask[..., 0] if mask.ndim == 3 and (mask == mask[..., :1]).all() else mask


def sound(path: Path, pixels: np.ndarray) -> np.ndarray:
    """The pixels, unless they are all the same: what a decoder leaves where it could not decode."""
    first = pixels[:1, :1]
    # a few rows first: they settle it for nearly every image
    if (pixels[:8] == first).all() and (pixels == first).all():
        refuse_one_value(path)
    return pixels
