"""Field images that are decoded whole: PNG, BMP and JPEG."""

from pathlib import Path

import cv2
import numpy as np

from deeppap.io.errors import UserError
from deeppap.io.jpeg_header import jpeg_size
from deeppap.screening.slides.has_end import has_end
from deeppap.screening.slides.slide import Box, Damage

SUFFIXES = (".png", ".bmp", ".jpg", ".jpeg")
MOST_PIXELS = 100_000_000  # 300 MB in memory; what is larger comes as a tiled TIFF
AGAIN = "Get this file again from where it came."
CONVERT = "Convert it to 8 bits, grey or RGB without transparency."


class FieldImage:
    """A field in memory; these formats state no pixel size that can be trusted."""

    mpp, origin = None, (0, 0)

    def __init__(self, path: Path):
        self.path = path
        self.image = _decode(path)
        height, width = self.image.shape[:2]
        self.levels, self.colour = [(width, height)], self.image.ndim == 3

    def read(self, box: Box, level: int = 0) -> tuple[np.ndarray, list[Damage]]:
        """Pixels of a box; nothing of a decoded image is missing."""
        return self.image[box.y : box.bottom, box.x : box.right], []

    def close(self) -> None:
        """Let go of the pixels."""
        self.image = np.empty((0, 0), np.uint8)


def _decode(path: Path) -> np.ndarray:
    data = np.fromfile(path, np.uint8)
    _require_size(path, data)
    try:
        image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION) if data.size else None
    except cv2.error:  # a size that OpenCV itself refuses
        image = None
    if image is None or 0 in image.shape:
        raise UserError(path, "a PNG, BMP or JPEG image", f"{data.size} bytes that cannot be decoded", AGAIN)
    return _as_grey_or_colour(path, image)


def _require_size(path: Path, data: np.ndarray) -> None:
    """Refuse an absurd size by the header, before anything is decoded, and a file that is cut short."""
    from deeppap.io.image_file import parse_header

    try:
        header = parse_header(data[:128].tobytes())
    except ValueError as error:
        raise UserError(path, "a whole image file", str(error), AGAIN) from None
    width, height = (header.width, header.height) if header else jpeg_size(data.data) or (1, 1)
    if not 0 < width * height <= MOST_PIXELS:
        found = f"{width} x {height}"
        raise UserError(path, f"an image of 1 to {MOST_PIXELS:,} pixels", found, "Give it as a tiled TIFF.")
    if not has_end(data.data):
        raise UserError(path, "a whole image file", "one cut short", AGAIN)  # OpenCV makes up what is missing
    if header and data[:2].tobytes() == b"BM" and data.size < header.width * header.height * header.bits // 8:
        raise UserError(path, "a whole image file", "one cut short", AGAIN)


def _as_grey_or_colour(path: Path, image: np.ndarray) -> np.ndarray:
    channels = 1 if image.ndim == 2 else image.shape[2]
    if image.dtype != np.uint8 or channels not in (1, 3):
        alpha = ", one of them transparency" if channels in (2, 4) else ""
        found = f"{channels} channel(s) of {image.dtype.itemsize * 8} bits{alpha}"
        raise UserError(path, "8 bits, grey or colour", found, CONVERT)
    return image[..., 0] if channels == 1 and image.ndim == 3 else image
