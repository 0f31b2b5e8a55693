"""Who has an LMDB open: LMDB's own locks on lock.mdb, which a process holds until it closes or dies."""

import fcntl
import os
import struct
from pathlib import Path

FLOCK = "hhqqi4x"  # struct flock of 64-bit Linux: type, whence, start, length, process


def reader_of(folder: Path) -> int | None:
    """A process that has the LMDB in `folder` open, such as Caffe; None where nobody has.

    Its number is 0 or less where the kernel cannot name it from here, as in another container. Nothing is locked:
    the kernel is only asked. LMDBs opened without locks are not seen; Caffe opens them with.
    """
    lock = folder / "lock.mdb"
    if not lock.exists():
        return None
    with lock.open("rb") as file:
        # a write lock on the whole file would meet any of them
        asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, process = struct.unpack(FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))
    return None if kind == fcntl.F_UNLCK else process
