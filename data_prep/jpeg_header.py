"""The size that a JPEG says it has, before anything of it is decoded."""

import re

# behind compressed data too: a stuffed byte, a restart and a fill byte are no markers
MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")
START = b"\xff\xd8\xff"
FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # starts of a frame; those three hold tables
Bytes = bytes | memoryview


def jpeg_size(data: Bytes) -> tuple[int, int] | None:
    """Width and height; None of anything else than a JPEG, and of one cut short before them."""
    at = 2 if bytes(data[:3]) == START else len(data)
    while found := MARKER.search(data, at):
        begin = found.end()
        if found[1][0] in FRAMES:
            return int.from_bytes(data[begin + 5 : begin + 7], "big"), int.from_bytes(
                data[begin + 3 : begin + 5], "big"
            )
        at = begin + max(2, int.from_bytes(data[begin : begin + 2], "big"))
    return None
