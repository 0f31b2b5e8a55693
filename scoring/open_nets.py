"""The nets that a user names: one trained fold, or all of a release, whose files are checked first."""

from collections.abc import Callable
from pathlib import Path

from common.current_fold import find_fold
from common.errors import UserError
from common.files import sha256_file
from scoring.trained_model import TrainedModel

SUMS = "SHA256SUMS"


def open_nets(release: Path | None, fold: str | None, say: Callable[[str], None]) -> list[TrainedModel]:
    """The nets that --release or else --fold-folder names, the fold of data/fold where neither does."""
    return [TrainedModel.open(find_fold(fold), say=say)] if release is None else open_release(release, say=say)


def open_release(folder: Path, say: Callable[[str], None] = print) -> list[TrainedModel]:
    """The nets of a release, every file of it checked by its sum first.

    Raises
    ------
    UserError
        Naming the file that is missing or changed.
    """
    sums = folder / SUMS
    if not sums.is_file():
        raise UserError(folder, f"a release with {SUMS}", "none", "Give a folder that tools/release.py wrote.")
    for line in sums.read_text(encoding="utf-8").splitlines():
        wanted, name = line.split("  ", 1)
        if not (folder / name).is_file() or sha256_file(folder / name) != wanted:
            there = "another file" if (folder / name).is_file() else "no such file"
            raise UserError(folder / name, "the file that was released", there, "Get the release again.")
    return [TrainedModel.open(path, say=say) for path in sorted(folder.glob("fold*"))]
