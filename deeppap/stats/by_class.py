"""Cells counted class by class: how many are right, and which class a seven-class net says instead."""

from collections.abc import Hashable, Sequence

import numpy as np
from sklearn.metrics import confusion_matrix

from data_prep.herlev_classes import CLASSES, abnormal_outputs
from deeppap.scoring.results import FoldResult, RunResult
from deeppap.stats.metrics import right
from deeppap.stats.resampling import Groups, Limits, share_interval


def right_per_class(
    classes: Sequence[Hashable], labels: Sequence[int], scores: Sequence[float]
) -> dict[Hashable, tuple[int, int]]:
    """Cells on the right side of the threshold, and all cells, of every class: normal or abnormal is all that counts.

    One entry per cell in each argument (paper: Table 4). The classes come in the order in which they first occur.
    """
    counts: dict[Hashable, tuple[int, int]] = {}
    for group, is_right in zip(classes, right(labels, scores), strict=True):
        before, cells = counts.get(group, (0, 0))
        counts[group] = (before + int(is_right), cells + 1)
    return counts


def interval_per_class(
    classes: Sequence[Hashable], labels: Sequence[int], scores: Sequence[float], groups: Groups
) -> dict[Hashable, Limits | None]:
    """The 95 % interval of each class's share on the right side, by the cells' `groups` where they have any."""
    kinds, is_right = np.asarray(classes), right(labels, scores)
    found = {}
    for kind in dict.fromkeys(classes):
        of = kinds == kind
        found[kind] = share_interval(is_right[of], None if groups is None else np.asarray(groups)[of])
    return found


def most_likely(result: FoldResult | RunResult) -> np.ndarray:
    """The class of the highest mean probability of each cell: int64 (n,)."""
    return _field(result, "probs").argmax(axis=1)


def seven_class_accuracy(result: FoldResult | RunResult) -> float:
    """Share of cells whose most likely class of seven is the true one."""
    return float((most_likely(result) == _field(result, "class7")).mean())


def seven_errors(result: FoldResult | RunResult) -> dict[str, float]:
    """Shares of cells whose most likely class is wrong: of seven, and after collapsing to two."""
    return {name: float(wrong.mean()) for name, wrong in _wrong(result).items()}


def seven_intervals(run: RunResult) -> dict[str, Limits | None]:
    """The 95 % intervals of both pooled `seven_errors`."""
    return {name: share_interval(wrong, run.groups()) for name, wrong in _wrong(run).items()}


def confusion(run: RunResult) -> np.ndarray:
    """Cells by true class (row) and most likely class (column): int64 (7, 7), all scored folds pooled."""
    return confusion_matrix(run.pooled("class7"), most_likely(run), labels=range(len(CLASSES)))


def recall_intervals(run: RunResult) -> dict[int, Limits | None]:
    """The 95 % interval of each of the seven classes' share of cells that are given that very class."""
    said, class7, groups = most_likely(run), run.pooled("class7"), run.groups()
    found = {}
    for kind in np.unique(class7).tolist():
        of = class7 == kind
        found[kind] = share_interval(said[of] == kind, None if groups is None else groups[of])
    return found


def _wrong(result: FoldResult | RunResult) -> dict[str, np.ndarray]:
    """Whether each cell's most likely class is wrong, of seven and of two: bool (n,)."""
    said, class7 = most_likely(result), _field(result, "class7")
    said_abnormal, is_abnormal = (np.isin(values, abnormal_outputs(7)) for values in (said, class7))
    return {"seven_way": said != class7, "collapsed": said_abnormal != is_abnormal}


def _field(result: FoldResult | RunResult, name: str) -> np.ndarray:
    """One array of a fold, or of all folds of a run."""
    return result.pooled(name) if isinstance(result, RunResult) else getattr(result, name)
