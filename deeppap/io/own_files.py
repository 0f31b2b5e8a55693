"""Which files of a folder of results a tool wrote: nothing else there is replaced or removed.

A list in the folder names each file with its sha256, so that a file which somebody has changed since counts as theirs.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from deeppap.io.errors import UserError
from deeppap.io.files import MAX_JSON, read_file, sha256_file, write_bytes

LIST = ".written.json"
DO = "Give another `out`, or move it away."


def require_own(folder: Path, names: Iterable[str]) -> None:
    """Refuse if a file that will be written under `folder` would replace somebody else's, or reach it through a link.

    Raises UserError naming the file.
    """
    # all names are looked at before the first file is written: nothing is half replaced
    known = _read(folder)
    for name in sorted(names):
        path = folder / name
        for inside in [p for p in path.parents if p.is_relative_to(folder) and p != folder]:
            if os.path.lexists(inside) and (inside.is_symlink() or not inside.is_dir()):
                raise UserError(inside, "a folder for results", "a link" if inside.is_symlink() else "a file", DO)
        if os.path.lexists(path):
            _require_written(path, name, known)


def require_all_own(folder: Path) -> None:
    """Refuse to replace a folder in which anything lies that the tool did not write there."""
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not folder.is_dir():
        raise UserError(folder, "a new folder, or older results", "a link" if folder.is_symlink() else "a file", DO)
    known = _read(folder)
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name != LIST and (path.is_symlink() or not path.is_dir()):
            _require_written(path, name, known)


def note_begun(folder: Path, names: Iterable[str]) -> None:
    """Note that files are about to be written: they are ours even if we are killed before `note_written`."""
    write_bytes(folder / LIST, msgspec.json.encode({**_read(folder), **dict.fromkeys(names)}))


def note_written(folder: Path, names: Iterable[str] | None = None) -> None:
    """Note the files of a folder that are complete now; by default all that are in it."""
    # the sums are of what lies there now, so that a later change shows
    paths = folder.rglob("*") if names is None else [folder / name for name in names]
    sums = {path.relative_to(folder).as_posix(): sha256_file(path) for path in sorted(paths) if path.is_file()}
    write_bytes(folder / LIST, msgspec.json.encode(sums))


def _read(folder: Path) -> dict[str, str | None]:
    path = folder / LIST
    if not path.exists():
        return {}
    try:
        return msgspec.json.decode(read_file(path, "a list of results", MAX_JSON, DO), type=dict[str, str | None])
    except msgspec.DecodeError as error:
        raise UserError(path, "a list of results", f"{error}", DO) from None


def _require_written(path: Path, name: str, known: dict[str, str | None]) -> None:
    found = None
    if name not in known:
        found = "a file that it did not write"
    elif path.is_symlink() or not path.is_file():
        found = "a link or a folder"
    elif known[name] not in (None, sha256_file(path)):
        found = "one that somebody has changed since"
    if found:
        raise UserError(path, "a new name, or a file that an earlier call wrote", found, DO)
