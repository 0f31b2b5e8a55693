"""A JPEG's segments, and the size that it says it has, before anything of it is decoded."""

import re
from collections.abc import Iterator

# behind compressed data too: a stuffed byte, a restart and a fill byte are no markers
MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")
START = b"\xff\xd8\xff"
FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # starts of a frame; those three hold tables
Bytes = bytes | memoryview


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
