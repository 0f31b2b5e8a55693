"""Files that are either complete or absent."""

import errno
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deeppap.io.errors import UserError
from deeppap.io.packed_file import BROKEN, open_binary

MAX_JSON = 100_000_000  # bytes; a split of a million cells takes 30 MB


def partial_path(final: Path) -> Path:
    """Where `final` is written until it is complete: beside it, so that the rename is atomic."""
    return final.with_name(f".{final.name}.partial")


def own_partial(final: Path) -> Path:
    """A partial path that no other process writes; what dead processes of this machine left is removed."""
    host = _host()
    for path in final.parent.iterdir():
        middle = path.name.removeprefix(f".{final.name}.{host}.").removesuffix(".partial")
        ours = path.name == f".{final.name}.{host}.{middle}.partial"
        if ours and middle.isdecimal() and not _alive(int(middle)):
            remove(path)
    return final.with_name(f".{final.name}.{host}.{os.getpid()}.partial")


def _host() -> str:
    """A name of eight letters for the machine: on a shared disk, two machines' processes may have the same number."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _alive(process: int) -> bool:
    return process != os.getpid() and Path(f"/proc/{process}").exists()


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder; what is not there is no error."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make a rename inside `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def complete_or_absent(final: Path, need_bytes: int = 0) -> Iterator[Path]:
    """Yield a partial path; on success it takes the name `final`, on failure it is removed.

    The partial path does not exist when it is yielded: the body creates a file or a folder there.

    Raises
    ------
    UserError
        If the disk has less than `need_bytes` free or fills up while the body writes.
    """
    final = Path(final)
    final.parent.mkdir(parents=True, exist_ok=True)
    require_space(final.parent, need_bytes)
    partial = own_partial(final)
    with _told_as(final, partial):
        try:
            yield partial
            if partial.is_file():
                with partial.open("rb") as file:
                    os.fsync(file.fileno())
            _take_name(partial, final)
            sync_folder(final.parent)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise disk_full(final, need_bytes) from error
            raise
        finally:
            remove(partial)


@contextmanager
def _told_as(final: Path, partial: Path) -> Iterator[None]:
    """An error of the machine's about the partial path names the one that a user knows."""
    try:
        yield
    except OSError as error:
        if error.filename == str(partial):
            error.filename = str(final)
        raise


def _take_name(partial: Path, final: Path) -> None:
    """Rename `partial`; an older folder steps aside first: killed in between, half a folder is never left."""
    if final.is_dir() and not final.is_symlink():
        old = final.with_name(f".{final.name}.{os.getpid()}.old")
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
    with complete_or_absent(final, len(text)) as partial:
        partial.write_text(text, encoding="utf-8")


def write_bytes(final: Path, data: bytes) -> None:
    """Write a file, complete or not at all."""
    with complete_or_absent(final, len(data)) as partial:
        partial.write_bytes(data)


def write_json(final: Path, value: Any, packed: bool = False) -> None:
    """Write JSON, complete or not at all; keys keep their order. `packed`: on one line, half the size."""
    layout: dict[str, Any] = {"separators": (",", ":")} if packed else {"indent": 1}
    write_text(final, json.dumps(value, ensure_ascii=False, **layout) + "\n")


def read_bytes(path: Path, made_by: str) -> bytes:
    """Read a file that a tool of ours wrote, unpacked if it ends in .gz; `made_by` names the tool in the error."""
    again = f"Remove it and run {made_by} again."
    too_long = UserError(path, f"at most {human(MAX_JSON)} of JSON", "more than that", again)
    try:
        if path.stat().st_size > MAX_JSON:  # before any memory is taken for it
            raise too_long
        with open_binary(path) as file:
            data = file.read(MAX_JSON + 1)  # a gzipped file may hold more than its size tells
    except FileNotFoundError:
        raise UserError(path, "a JSON file", "no such file", f"Run {made_by} first.") from None
    except BROKEN as error:
        raise UserError(path, "a JSON file", f"{error}", again) from None
    if len(data) > MAX_JSON:
        raise too_long
    return data


def read_json(path: Path, made_by: str) -> Any:
    """Read JSON that a tool of ours wrote; `made_by` names the tool in the error."""
    try:
        return json.loads(read_bytes(path, made_by))
    except (ValueError, RecursionError) as error:  # ValueError: no JSON, no UTF-8, a number of too many digits
        raise UserError(path, "JSON", f"{error}", f"Remove it and run {made_by} again.") from None


def digest(*parts: Any) -> str:
    """A sha256 over values that JSON can hold, independent of the order of keys."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_file(path: Path, algorithm: str = "sha256") -> str:
    """The checksum of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def human(count: float) -> str:
    """A number of bytes as a person reads it."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
