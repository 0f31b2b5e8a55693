"""Field images that are decoded whole: PNG, BMP and JPEG."""

from pathlib import Path

import cv2
import numpy as np

from deeppap.io.errors import UserError
from deeppap.io.image_headers import START, Bytes, jpeg_size, parse_header, segments
from deeppap.screening.slides.slide import Box, Damage

MAX_PIXELS = 100_000_000  # 300 MB in memory; a larger image should be a tiled TIFF
AGAIN = "Download or copy the file again."
END_OF_IMAGE = 0xD9  # JPEG's last marker
PNG = b"\x89PNG\r\n\x1a\n"


class FieldImage:
    """A field in memory. These formats state no pixel size that can be trusted."""

    mpp, origin = None, (0, 0)

    def __init__(self, path: Path):
        self.path = path
        self.image = require_8_bits(path, decode(path))
        height, width = self.image.shape[:2]
        self.levels, self.colour = [(width, height)], self.image.ndim == 3

    def read(self, box: Box, level: int = 0) -> tuple[np.ndarray, list[Damage]]:
        """See `Slide.read`; a decoded image has no damage."""
        return self.image[box.y : box.bottom, box.x : box.right], []


def decode(path: Path) -> np.ndarray:
    """An image of any depth, (H, W) or (H, W, C) BGR; UserError for a file that is missing, cut short or too large."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise UserError(path, "a readable file", error.strerror or "an error", "Check the path.") from None
    _require_size(path, data)
    try:
        image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION) if data.size else None
    except cv2.error:  # OpenCV's own limit on the size
        image = None
    if image is None or 0 in image.shape:
        raise UserError(path, "a PNG, BMP or JPEG image", f"{data.size} bytes that cannot be decoded", AGAIN)
    return image


def _require_size(path: Path, data: np.ndarray) -> None:
    """Refuse a huge size before anything is decoded, and a file that is cut short: OpenCV would fill in the rest."""
    try:
        header = parse_header(data[:128].tobytes())
    except ValueError as error:
        raise UserError(path, "a whole image file", str(error), AGAIN) from None
    width, height = (header.width, header.height) if header else jpeg_size(data.data) or (1, 1)
    if not 0 < width * height <= MAX_PIXELS:
        found = f"{width} x {height}"
        raise UserError(path, f"an image of 1 to {MAX_PIXELS:,} pixels", found, "Convert it to a tiled TIFF.")
    # a BMP has no end marker, but its size follows from its header
    short_bmp = header and data[:2].tobytes() == b"BM" and data.size < width * height * header.bits // 8
    if short_bmp or not _has_end(data.data):
        raise UserError(path, "a whole image file", "one cut short", AGAIN)


def _has_end(data: Bytes) -> bool:
    """Whether a PNG or JPEG has its end, whatever a camera appended after it; true for other formats."""
    start = bytes(data[:8])
    if start.startswith(START):
        return any(marker == END_OF_IMAGE for marker, _ in segments(data))
    if start != PNG:
        return True
    at = len(PNG)
    while at + 12 <= len(data):  # a chunk: length, type, data, checksum
        if bytes(data[at + 4 : at + 8]) == b"IEND":
            return True
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return False


def require_8_bits(path: Path, image: np.ndarray) -> np.ndarray:
    """The image as uint8 (H, W) or (H, W, 3); UserError for another depth and for transparency."""
    channels = 1 if image.ndim == 2 else image.shape[2]
    if image.dtype != np.uint8 or channels not in (1, 3):
        alpha = ", one of them transparency" if channels in (2, 4) else ""
        found = f"{channels} channel(s) of {image.dtype.itemsize * 8} bits{alpha}"
        do = "Convert it to 8 bits, grey or RGB without transparency."
        raise UserError(path, "8 bits, grey or colour", found, do)
    return image[..., 0] if channels == 1 and image.ndim == 3 else image
