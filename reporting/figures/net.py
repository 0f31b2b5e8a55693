"""Plans of the figures of one run's training (Fig. 5) and of its net (Fig. 6 and 7)."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from common.errors import UserError
from reporting.figures.plan import LeftOutError, Plan, per_run
from reporting.plots import net as figures_net
from reporting.plots.learning import Course, learning
from scoring.results import FoldResult, RunResult
from training.caffe_log import parse

NET_ARRAYS = "net_figures.npz"


def plan_net(runs: Sequence[RunResult], number: int) -> list[Plan]:
    """Fig. 5, 6 and 7 of one run."""
    run = runs[number]
    names = [per_run(runs, number, name) for name in ("fig5-learning", "fig6-filters", "fig7-activations")]
    titles = ("Fig. 5. Learning", "Fig. 6. Filters of the first layer", "Fig. 7. Activations")
    captions = (
        "(a) Training and validation loss and (b) validation accuracy by epoch, from Caffe's own log; "
        "line styles are folds. The accuracy is that of single patches, not of cells. The ring is the "
        "snapshot that was scored.",
        "The 96 filters of conv1 (11 × 11 × 3), from the first scored fold; change: the difference between "
        "the two, on a scale of its own.",
        "Feature maps of pool1, pool2 and pool5 for one crop of a cell, brightness as the square root of the "
        "activation, each layer on its own scale.",
    )
    draws = (lambda: _learning(run), lambda: _filters(run), lambda: _activations(run))
    return [
        Plan(name, title + end, caption, draw)
        for (name, end), title, caption, draw in zip(names, titles, captions, draws, strict=True)
    ]


def _learning(run: RunResult) -> Figure:
    courses = [course for fold in run.folds if (course := read_course(fold))]
    if not courses:
        raise LeftOutError("no fold has a train.log with a validation in it")
    return learning(courses)


def read_course(fold: FoldResult) -> Course | None:
    """One fold's course of training; None without a log that shows a validation after the start."""
    path = fold.folder / "train.log"
    if not path.exists():
        return None
    record = parse(path)
    after_start = [row[0] for row in record.test if row[0] > 0]
    if not after_start:
        return None
    iteration, epoch = (_number(fold.model.get(name)) for name in ("iteration", "epoch"))
    per_epoch = iteration / epoch if iteration and epoch else after_start[0]
    return Course(fold.fold, record.train, record.test, per_epoch, epoch)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _arrays(run: RunResult, *names: str) -> dict[str, np.ndarray]:
    """Arrays from the first fold that has them; nothing is ever unpickled."""
    for fold in run.folds:
        path = fold.folder / NET_ARRAYS
        if path.exists():
            return _load(path, names)
    raise LeftOutError(f"no fold has {NET_ARRAYS}")


def _load(path: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in names if name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        do = "Remove it; the report does without."
        raise UserError(path, "plain arrays", str(error).splitlines()[0][:100], do) from None


def _filters(run: RunResult) -> Figure:
    arrays = _arrays(run, "conv1_before", "conv1_after")
    for array in arrays.values():
        if array.ndim != 4 or array.shape[1] != 3:
            raise LeftOutError(f"{NET_ARRAYS} holds conv1 of shape {array.shape}")
    if "conv1_after" not in arrays:
        raise LeftOutError(f"{NET_ARRAYS} has no conv1_after")
    return figures_net.filters(arrays.get("conv1_before"), arrays["conv1_after"])


def _activations(run: RunResult) -> Figure:
    arrays = _arrays(run, "input", "pool1", "pool2", "pool5", "cell_id")
    cell_id = str(arrays.pop("cell_id", ""))
    if "input" not in arrays or len(arrays) < 2:
        raise LeftOutError(f"{NET_ARRAYS} has no activations")
    if strange := [f"{name} of shape {array.shape}" for name, array in arrays.items() if array.ndim != 3]:
        raise LeftOutError(f"{NET_ARRAYS} holds {strange[0]}")
    blob = arrays.pop("input")
    return figures_net.activations(blob, arrays, cell_id)
