"""Whether a training has come to its end: Caffe ends well also where it was asked to stop before it."""

from pathlib import Path

from deeppap.io.errors import UserError
from deeppap.training.caffe_log import parse
from deeppap.training.resolve import Schedule
from deeppap.training.snapshots import list_snapshots


def is_tested(log: Path, iteration: int) -> bool:
    """Whether a log holds a whole test of an iteration; Caffe writes the last snapshot before its last test."""
    return log.exists() and iteration in {tested for tested, _, _ in parse(log).test}


def require_reached(fold: Path, schedule: Schedule) -> None:
    """Require the last snapshot and its test, so that no rule chooses among a part of them.

    Raises
    ------
    UserError
        With the iteration at which Caffe stopped.
    """
    log, end = fold / "train.log", schedule.max_iter
    there = [snapshot.iteration for snapshot in list_snapshots(fold / "snapshots") if snapshot.model.exists()]
    if end in there and is_tested(log, end):
        return
    found = "its last test cut short" if end in there else f"the newest snapshot at {max(there, default=0):,}"
    do = "Something stopped Caffe itself; the same command goes on from there."
    raise UserError(log, f"a training that has reached iteration {end:,}", found, do)
