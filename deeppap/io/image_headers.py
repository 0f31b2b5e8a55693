"""What an image file says of itself, before anything of it is decoded: BMP, PNG, JPEG and TIFF."""

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# behind compressed data too: a stuffed byte, a restart and a fill byte are no markers
MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")
START = b"\xff\xd8\xff"
FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # starts of a frame; those three hold tables
Bytes = bytes | memoryview
ORDERS = {b"II*\0": "<", b"MM\0*": ">"}  # little and big endian
PHOTOMETRIC, RGB = 262, 2  # the tag, and its value; CMYK, which OpenCV makes RGB of as well, is 5


class Header(NamedTuple):
    """What an image file says of itself before anything is decoded."""

    width: int
    height: int
    bits: int  # of one pixel, all channels
    palette: bool
    alpha: bool = False  # a fourth channel of 8 bits, which read_image looks at


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
        return Header(width, height, depth * channels, colour == 3, colour == 6 and depth == 8)
    return None


def segments(data: Bytes) -> Iterator[tuple[int, int]]:
    """Each segment's marker and where its content begins; one inside another, such as a thumbnail's, is passed over."""
    at = 2
    while found := MARKER.search(data, at):
        begin = found.end()
        yield found[1][0], begin
        at = begin + max(2, _number(data, begin))


def jpeg_size(data: Bytes) -> tuple[int, int] | None:
    """Width and height; None of anything else than a JPEG, and of one cut short before them."""
    if bytes(data[:3]) != START:
        return None
    frames = (begin for marker, begin in segments(data) if marker in FRAMES)
    return next(((_number(data, begin + 5), _number(data, begin + 3)) for begin in frames), None)


def _number(data: Bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "big")


def is_rgb_tiff(path: Path) -> bool:
    """Whether a file is a TIFF whose first picture says that it is RGB."""
    with path.open("rb") as file:
        head = file.read(8)
        order = ORDERS.get(head[:4])
        if order is None or len(head) < 8:
            return False
        file.seek(struct.unpack_from(order + "I", head, 4)[0])
        count = struct.unpack(order + "H", file.read(2).ljust(2, b"\0"))[0]
        entries = file.read(12 * count)
    for at in range(0, len(entries) - 11, 12):
        tag, kind, _, value = struct.unpack_from(order + "HHIH", entries, at)
        if tag == PHOTOMETRIC:
            return kind == 3 and value == RGB  # kind 3: 16 bits
    return False
