"""Whether a net has learned anything: the one rule, and the one line that every tool says where it has not.

A net that has learned nothing gives every cell the same answer. The best such answer is the labels' shares, and its
loss their entropy: a snapshot whose validation loss is not below that knows nothing of single cells. A net trained on
other shares than it is validated on, as a balanced one, is compared as if validated on those it was trained on. Nor
does a net know anything that may well have drawn its test cells' order by chance: the 95 % interval of the area under
its curve holds 0.5. Where it does not, a loss like that of knowing nothing comes of answers that are too sure; so it
does, before any test cell is scored, where clearly more validation views are right than one answer for all would have.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from deeppap.io.errors import UserError
from deeppap.scoring.cell_score import CellScore
from deeppap.scoring.results import FoldResult, RunResult, load_run

Groups = Sequence[Hashable] | None
CHANCE = 0.5  # of the area under the curve
WHAT = "this net has learned little or nothing"
DO = "do not use its scores; label more cells, or train it longer (docs/own_cells.md, section 3)"
SURE = "this net orders its test cells, but is over-confident"
SORTS = "this net sorts its validation cells, but is over-confident"  # before it has scored test cells
SURE_DO = "its scores are no probabilities, and 0.5 may be no good threshold (docs/own_cells.md, section 4)"
TEST_AUC = "test_auc"  # in a release's model.json, in place of the test scores: the interval of their area


def constant_loss(counts: Sequence[int]) -> float:
    """The loss of always answering with the labels' shares, their entropy in nats; `counts` has the cells by label."""
    share = np.asarray(counts, np.float64) / sum(counts)
    share = share[share > 0]
    return float(-(share * np.log(share)).sum())


def loss_doubt(loss: Any, counts: Any, how: str = "") -> str | None:
    """What a snapshot's validation loss says against it; None where it is below a constant answer's, or unknown.

    `counts` are the labels' shares that it was measured with, in any unit; `how` says which, if not the cells' own.
    """
    if not isinstance(loss, int | float) or not _are_counts(counts):
        return None
    constant = constant_loss(counts)
    if loss < constant:  # false for NaN too
        return None
    return f"its validation loss{how}, {loss:.3f}, is not below the {constant:.3f} of a constant answer"


def weighted_loss(losses: Any, trained: Any) -> tuple[float, list[int]] | None:
    """The mean of the labels' losses, each with its share of the training views, and these; None where unknown.

    A label that nothing was validated on, its loss None, counts in neither.
    """
    if not isinstance(losses, list) or not _are_counts(trained) or len(losses) != len(trained):
        return None
    there = [(loss, count) for loss, count in zip(losses, trained, strict=True) if loss is not None and count]
    if not there or not all(isinstance(loss, int | float) for loss, _ in there):
        return None
    found, counts = zip(*there, strict=True)
    return float(np.average(found, weights=counts)), list(counts)


def _are_counts(value: Any) -> bool:
    """Whether what model.json holds are numbers of cells: it may be an older one, or somebody's own."""
    return isinstance(value, list) and all(type(n) is int and n >= 0 for n in value) and sum(value) > 0


def auc_limits(labels: Sequence[int], scores: Sequence[float], groups: Groups = None) -> tuple[float, float] | None:
    """The 95 % interval of the area under the curve; None where it is not known: of one label alone, of one group."""
    return _auc_interval(tuple(map(int, labels)), tuple(map(float, scores)), groups and tuple(groups))


def auc_doubt(limits: Sequence[float] | None) -> str | None:
    """What that interval says against a net; None where it lies above chance, or is not known."""
    if limits is None or limits[0] > CHANCE:
        return None
    return f"the area under its curve, 95 % interval {limits[0]:.2f} to {limits[1]:.2f}, is not above chance"


@lru_cache(maxsize=64)  # a report asks for it beside every table
def _auc_interval(labels: tuple, scores: tuple, groups: tuple | None) -> tuple[float, float] | None:
    if not 0 < sum(labels) < len(labels):
        return None
    from deeppap.stats.intervals import interval  # here, since scikit-learn takes seconds that few calls need
    from deeppap.stats.metrics import binary_metrics

    if found := interval(labels, scores, "auc", groups):
        return found
    area, one_unit = binary_metrics(labels, scores)["auc"], groups is not None and len(set(groups)) < 2
    # where all are right, all wrong or all alike, no resampling varies it; of one group alone nothing is known
    return (area, area) if not one_unit and (area in (0, 1) or len(set(scores)) == 1) else None


