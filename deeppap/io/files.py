"""Files that are either complete or absent."""

import errno
import gzip
import hashlib
import io
import json
import os
import re
import secrets
import shutil
import stat
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

from deeppap.io.errors import CHECK_PATH, UserError

if TYPE_CHECKING:
    import numpy as np

PACKED = ".gz"  # results/ keeps its large files gzipped, in a quarter of the room
FULL = (errno.ENOSPC, errno.EDQUOT)  # of a disk, or of what a user may have of it
BROKEN = (gzip.BadGzipFile, EOFError, zlib.error)  # what reading a damaged one raises
SILENT = 7 * 86400  # seconds after which nobody writes a partial file any more
MAX_ARRAYS = 200_000_000  # bytes of an .npz file, unpacked; a reference of 4,096 outputs takes 67 MB
MAX_JSON = 100_000_000  # bytes; a split of a million cells takes 30 MB


def own_partial(final: Path) -> Path:
    """A partial path that nobody else writes; what others left of `final` when they died is removed a week later."""
    left = re.compile(rf"\.{re.escape(final.name)}\.\w{{8}}\.(partial|old)")
    for path in final.parent.iterdir():
        # by age alone: the numbers of processes differ between machines and between containers
        with suppress(FileNotFoundError):
            if left.fullmatch(path.name) and time.time() - path.lstat().st_mtime > SILENT:
                remove(path)
    return final.with_name(f".{final.name}.{secrets.token_hex(4)}.partial")


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder; what is not there is no error."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Make a file's bytes, or the names in a folder, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def complete_or_absent(final: Path, need_bytes: int = 0) -> Iterator[Path]:
    """Yield a partial path; on success it takes the name `final`, on failure it is removed.

    The partial path does not exist when it is yielded: the body creates a file or a folder there.

    Raises UserError if the disk has less than `need_bytes` free or fills up while the body writes.
    """
    final = Path(final)
    final.parent.mkdir(parents=True, exist_ok=True)
    require_space(final.parent, need_bytes)
    partial = own_partial(final)
    try:
        yield partial
        # on the disk before it has its name: after a power cut a name must not lead to an empty file
        for path in [*partial.rglob("*"), partial] if partial.is_dir() else [partial]:
            if path.exists() and not path.is_symlink():
                sync(path)
        _take_name(partial, final)
        sync(final.parent)
    except OSError as error:
        if error.filename == str(partial):
            error.filename = str(final)  # the name that a user knows
        if error.errno in FULL:
            raise disk_full(final, need_bytes) from error
        raise
    finally:
        if os.path.lexists(partial):  # false for a name that is too long, where remove would raise again
            remove(partial)


def _take_name(partial: Path, final: Path) -> None:
    """Rename `partial`; an older folder steps aside first: killed in between, half a folder is never left."""
    # a rename replaces a file at once, but no folder that holds anything
    if final.is_dir() and not final.is_symlink():
        old = partial.with_suffix(".old")
        os.utime(final)  # its week as a leftover begins now, if we are killed
        final.rename(old)
        partial.rename(final)
        shutil.rmtree(old)
    else:
        partial.replace(final)


def disk_full(path: Path, need_bytes: int) -> UserError:
    """The error for a disk that filled up while `path` was written."""
    free = shutil.disk_usage(path.parent).free
    need = f"{human(need_bytes)} for it" if need_bytes else "room for it"
    return UserError(path, need, f"a full disk ({human(free)} free)", "Free some space and run the same command again.")


def require_space(folder: Path, need_bytes: int) -> None:
    """Refuse beforehand where the disk under `folder` has less than `need_bytes` free."""
    free = shutil.disk_usage(folder).free
    if free < need_bytes:
        raise UserError(
            folder, f"{human(need_bytes)} of free disk", f"{human(free)}", "Free some space or choose another folder."
        )


def write_text(final: Path, text: str) -> None:
    """Write a small text file, complete or not at all."""
    write_bytes(final, text.encode())


def write_bytes(final: Path, data: bytes) -> None:
    """Write a file, complete or not at all."""
    with complete_or_absent(final, len(data)) as partial:
        partial.write_bytes(data)


def write_arrays(final: Path, arrays: "dict[str, np.ndarray]") -> None:
    """Write named arrays as .npz, complete or not at all."""
    import numpy as np  # here, so that a tool's --help does not wait for it

    with complete_or_absent(final) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read_arrays(path: Path, expected: str, do: str) -> "dict[str, np.ndarray]":
    """All arrays of an .npz file, by name; nothing is unpickled.

    Raises UserError if it is damaged, holds anything but plain arrays, or unpacks to more than `MAX_ARRAYS` bytes.
    """
    import numpy as np  # here, so that a tool's --help does not wait for it

    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            # what a zip file says of itself; reading a member stops there too
            if (size := sum(member.file_size for member in archive.infolist())) > MAX_ARRAYS:
                raise UserError(path, f"{expected} of at most {human(MAX_ARRAYS)}", human(size), do)
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                found = {name: arrays[name] for name in arrays.files}
                # what NumPy gives of a member of another kind
                if any(isinstance(one, bytes) for one in found.values()):
                    raise UserError(path, expected, "a member that is no array", do)
                return found
    except UserError:
        raise
    except Exception as error:  # a damaged file can raise anything in the two parsers; a false shape MemoryError
        shown = " ".join(str(error).split())[:80] or "an empty file"
        raise UserError(path, expected, shown, do) from None


def write_json(final: Path, value: Any) -> None:
    """Write JSON, complete or not at all; keys keep their order."""
    write_text(final, json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def read_file(path: Path, expected: str, limit: int, do: str) -> bytes:
    """Read a whole file of at most `limit` bytes, unpacked if its name ends in .gz.

    Raises UserError if the file is missing, unreadable or larger; `expected` and `do` are parts of its line.
    """
    path, data = Path(path), b""
    try:
        size = path.stat().st_size
        if size <= limit:
            with open_regular(path) as raw, gzip.open(raw) if path.suffix == PACKED else raw as file:
                data = file.read(limit + 1)  # a gzipped file may hold more than its size tells
    except FileNotFoundError:
        raise UserError(path, expected, "no such file", do) from None
    except BROKEN as error:
        raise UserError(path, expected, f"{error}", do) from None
    except OSError as error:
        raise UserError(path, expected, error.strerror or f"{error}", do) from None
    if max(size, len(data)) > limit:
        raise UserError(path, f"{expected} of at most {human(limit)}", human(max(size, len(data))), do)
    return data


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading; UserError for a FIFO, which would wait for ever, and a device, which may never end."""
    # without O_NONBLOCK opening a FIFO waits until somebody writes into it
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise UserError(path, "a regular file", "a FIFO, a socket or a device", CHECK_PATH)
    return file


def open_text(path: Path) -> TextIO:
    """Open UTF-8 text for reading, line ends as they are; a file that ends in .gz is unpacked on the way."""
    file = open_regular(path)
    binary = gzip.GzipFile(fileobj=file) if path.suffix.lower() == PACKED else file
    return io.TextIOWrapper(binary, encoding="utf-8", newline="")


def packed(data: bytes) -> bytes:
    """Gzip bytes; the same data gives the same."""
    return gzip.compress(data, mtime=0)


def digest(*parts: Any) -> str:
    """A sha256 over values that JSON can hold, independent of the order of keys."""
    # one text for equal values, on any machine: the digest stands in records that are compared for years
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_file(path: Path, algorithm: str = "sha256") -> str:
    """The checksum of a file's bytes, in hexadecimal."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def human(count: float) -> str:
    """A number of bytes as a person reads it."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
