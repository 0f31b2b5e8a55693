"""Cells counted class by class: how many are right, and which class a seven-class net says instead."""

from collections.abc import Hashable, Sequence

import numpy as np
from sklearn.metrics import confusion_matrix

from data_prep.herlev_classes import CLASSES, abnormal_outputs
from deeppap.stats.intervals import Groups, Interval, share_interval
from deeppap.stats.metrics import right


def right_per_class(
    classes: Sequence[Hashable], labels: Sequence[int], scores: Sequence[float]
) -> dict[Hashable, tuple[int, int]]:
    """Right cells and all cells of each class, in the order in which the classes first occur (paper: Table 4).

    A cell is right if its score is on its label's side of the threshold, whatever its class.
    """
    counts: dict[Hashable, tuple[int, int]] = {}
    for kind, is_right in zip(classes, right(labels, scores), strict=True):
        before, cells = counts.get(kind, (0, 0))
        counts[kind] = (before + int(is_right), cells + 1)
    return counts


def share_intervals(classes: Sequence[Hashable], hits: Sequence[bool], groups: Groups) -> dict[Hashable, Interval]:
    """The interval of each class's share of hits; one entry a cell in each argument."""
    kinds, hit = np.asarray(classes), np.asarray(hits)
    names = None if groups is None else np.asarray(groups)
    found = {}
    for kind in dict.fromkeys(classes):
        of = kinds == kind
        found[kind] = share_interval(hit[of], None if names is None else names[of])
    return found


def most_likely(probs: np.ndarray) -> np.ndarray:
    """The class of the highest mean probability (n, 7) of each cell: int64 (n,)."""
    return probs.argmax(axis=1)


def seven_class_wrong(probs: np.ndarray, class7: np.ndarray) -> dict[str, np.ndarray]:
    """Whether each cell's most likely class is wrong, of seven and collapsed to normal and abnormal: bool (n,)."""
    said = most_likely(probs)
    said_abnormal, is_abnormal = (np.isin(values, abnormal_outputs(7)) for values in (said, class7))
    return {"seven_way": said != class7, "collapsed": said_abnormal != is_abnormal}


def seven_class_errors(probs: np.ndarray, class7: np.ndarray) -> dict[str, float]:
    """The shares of cells that are wrong in either way."""
    return {name: float(wrong.mean()) for name, wrong in seven_class_wrong(probs, class7).items()}


def confusion(probs: np.ndarray, class7: np.ndarray) -> np.ndarray:
    """Cells by true class (row) and most likely class (column): int64 (7, 7)."""
    return confusion_matrix(class7, most_likely(probs), labels=range(len(CLASSES)))
