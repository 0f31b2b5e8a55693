"""What the channels of a TIFF file mean: a fourth one is alpha only where the others are red, green and blue."""

import struct
from pathlib import Path

ORDERS = {b"II*\0": "<", b"MM\0*": ">"}  # little and big endian
PHOTOMETRIC, RGB = 262, 2  # the tag, and its value; CMYK, which OpenCV makes RGB of as well, is 5


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
