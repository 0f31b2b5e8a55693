"""The link data/fold, by which the hand-written prototxt files read a fold and write its snapshots."""

import os
from datetime import UTC, datetime
from pathlib import Path

from deeppap.io.errors import CHECK_PATH, UserError
from deeppap.io.files import read_json, write_json
from deeppap.io.lmdb_readers import reader_of
from deeppap.records.run_folder import locked

CURRENT = Path("data/fold")
RECORD = ".current.json"  # in a fold's folder: from when until when data/fold pointed to it
SLACK = 2.0  # seconds between Caffe's last byte of a snapshot and what the file system says of it


def make_current(fold: Path) -> None:
    """Point data/fold at a finished fold, in one step.

    Caffe opens the link anew for each snapshot, so it stays where it is while somebody reads the LMDBs behind it.

    Raises
    ------
    UserError
        If a process reads the fold that data/fold points to now.
    """
    CURRENT.parent.mkdir(exist_ok=True)
    if CURRENT.exists() and not CURRENT.is_symlink():
        raise UserError(CURRENT, "a link that build_lmdb made", "a folder", "Move it away.")
    with locked(CURRENT.parent, wait=True):  # two may build at once
        _move(fold)


def _move(fold: Path) -> None:
    old = CURRENT.resolve() if CURRENT.exists() else None
    if old == fold.resolve():
        _note(fold, here=True)
        return
    before = CURRENT.readlink() if CURRENT.is_symlink() else None
    _require_unread(old, fold)
    _point(os.path.relpath(fold, CURRENT.parent))
    try:
        _require_unread(old, fold)  # it may have been opened between the question and the move
    except UserError:
        _point(before)
        raise
    if old:
        _note(old, here=False)
    _note(fold, here=True)


def _point(target: str | Path) -> None:
    link = CURRENT.with_name(f".{CURRENT.name}.{os.getpid()}")
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    link.replace(CURRENT)


def _require_unread(old: Path | None, new: Path) -> None:
    for folder in sorted(old.glob("*_lmdb")) if old else []:
        if (process := reader_of(folder)) is not None:
            who = f"process {process}" if process > 0 else "a process elsewhere"
            found = f"{who} reading {os.path.relpath(folder)}: its snapshots go where the link points"
            do = f"Wait until it has ended. {new} itself is built: the same command then moves the link alone."
            raise UserError(CURRENT, "a link that nobody trains through", found, do)


def _periods(fold: Path) -> list[list]:
    """[from, until] in seconds since 1970, until None for now; empty where data/fold never pointed to the fold."""
    path = fold / RECORD
    if not path.exists():
        return []
    periods = read_json(path, "tools/build_lmdb.py")
    whole = isinstance(periods, list) and all(
        isinstance(p, list) and len(p) == 2 and isinstance(p[0], float | int) and isinstance(p[1], float | int | None)
        for p in periods
    )
    if not whole:
        do = "Remove it; snapshots made by hand in this fold then need --force."
        raise UserError(path, "a list of [from, until]", "something else", do)
    return periods


def _note(fold: Path, here: bool) -> None:
    """Write down that data/fold points to a fold from now on, or no longer."""
    periods, now = _periods(fold), datetime.now(UTC).timestamp()
    open_now = bool(periods) and periods[-1][1] is None
    if here and not open_now:
        write_json(fold / RECORD, [*periods, [now, None]])
    elif not here and open_now:
        write_json(fold / RECORD, [*periods[:-1], [periods[-1][0], now]])


def was_current(fold: Path, when: float) -> bool:
    """Whether data/fold pointed to a fold at a time, in seconds since 1970, by the tools' own record."""
    return any(start - SLACK <= when <= (end or float("inf")) + SLACK for start, end in _periods(fold))


def find_fold(given: str | None) -> Path:
    """The fold's folder: what was given, else the current one; of a run's folder the folds are named."""
    fold = Path(given) if given else CURRENT
    if not (fold / "fold.json").exists():
        raise _no_fold(fold, given is not None)
    return Path(os.path.relpath(fold.resolve()))  # the link may point elsewhere before we have ended


def _no_fold(path: Path, given: bool) -> UserError:
    expected = "a fold that tools/build_lmdb.py made"
    folds = sorted(str(record.parent) for record in path.glob("fold*/fold.json"))
    if folds:
        return UserError(path, expected, "a whole run", f"Give one of its folds: {', '.join(folds)}.")
    if given and not path.exists():
        return UserError(path, expected, "no such folder", CHECK_PATH)
    return UserError(
        path, expected, "none", "Name one with --fold-folder RUN/foldK, or run tools/build_lmdb.py --fold K first."
    )
