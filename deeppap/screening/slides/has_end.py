"""Whether a PNG or a JPEG has its end, whatever follows it: cameras and other programs append bytes of their own."""

from deeppap.io.jpeg_header import START, Bytes, segments

END_OF_IMAGE = 0xD9
PNG = b"\x89PNG\r\n\x1a\n"


def has_end(data: Bytes) -> bool:
    """Whether a file is there to its end; true of any other format."""
    start = bytes(data[:8])
    if start.startswith(START):
        return any(marker == END_OF_IMAGE for marker, _ in segments(data))
    return _png_has_end(data) if start == PNG else True


def _png_has_end(data: Bytes) -> bool:
    at = len(PNG)
    while at + 12 <= len(data):
        if bytes(data[at + 4 : at + 8]) == b"IEND":
            return True
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return False
