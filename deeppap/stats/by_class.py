"""Cells counted class by class: how many are right, and which class a net of several says instead."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from sklearn.metrics import confusion_matrix, f1_score

from data_prep.classes import LABELS, CellClass
from deeppap.stats.intervals import (
    FEWEST,
    TOO_FEW,
    Groups,
    Interval,
    bootstrap_interval,
    share_interval,
    sums_by_unit,
    units_of,
)
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
    """The class of the highest mean probability (n, K) of each cell: int64 (n,)."""
    return probs.argmax(axis=1)


def class_wrong(probs: np.ndarray, kinds: np.ndarray, classes: Sequence[CellClass]) -> dict[str, np.ndarray]:
    """Whether each cell's most likely class is wrong, of all classes and collapsed to their labels: bool (n,).

    `kinds`, int64 (n,), are places in `classes`, which the outputs (n, K) stand for.
    """
    said, labels = most_likely(probs), np.array([LABELS.index(one.label) for one in classes])
    return {"each_class": said != kinds, "collapsed": labels[said] != labels[kinds]}


def class_errors(probs: np.ndarray, kinds: np.ndarray, classes: Sequence[CellClass]) -> dict[str, float]:
    """The shares of cells that are wrong in either way."""
    return {name: float(wrong.mean()) for name, wrong in class_wrong(probs, kinds, classes).items()}


def confusion(probs: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Cells by true class (row) and most likely class (column): int64 (K, K)."""
    return confusion_matrix(kinds, most_likely(probs), labels=range(probs.shape[1]))


def macro_f1(probs: np.ndarray, kinds: np.ndarray) -> float:
    """The mean F1 of the classes that have a test cell."""
    return float(f1_score(kinds, most_likely(probs), labels=np.unique(kinds), average="macro"))


class ClassFigures(NamedTuple):
    """Recall and F1 of each class (K,), None without a test cell of it, macro F1 over those with one; intervals."""

    cells: list[int]
    recall: list[float | None]
    recall_interval: list[Interval]
    f1: list[float | None]
    f1_interval: list[Interval]
    macro_f1: float
    macro_f1_interval: Interval


def class_figures(probs: np.ndarray, kinds: np.ndarray, groups: Groups) -> ClassFigures:
    """What a net of K outputs (n, K) is worth, class by class; an interval needs enough groups with cells of it."""
    said, unit = most_likely(probs), units_of(groups, len(kinds))
    each = np.arange(probs.shape[1])
    true, answer = kinds[:, None] == each, said[:, None] == each
    # of each cell and class, what F1 = 2 TP / (2 TP + FP + FN) is made of
    parts = np.stack([2 * (true & answer), true.astype(int) + answer], axis=2)
    counted = sums_by_unit(parts.astype(np.float64), unit)

    def f1(draws: np.ndarray) -> np.ndarray:
        twice, total = np.moveaxis(np.tensordot(draws, counted, 1), 2, 0)
        return np.divide(twice, total, out=np.full_like(twice, np.nan), where=total > 0)

    there = true.any(axis=0)
    values = f1(np.ones((1, len(counted))))[0]
    recall, recall_interval, interval = [], [], []
    for index in each:
        of, units = true[:, index], len(np.unique(unit[true[:, index]]))
        enough = units >= FEWEST
        recall.append(float(answer[of, index].mean()) if there[index] else None)
        recall_interval.append(share_interval(answer[of, index], None if groups is None else np.asarray(groups)[of]))
        limits = bootstrap_interval(lambda draws, k=index: f1(draws)[:, k], unit) if enough else TOO_FEW
        interval.append(limits if there[index] else None)
    macro = bootstrap_interval(lambda draws: np.nanmean(f1(draws)[:, there], axis=1), unit)
    each_f1 = [float(value) if known else None for value, known in zip(values, there, strict=True)]
    cells = true.sum(axis=0).tolist()
    return ClassFigures(cells, recall, recall_interval, each_f1, interval, macro_f1(probs, kinds), macro)
