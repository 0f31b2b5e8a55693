"""Cells counted class by class: how many are right, and which class a seven-class net says instead."""

from collections.abc import Hashable, Sequence

import numpy as np
from sklearn.metrics import confusion_matrix

from data_prep.herlev_classes import CLASSES, abnormal_outputs
from measures.metrics import right
from scoring.results import FoldResult, RunResult


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


def most_likely(result: FoldResult | RunResult) -> np.ndarray:
    """The class of the highest mean probability of each cell: int64 (n,)."""
    return _field(result, "probs").argmax(axis=1)


def seven_class_accuracy(result: FoldResult | RunResult) -> float:
    """Share of cells whose most likely class of seven is the true one."""
    return float((most_likely(result) == _field(result, "class7")).mean())


def seven_errors(result: FoldResult | RunResult) -> dict[str, float]:
    """Shares of cells whose most likely class is wrong: of seven, and after collapsing to two."""
    said, class7 = most_likely(result), _field(result, "class7")
    said_abnormal, is_abnormal = (np.isin(values, abnormal_outputs(7)) for values in (said, class7))
    return {
        "seven_way": float((said != class7).mean()),
        "collapsed": float((said_abnormal != is_abnormal).mean()),
    }


def confusion(run: RunResult) -> np.ndarray:
    """Cells by true class (row) and most likely class (column): int64 (7, 7), all scored folds pooled."""
    return confusion_matrix(run.pooled("class7"), most_likely(run), labels=range(len(CLASSES)))


def _field(result: FoldResult | RunResult, name: str) -> np.ndarray:
    """One array of a fold, or of all folds of a run."""
    return result.pooled(name) if isinstance(result, RunResult) else getattr(result, name)
