"""The files of a release, checked by their sums before one of them is opened."""

import re
from pathlib import Path

from deeppap.io.errors import UserError
from deeppap.io.files import read_file, sha256_file

SUMS = "SHA256SUMS"
LINE = re.compile(r"(?P<sum>[0-9a-f]{64})  (?P<name>.{1,255})")  # no system has longer names
MAX_SUMS = 1_000_000  # bytes
AGAIN = "Get the release again."


def release_folds(folder: Path) -> list[Path]:
    """The folds' folders of a release, every file of it checked by its sum first.

    UserError naming what is missing or changed, what lies there and was not released, or the line that is no sum.
    """
    sums = _read_sums(folder)
    _require_nothing_else(folder, sums)
    for name, wanted in sums.items():
        path = folder / name
        if not path.is_file() or sha256_file(path) != wanted:
            there = "another file" if path.is_file() else "no such file"
            raise UserError(path, "the file that was released", there, AGAIN)
    return sorted({folder / Path(name).parts[0] for name in sums if name.startswith("fold") and "/" in name})


def _require_nothing_else(folder: Path, sums: dict[str, str]) -> None:
    """Regular files and folders alone, and each file with a sum: a list alone would let a file beside it be opened.

    Hidden files are left alone, since systems leave some everywhere; nothing here opens one.
    """
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if any(part.startswith(".") for part in path.relative_to(folder).parts) or name.startswith(SUMS):
            continue
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise UserError(path, "a file", "a link, FIFO, socket or device", f"Remove it. {AGAIN}")
        if path.is_file() and name not in sums:
            raise UserError(path, f"a file whose sum is in {SUMS}", "none of it", f"Move {path} away. {AGAIN}")


def _read_sums(folder: Path) -> dict[str, str]:
    """Each released file's sha256, as sha256sum lists them; at least one net's."""
    path = folder / SUMS
    if not path.is_file():
        raise UserError(folder, f"a release with {SUMS}", "none", "Give a folder that tools/release.py wrote.")
    found = {}
    for number, line in enumerate(read_file(path, "a list of checksums", MAX_SUMS, AGAIN).split(b"\n"), 1):
        if not line.strip():
            continue
        parts = LINE.fullmatch(line.decode("utf-8", "replace").rstrip("\r"))
        if parts is None:
            raise UserError(f"{path}:{number}", "a sha256, two blanks and a file's name", "something else", AGAIN)
        inside = Path(parts["name"]).parts
        if not inside or inside[0] == "/" or ".." in inside:
            raise UserError(f"{path}:{number}", "the name of a file in this folder", parts["name"], AGAIN)
        found[parts["name"]] = parts["sum"]
    if not any(name.startswith("fold") for name in found):
        raise UserError(path, "the files of one net at least", "none", AGAIN)
    return found
