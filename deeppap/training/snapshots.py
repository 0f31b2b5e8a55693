"""Snapshots: which are whole, which is newest, which are to go.

Caffe writes a snapshot in place, the .caffemodel first; an interruption can cut either file short.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from deeppap.engines.weights_file import Shapes, check_weights
from deeppap.io.caffe_messages import read_binary
from deeppap.io.errors import UserError

NAME = re.compile(r"_iter_(\d+)\.(caffemodel|solverstate)$")
DO = "Remove it; training goes on from the one before."


@dataclass(frozen=True)
class Snapshot:
    """One iteration's pair of files."""

    iteration: int
    model: Path
    state: Path


def list_snapshots(folder: Path) -> list[Snapshot]:
    """Every iteration that left a .caffemodel or a .solverstate, newest first, whole or not."""
    bases = {}
    for path in folder.glob("*_iter_*"):
        if match := NAME.search(path.name):
            bases[int(match[1])] = path.with_suffix("")
    return [
        Snapshot(i, base.with_suffix(".caffemodel"), base.with_suffix(".solverstate"))
        for i, base in sorted(bases.items(), reverse=True)
    ]


def check_snapshot(snapshot: Snapshot, shapes: Shapes) -> None:
    """Refuse a pair of which either file is missing, cut short or of another net."""
    check_weights(snapshot.model, shapes, DO)
    state = read_binary(snapshot.state, "SolverState", DO)
    count = sum(len(blobs) for blobs in shapes.values())
    if state.iter != snapshot.iteration or len(state.history) != count:
        found = f"iteration {state.iter} with {len(state.history)}"
        raise UserError(snapshot.state, f"iteration {snapshot.iteration} with {count} histories", found, DO)


def newest_complete(folder: Path, shapes: Shapes) -> tuple[Snapshot | None, list[str]]:
    """The newest whole snapshot, and a line for each newer one that was passed over."""
    passed = []
    for snapshot in list_snapshots(folder):
        try:
            check_snapshot(snapshot, shapes)
        except UserError as error:
            passed.append(f"passing over iteration {snapshot.iteration}: {error}")
            continue
        return snapshot, passed
    return None, passed


def prune(folder: Path, keep: Path) -> None:
    """Remove every snapshot but the selected model."""
    for snapshot in list_snapshots(folder):
        for path in (snapshot.model, snapshot.state):
            if path.name != keep.name:
                path.unlink(missing_ok=True)
