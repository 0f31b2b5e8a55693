"""Pictures without cells, and the bytes of image files."""

import struct
import zlib
from io import BytesIO

import cv2
import numpy as np
import tifffile


def plain(shape: tuple[int, ...], value: int, dtype=np.uint8) -> np.ndarray:
    """Pixels of one value, and of the next in the first row's first one: an image of one single value is refused."""
    image = np.full(shape, value, dtype)
    image[0, 0] = value + 1 if value < 200 else value - 1
    return image


def encoded(suffix: str, pixels: np.ndarray, *options: int) -> bytes:
    """A file as OpenCV writes it."""
    return cv2.imencode(suffix, pixels, list(options))[1].tobytes()


def tiff_bytes(pixels: np.ndarray, **options) -> bytes:
    """A TIFF as tifffile writes it, RGB unless the options say so."""
    out = BytesIO()
    own = {name: options.pop(name) for name in ("bigtiff", "byteorder", "ome", "imagej") if name in options}
    tifffile.imwrite(out, np.ascontiguousarray(pixels), **{"photometric": "rgb", "metadata": None, **options}, **own)
    return out.getvalue()


def png_bytes(width: int, height: int, raw: bytes, depth: int = 8, kind: int = 2, interlaced: int = 0) -> bytes:
    """A PNG with that header and these rows, every checksum right."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(raw)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
