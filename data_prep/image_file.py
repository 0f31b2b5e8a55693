"""Reading an image file, with every way it can be wrong named."""

import struct
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from common.errors import UserError

MAX_PIXELS = 100_000_000  # a whole 10,000 x 10,000 field; above it a header is taken for damaged or hostile
ANOTHER_COPY = "Get this file again from the data set's source."


class Header(NamedTuple):
    """What an image file says of itself before anything is decoded."""

    width: int
    height: int
    bits: int  # of one pixel, all channels
    palette: bool


def parse_header(data: bytes) -> Header | None:
    """Parse the header of a BMP or PNG file; None for other formats, ValueError where it is cut short."""
    if data[:2] == b"BM":
        if len(data) < 30:
            raise ValueError("a BMP header cut short")
        (info_size,) = struct.unpack_from("<I", data, 14)
        if info_size == 12:
            width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        else:
            width, height, _, bits = struct.unpack_from("<iiHH", data, 18)
        return Header(width, abs(height), bits, bits <= 8)
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        if len(data) < 29:
            raise ValueError("a PNG header cut short")
        width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
        channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 0)
        return Header(width, height, depth * channels, colour == 3)
    return None


def _decode(path: Path, flags: int) -> tuple[np.ndarray, Header | None]:
    """Decode an image file of a believable size."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UserError(path, "an image file", "no such file", ANOTHER_COPY) from None
    except OSError as error:
        raise UserError(path, "a readable image file", error.strerror or "an error", "Mend its permissions.") from None
    if not data:
        raise UserError(path, "an image file", "an empty file", ANOTHER_COPY)
    try:
        header = parse_header(data)
    except ValueError as error:
        raise UserError(path, "a whole image file", str(error), ANOTHER_COPY) from None
    if header and not 0 < header.width * header.height <= MAX_PIXELS:
        found = f"a header that claims {header.width} x {header.height}"
        raise UserError(path, f"an image of 1 to {MAX_PIXELS:,} pixels", found, ANOTHER_COPY)
    if header and data[:2] == b"BM":
        _require_whole_bmp(path, data, header)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if image is None:
        found = f"{len(data)} bytes that start with {data[:4]!r} and cannot be decoded"
        raise UserError(path, "a BMP, PNG, JPEG or TIFF image", found, ANOTHER_COPY)
    return image, header


def _require_whole_bmp(path: Path, data: bytes, header: Header) -> None:
    # OpenCV fills the rows that a cut BMP lacks with whatever is in memory
    (offset, compression) = struct.unpack_from("<I", data, 10)[0], 0
    if len(data) >= 34 and struct.unpack_from("<I", data, 14)[0] >= 40:
        (compression,) = struct.unpack_from("<I", data, 30)
    need = offset + (header.width * header.bits + 31) // 32 * 4 * header.height
    if compression == 0 and len(data) < need:
        raise UserError(path, f"{need} bytes of a {header.width} x {header.height} BMP", f"{len(data)}", ANOTHER_COPY)


def read_image(path: Path) -> np.ndarray:
    """Read a colour image, uint8 (H, W, 3), BGR as Caffe's.

    Raises
    ------
    UserError
        For a missing, empty, cut or undecodable file, for one that is grey, palette, with alpha or
        16-bit, and for one that claims an absurd size.
    """
    image, header = _decode(path, cv2.IMREAD_UNCHANGED)
    kind = f"{image.shape[2] if image.ndim == 3 else 1} channel(s) of {image.dtype.itemsize * 8} bits"
    if header and header.palette:
        kind = "a palette image"
    if kind != "3 channel(s) of 8 bits":
        raise UserError(path, "a colour image of 3 channels of 8 bits", kind, "Convert it to 24-bit RGB.")
    return image


def read_mask(path: Path) -> np.ndarray:
    """Read a mask, uint8 (H, W, 3) BGR; palette, grey and colour files will do."""
    return _decode(path, cv2.IMREAD_COLOR)[0]


def image_size(path: Path) -> tuple[int, int]:
    """Height and width, from the header alone where the format allows."""
    with path.open("rb") as file:
        start = file.read(64)
    try:
        header = parse_header(start)
    except ValueError:
        header = None
    if header is None:
        return read_image(path).shape[:2]
    return header.height, header.width
