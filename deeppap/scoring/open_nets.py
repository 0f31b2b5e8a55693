"""The nets that a user names: one trained fold, or all of a release, whose files are checked first."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from deeppap.io.errors import UserError
from deeppap.io.files import read_file, sha256_file
from deeppap.records.run_folder import find_fold
from deeppap.scoring.trained_model import TrainedModel

SUMS = "SHA256SUMS"
LINE = re.compile(r"(?P<sum>[0-9a-f]{64})  (?P<name>.{1,255})")  # no system has longer names
MAX_SUMS = 1_000_000  # bytes
AGAIN = "Get the release again."


def open_nets(net: Path, say: Callable[[str], None]) -> list[TrainedModel]:
    """All nets of a release, or the one net of a fold's folder; which of the two it is shows in the folder.

    `say` gets each reason to doubt a net.
    """
    models = open_release(net, say) if (net / SUMS).is_file() else [TrainedModel.open(find_fold(net), say=say)]
    for line in (*of_each(models, "doubt"), *of_each(models, "not_adapted")):
        say(f"!! {line} !!")
    return models


def of_each(models: Sequence[TrainedModel], name: str) -> tuple[str, ...]:
    """The lines that nets have under an attribute's name, with the net's fold where there are several nets."""
    lines = [(model.folder.name, getattr(model, name)) for model in models]
    return tuple(f"{fold}: {line}" if len(models) > 1 else line for fold, line in lines if line)


def open_release(folder: Path, say: Callable[[str], None] = print) -> list[TrainedModel]:
    """The nets of a release, every file of it checked by its sum first.

    UserError naming what is missing or changed, what lies there and was not released, or the line that is no sum.
    """
    sums = _read_sums(folder)
    _require_nothing_else(folder, sums)
    for name, wanted in sums.items():
        path = folder / name
        if not path.is_file() or sha256_file(path) != wanted:
            there = "another file" if path.is_file() else "no such file"
            raise UserError(path, "the file that was released", there, AGAIN)
    folds = sorted({folder / Path(name).parts[0] for name in sums if name.startswith("fold") and "/" in name})
    return [TrainedModel.open(path, say=say) for path in folds]


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
