"""The link data/fold, by which the hand-written prototxt files read a fold and write its snapshots."""

import fcntl
import os
from pathlib import Path

from deeppap.io.errors import CHECK_PATH, UserError
from deeppap.records.run_folder import locked
from deeppap.records.structs import FoldRecord

CURRENT = Path("data/fold")


def make_current(fold: Path) -> None:
    """Point data/fold at a finished fold, in one step.

    Raises
    ------
    UserError
        If a process reads the fold that data/fold points to now. Caffe opens the link anew for each snapshot, so a
        moved link would put them into another fold.
    """
    CURRENT.parent.mkdir(exist_ok=True)
    if CURRENT.exists() and not CURRENT.is_symlink():
        raise UserError(CURRENT, "a link that build_lmdb made", "a folder", "Move it away.")
    with locked(CURRENT.parent, wait=True):  # two may build at once
        if CURRENT.exists() and CURRENT.resolve() == fold.resolve():
            return
        for folder in sorted(CURRENT.glob("*_lmdb")):
            if is_read(folder):
                do = f"Wait until it has ended. {fold} itself is built: the same command then moves the link alone."
                raise UserError(CURRENT, "a link that nobody trains through", f"a process reading {folder}", do)
        link = CURRENT.with_name(f".{CURRENT.name}.{os.getpid()}")
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(fold, CURRENT.parent))
        link.replace(CURRENT)


def is_read(lmdb: Path) -> bool:
    """Whether a process, such as Caffe, has an LMDB open: it holds a lock on lock.mdb until it closes or dies."""
    try:
        with (lmdb / "lock.mdb").open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def find_fold(given: Path | str | None) -> Path:
    """The fold's folder: what was given, else the current one; of a run's folder the folds are named."""
    fold = Path(given) if given else CURRENT
    if not (fold / FoldRecord.FILE).exists():
        raise _no_fold(fold, given is not None)
    return Path(os.path.relpath(fold.resolve()))  # the link may point elsewhere before we have ended


def _no_fold(path: Path, given: bool) -> UserError:
    expected = "a fold that tools/build_lmdb.py made"
    folds = sorted(str(record.parent) for record in path.glob(f"fold*/{FoldRecord.FILE}"))
    if folds:
        return UserError(path, expected, "a whole run", f"Give one of its folds: {', '.join(folds)}.")
    if given and not path.exists():
        return UserError(path, expected, "no such folder", CHECK_PATH)
    return UserError(
        path, expected, "none", "Name one with `net`, such as RUN/fold3, or run tools/build_lmdb.py first."
    )