def judged(
    model: Mapping[str, Any],
    labels: Sequence[int] = (),
    limits: Sequence[float] | None = None,
    outputs: Sequence[int] | None = None,
) -> str | None:
    """The line for a net: what, why, and what to do; None where nothing speaks against it.

    `model` is model.json, or empty; `labels` are of its test cells, and `outputs` the same in the net's own classes,
    where those are seven; `limits` the interval of the area under the curve that they have.
    """
    loss, area = _loss_doubt_of(model, labels, outputs), auc_doubt(limits)
    if loss and limits is not None and not area:  # what it was tested on contradicts that it knows nothing
        return f"{SURE}: {loss}; {SURE_DO}"
    if loss and limits is None and _sorts_validation_cells(model):
        return f"{SORTS}: {loss}; {SURE_DO}"
    found = [doubt for doubt in (loss, area) if doubt]
    return f"{WHAT}: {'; '.join(found)}; {DO}" if found else None


def _sorts_validation_cells(model: Mapping[str, Any]) -> bool:
    """Whether its accuracy there, with as many units as cells, lies above that of always the commonest label."""
    accuracy, counts = model.get("val_accuracy"), model.get("val_labels")
    if not isinstance(accuracy, int | float) or not 0 <= accuracy <= 1 or not _are_counts(counts):
        return False
    from deeppap.stats.resampling import wilson  # here, since SciPy takes seconds that few calls need

    cells = sum(counts)
    return wilson(round(accuracy * cells), cells)[0] > max(counts) / cells


def _loss_doubt_of(model: Mapping[str, Any], labels: Sequence[int], outputs: Sequence[int] | None) -> str | None:
    weighted = weighted_loss(model.get("val_losses"), model.get("train_labels"))
    if weighted:
        return loss_doubt(*weighted, " (labels weighted as in training)")
    counts = model.get("val_labels")
    if counts is None and model.get("select") in ("paper", "last") and len(labels):
        # older models do not tell, but were validated on the very cells they are tested on
        counts = np.bincount(labels if outputs is None else outputs).tolist()
    return loss_doubt(model.get("val_loss"), counts)


def of_model(model: Mapping[str, Any]) -> str | None:
    """The line for a net without scores of its test cells; `model` is model.json, a release's with what they gave."""
    limits = model.get(TEST_AUC)
    known = isinstance(limits, list) and len(limits) == 2 and all(isinstance(limit, int | float) for limit in limits)
    return judged(model, limits=limits if known else None)


def of_scores(model: Mapping[str, Any], scores: Sequence[CellScore], classes: int) -> str | None:
    """The line for a net that has just scored its test cells."""
    cells = [score.cell for score in scores]
    labels, outputs = [cell.label for cell in cells], [cell.class7 for cell in cells] if classes == 7 else None
    limits = auc_limits(labels, [score.score for score in scores], _whole([cell.group for cell in cells]))
    return judged(model, labels, limits, outputs)


def of_fold(run: RunResult, fold: FoldResult) -> str | None:
    """The line for one fold of a run that was read back."""
    return judged(fold.model, fold.labels, area_limits(run, fold), fold.class7 if run.classes == 7 else None)


def area_limits(run: RunResult, fold: FoldResult) -> tuple[float, float] | None:
    """The interval of the area under the curve of one fold's test cells."""
    return auc_limits(fold.labels, fold.scores, _whole([run.cells[cell].group for cell in fold.ids]))


def _whole(groups: list[Hashable | None]) -> Groups:
    """The cells' groups, where each has one."""
    return None if None in groups else groups


def of_folder(folder: Path, model: Mapping[str, Any]) -> str | None:
    """The line for a trained fold's folder, by its scores where it has any; else by its `model` alone."""
    folder = folder.resolve()
    if not (folder / "scores.csv").exists() or not (folder.parent / "cells.csv").exists():
        return of_model(model)
    try:
        run = load_run(folder.parent, only=int(folder.name.removeprefix("fold")))
    except UserError as error:  # the net may be sound, and it is what is asked for
        return of_model(model) or f"whether this net has learned anything is not known: {error}"
    return of_fold(run, run.folds[0])


def say_of_folders(nets: Iterable[tuple[Path, Mapping[str, Any]]], say: Callable[[str], None]) -> None:
    """Say the line of each trained fold's folder, with its model.json, that has one."""
    for folder, model in nets:
        if line := of_folder(folder, model):
            say(f"!! {line} !!")
