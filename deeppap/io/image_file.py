"""Reading an image file, with every way it can be wrong named."""

import os
import struct
import unicodedata
from pathlib import Path

import cv2
import numpy as np

from deeppap.io.errors import CHECK_PATH, UserError
from deeppap.io.image_headers import Header, is_rgb_tiff, jpeg_size, parse_header

MAX_PIXELS = 100_000_000  # a whole 10,000 x 10,000 field; above it a header is taken for damaged or hostile
HEADER_BYTES = 128
ANOTHER_COPY = "Get this file again from where it came."
COLOUR = "a colour image of 3 channels of 8 bits"
CONVERT = "Convert it to 24-bit RGB."
FORMS = ("NFC", "NFD")  # an accented letter as one sign, or as a letter and its accent: what Macs give to files


def missing_image_advice(path: Path) -> str:
    """What to do about a listed image that does not exist: its name may be written in another way."""
    if "\\" in str(path):
        return "Write / between folders, not \\."
    if any(Path(unicodedata.normalize(form, str(path))).exists() for form in FORMS):
        return "One is there whose accented letters are composed otherwise (a Mac's): take its name from the folder."
    return CHECK_PATH


def _read(path: Path, count: int = -1) -> tuple[bytes, int]:
    """The first `count` bytes of a file, or all of them, and the size of the whole."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > 4 * MAX_PIXELS + HEADER_BYTES:
                raise UserError(path, f"an image of 1 to {MAX_PIXELS:,} pixels", f"{size:,} bytes", ANOTHER_COPY)
            return file.read(count), size
    except FileNotFoundError:
        raise UserError(path, "an image file", "no such file", missing_image_advice(path)) from None
    except OSError as error:
        do = "Mend its permissions." if isinstance(error, PermissionError) else CHECK_PATH
        raise UserError(path, "a readable image file", error.strerror or "an error", do) from None


def _require_size(path: Path, width: int, height: int) -> None:
    if not 0 < width * height <= MAX_PIXELS:
        found = f"a header that claims {width} x {height}"
        raise UserError(path, f"an image of 1 to {MAX_PIXELS:,} pixels", found, ANOTHER_COPY)


def _checked_header(path: Path, data: bytes, size: int) -> Header | None:
    """The header of an image file whose first bytes are `data`, refused where it cannot be true."""
    if not size:
        raise UserError(path, "an image file", "an empty file", ANOTHER_COPY)
    try:
        header = parse_header(data)
    except ValueError as error:
        raise UserError(path, "a whole image file", str(error), ANOTHER_COPY) from None
    if header:
        _require_size(path, header.width, header.height)
    if header and data[:2] == b"BM":
        _require_whole_bmp(path, data, size, header)
    return header


def _decode(path: Path, flags: int) -> tuple[np.ndarray, Header | None]:
    """Decode an image file of a believable size."""
    data, size = _read(path)
    header = _checked_header(path, data, size)
    if size_of_jpeg := jpeg_size(data):
        _require_size(path, *size_of_jpeg)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:  # a size that OpenCV itself refuses
        image = None
    if image is None or 0 in image.shape or (header and image.shape[:2] != (header.height, header.width)):
        found = f"{len(data)} bytes that start with {data[:4]!r} and cannot be decoded"
        raise UserError(path, "a BMP, PNG, JPEG or TIFF image", found, ANOTHER_COPY)
    return image, header


def _require_whole_bmp(path: Path, data: bytes, size: int, header: Header) -> None:
    # OpenCV fills the rows that a cut BMP lacks with whatever is in memory
    (offset, compression) = struct.unpack_from("<I", data, 10)[0], 0
    if len(data) >= 34 and struct.unpack_from("<I", data, 14)[0] >= 40:
        (compression,) = struct.unpack_from("<I", data, 30)
    need = offset + (header.width * header.bits + 31) // 32 * 4 * header.height
    if compression == 0 and size < need:
        raise UserError(path, f"{need} bytes of a {header.width} x {header.height} BMP", f"{size}", ANOTHER_COPY)


def _require_colour(path: Path, header: Header) -> None:
    # OpenCV makes three channels of a BMP of 16 or 32 bits a pixel without a word
    kind = f"{header.bits} bits a pixel"
    if header.palette or (header.bits != 24 and not header.alpha):
        raise UserError(path, COLOUR, "a palette image" if header.palette else kind, CONVERT)


def _without_alpha(path: Path, image: np.ndarray, header: Header | None) -> np.ndarray:
    """The three colours of an image whose alpha channel hides nothing; any other fourth channel is refused."""
    if header is None and not is_rgb_tiff(path):
        raise UserError(path, COLOUR, "4 channel(s) of 8 bits", CONVERT)
    if not (image[..., 3] == 255).all():
        raise UserError(path, COLOUR, "32 bits a pixel, with an alpha channel that is not opaque", CONVERT)
    return np.ascontiguousarray(image[..., :3])


def read_image(path: Path) -> np.ndarray:
    """Read a colour image, uint8 (H, W, 3), BGR as Caffe's; an alpha channel that is opaque throughout is dropped.

    Raises
    ------
    UserError
        For a missing, empty, cut or undecodable file, for one that is grey, palette, with an alpha channel that hides
        anything or 16-bit, and for one that claims an absurd size.
    """
    image, header = _decode(path, cv2.IMREAD_UNCHANGED)
    if header:
        _require_colour(path, header)
    if image.ndim == 3 and image.shape[2] == 4 and image.dtype == np.uint8:
        return _without_alpha(path, image, header)
    kind = f"{image.shape[2] if image.ndim == 3 else 1} channel(s) of {image.dtype.itemsize * 8} bits"
    if kind != "3 channel(s) of 8 bits":
        raise UserError(path, COLOUR, kind, CONVERT)
    return image


def read_mask(path: Path) -> np.ndarray:
    """Read a mask, but no JPEG: its numbers (H, W) as they are stored, or uint8 (H, W, 3) BGR if it has colours."""
    if _read(path, 3)[0] == b"\xff\xd8\xff":
        do = "Make it again as PNG or BMP: JPEG changes pixels about an edge, and all that is not black is nucleus."
        raise UserError(path, "a mask without loss", "a JPEG file", do)
    mask = _decode(path, cv2.IMREAD_UNCHANGED)[0]
    if mask.ndim == 3:
        mask = mask[..., :3]  # without alpha
    return mask[..., 0] if mask.ndim == 3 and (mask == mask[..., :1]).all() else mask


def image_size(path: Path) -> tuple[int, int]:
    """Height and width of a colour image, from the header alone where the format allows; errors as `read_image`'s."""
    header = _checked_header(path, *_read(path, HEADER_BYTES))
    if header is None or header.alpha:
        return read_image(path).shape[:2]
    _require_colour(path, header)
    return header.height, header.width
