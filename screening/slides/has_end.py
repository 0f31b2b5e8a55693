"""Whether a PNG or a JPEG has its end, whatever follows it: cameras and other programs append bytes of their own."""

from data_prep.jpeg_header import MARKER, START, Bytes

END_OF_IMAGE = 0xD9
PNG = b"\x89PNG\r\n\x1a\n"


def has_end(data: Bytes) -> bool:
    """Whether a file is there to its end; true of any other format."""
    start = bytes(data[:8])
    if start.startswith(START):
        return _jpeg_has_end(data)
    return _png_has_end(data) if start == PNG else True


def _jpeg_has_end(data: Bytes) -> bool:
    """Segment by segment: a thumbnail inside one has an end mark of its own, and is no end of the image."""
    at = 2
    while found := MARKER.search(data, at):
        if found[1][0] == END_OF_IMAGE:
            return True
        at = found.end() + max(2, int.from_bytes(data[found.end() : found.end() + 2], "big"))
    return False


def _png_has_end(data: Bytes) -> bool:
    at = len(PNG)
    while at + 12 <= len(data):
        if bytes(data[at + 4 : at + 8]) == b"IEND":
            return True
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return False
