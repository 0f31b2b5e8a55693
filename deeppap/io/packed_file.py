"""Text that may lie gzipped: results/ keeps its large files so, in a quarter of the room."""

import gzip
import zlib
from pathlib import Path
from typing import BinaryIO, TextIO

SUFFIX = ".gz"
BROKEN = (gzip.BadGzipFile, EOFError, zlib.error)  # what reading a damaged one raises


def plain_or_packed(path: Path) -> Path | None:
    """`path` where it is there, else the file of that name with .gz after it; None without either."""
    packed = packed_name(path)
    return path if path.exists() else packed if packed.exists() else None


def packed_name(path: Path) -> Path:
    """The name that `path` has when gzipped."""
    return path.with_name(path.name + SUFFIX)


def open_text(path: Path, encoding: str = "utf-8") -> TextIO:
    """Open for reading, line ends as they are; one that ends in .gz is unpacked on the way."""
    opened = gzip.open if path.suffix.lower() == SUFFIX else open
    return opened(path, "rt", encoding=encoding, newline="")


def open_binary(path: Path) -> BinaryIO:
    """Open for reading; a file that ends in .gz is unpacked on the way."""
    return gzip.open(path, "rb") if path.suffix.lower() == SUFFIX else path.open("rb")


def packed(data: bytes) -> bytes:
    """Gzipped bytes; the same data gives the same."""
    return gzip.compress(data, mtime=0)
