"""The nets that a user names: one trained fold, or all of a release, whose files are checked first."""

import re
from collections.abc import Callable
from pathlib import Path

from deeppap.io.errors import UserError
from deeppap.io.files import sha256_file
from deeppap.records.current_fold import find_fold
from deeppap.scoring.trained_model import TrainedModel

SUMS = "SHA256SUMS"
LINE = re.compile(r"(?P<sum>[0-9a-f]{64})  (?P<name>.+)")
OPENED, WEIGHTS = ("fold.json", "model.json", "mean.binaryproto", "deploy.prototxt"), "snapshots/*.caffemodel"
AGAIN = "Get the release again."


def open_nets(net: Path, say: Callable[[str], None]) -> list[TrainedModel]:
    """All nets of a release, or the one net of a fold's folder; which of the two it is shows in the folder."""
    if (net / SUMS).is_file():
        return open_release(net, say=say)
    return [TrainedModel.open(find_fold(net), say=say)]


def open_release(folder: Path, say: Callable[[str], None] = print) -> list[TrainedModel]:
    """The nets of a release, every file of it checked by its sum first.

    Raises
    ------
    UserError
        Naming the file that is missing or changed, the fold that was not released, or the line that is no sum.
    """
    sums = _read_sums(folder)
    for name, wanted in sums.items():
        if not (folder / name).is_file() or sha256_file(folder / name) != wanted:
            there = "another file" if (folder / name).is_file() else "no such file"
            raise UserError(folder / name, "the file that was released", there, AGAIN)
    folds = sorted(path for path in folder.glob("fold*") if path.is_dir())
    for file in (path for fold in folds for path in (*(fold / name for name in OPENED), *fold.glob(WEIGHTS))):
        if file.relative_to(folder).as_posix() not in sums:
            raise UserError(file, f"a file whose sum is in {SUMS}", "none of it", f"Move {file.parent} away. {AGAIN}")
    return [TrainedModel.open(path, say=say) for path in folds]


def _read_sums(folder: Path) -> dict[str, str]:
    """Each released file's sha256, as sha256sum lists them; at least one net's."""
    path = folder / SUMS
    if not path.is_file():
        raise UserError(folder, f"a release with {SUMS}", "none", "Give a folder that tools/release.py wrote.")
    found = {}
    for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
        if not line.strip():
            continue
        parts = LINE.fullmatch(line.decode("utf-8", "replace").rstrip("\r"))
        if parts is None:
            raise UserError(f"{path}:{number}", "a sha256, two blanks and a file's name", "something else", AGAIN)
        found[parts["name"]] = parts["sum"]
    if not any(name.startswith("fold") for name in found):
        raise UserError(path, "the files of one net at least", "none", AGAIN)
    return found
