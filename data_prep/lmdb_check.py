"""The record kept beside an LMDB, and the check against it before a reader can die of a bad page."""

from pathlib import Path

from common.errors import UserError
from common.files import human, sha256_file

DO = "Remove the fold's folder and build it again with tools/build_lmdb.py."


def describe(lmdb: Path, entries: int) -> dict:
    """Size and checksum of an LMDB's data file, for the fold's record."""
    data = lmdb / "data.mdb"
    return {"entries": entries, "bytes": data.stat().st_size, "sha256": sha256_file(data)}


def verify(lmdb: Path, record: dict) -> None:
    """Refuse an LMDB that is not the one that was written: a truncated file still reports its full
    entry count and then kills the reader with SIGBUS.
    """
    data = lmdb / "data.mdb"
    if not data.is_file():
        raise UserError(data, "the LMDB's data file", "no such file", DO)
    size = data.stat().st_size
    if size != record["bytes"]:
        raise UserError(data, f"{record['bytes']:,} bytes", f"{size:,} ({human(size)})", DO)
    found = sha256_file(data)
    if found != record["sha256"]:
        raise UserError(data, f"sha256 {record['sha256'][:16]}...", f"{found[:16]}...", DO)
