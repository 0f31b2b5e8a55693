"""The record kept beside an LMDB, and the check against it before a reader can die of a bad page."""

from pathlib import Path

from deeppap.io.errors import UserError
from deeppap.io.files import human, sha256_file
from deeppap.records import LmdbRecord


def describe(lmdb: Path, entries: int) -> LmdbRecord:
    """Size and checksum of an LMDB's data file, for the fold's record."""
    data = lmdb / "data.mdb"
    return LmdbRecord(entries=entries, bytes=data.stat().st_size, sha256=sha256_file(data))


def verify(lmdb: Path, record: LmdbRecord) -> None:
    """Refuse an LMDB that is not the one that was written: a truncated file still reports its full
    entry count and then kills the reader with SIGBUS.
    """
    data = lmdb / "data.mdb"
    if not data.is_file():
        do = "It is given back once a fold is scored: build the fold again with tools/build_lmdb.py, its model stays."
        raise UserError(data, "the LMDB's data file", "no such file", do)
    do = f"Remove {lmdb} and build the fold again with tools/build_lmdb.py; its model stays."
    size = data.stat().st_size
    if size != record.bytes:
        raise UserError(data, f"{record.bytes:,} bytes", f"{size:,} ({human(size)})", do)
    found = sha256_file(data)
    if found != record.sha256:
        raise UserError(data, f"sha256 {record.sha256[:16]}...", f"{found[:16]}...", do)
