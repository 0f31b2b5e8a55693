"""What the views of a cell bring: accuracy by their number, and by rotation angle.

`folds` are the folds' arrays: labels int64 (n,) and the scores of each view, float64 (n, V).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from deeppap.stats.intervals import COUNTED, Groups, Interval, interval, mean_interval, share_interval
from deeppap.stats.metrics import binary_metrics, right

COUNTS = (1, 5, 10, 25, 50, 100)
DRAWS = 20
Folds = Sequence[tuple[np.ndarray, np.ndarray]]


def accuracy_by_views(folds: Folds, groups: Groups = None) -> list[dict[str, Any]]:
    """Accuracy when only some views of each cell are averaged, drawn anew for every cell DRAWS times.

    For each count below all that the cells have, and for all, {"views", "acc", "std", "interval"}: mean over the draws,
    sample standard deviation (0 for all views) and the mean's interval over cells.
    """
    total = min(scores.shape[1] for _, scores in folds)
    # the same draws serve all counts: a cell's first five views are among its first ten
    rng = np.random.default_rng(0)
    of_cells, table = 0.0, []
    for _ in range(DRAWS):
        drawn = np.concatenate([_right_by_count(*fold, total, rng) for fold in folds])
        table.append(drawn.mean(axis=0))
        of_cells = of_cells + drawn / DRAWS
    rows = []
    for count in [*(c for c in COUNTS if c < total), total]:
        accuracies = np.array(table)[:, count - 1]
        # all views can be drawn in one way alone: what is left of a deviation would be rounding
        std = float(accuracies.std(ddof=1)) if count < total else 0.0
        limits = _interval(of_cells[:, count - 1], groups)
        rows.append({"views": count, "acc": float(accuracies.mean()), "std": std, "interval": limits})
    return rows


def _right_by_count(labels: np.ndarray, scores: np.ndarray, total: int, rng: np.random.Generator) -> np.ndarray:
    """Whether each cell is right by 1, 2, ... total views, in one random order per cell: bool (n, total)."""
    shuffled = rng.permuted(scores, axis=1)[:, :total]
    means = np.cumsum(shuffled, axis=1) / np.arange(1, total + 1)
    return right(labels[:, None], means)


def _interval(shares: np.ndarray, groups: Groups) -> Interval:
    """Of a mean over cells of the share of draws in which each is right."""
    # if each cell is always right or never, it is a share of cells
    whole = np.isclose(shares, np.round(shares), rtol=0, atol=1e-9).all()
    return share_interval(np.round(shares) == 1, groups) if whole else mean_interval(shares, groups)


def centre_crop_accuracy(folds: Folds, groups: Groups = None) -> dict[str, Any]:
    """Accuracy from the centre crops' scores alone: of one view (mean over all views) and of all views averaged.

    `interval` holds the intervals of both.
    """
    labels = np.concatenate([labels for labels, _ in folds])
    single = np.concatenate([right(labels[:, None], centre).mean(axis=1) for labels, centre in folds])
    every = right(labels, np.concatenate([centre.mean(axis=1) for _, centre in folds]))
    limits = {"one_view": _interval(single, groups), "all_views": share_interval(every, groups)}
    return {"one_view": float(single.mean()), "all_views": float(every.mean()), "interval": limits}


def metrics_by_angle(
    labels: np.ndarray, scores: Sequence[np.ndarray], angles: Sequence[np.ndarray], groups: Groups = None
) -> list[dict[str, Any]]:
    """Every metric with only the views of one rotation angle averaged: {"angle", "views", sens, spec, ...}.

    A net that learned the angle in place of the cell shows it here: its figures change with the angle. `labels` are of
    all cells; `scores` and `angles` have a row a cell and a column a view, (n_k, V_k) for each fold, in that order.
    """
    rows = []
    # folds may have drawn other numbers of views, so their arrays are not stacked
    cells = [len(own) for own in scores]
    places = np.split(np.arange(len(labels)), np.cumsum(cells)[:-1])
    for angle in np.unique(np.concatenate([own.ravel() for own in angles])):
        seen, means, views = [], [], 0
        for place, score, own in zip(places, scores, angles, strict=True):
            at = np.isclose(own, angle, rtol=0, atol=1e-6)  # the file holds nine digits of an angle
            count = at.sum(axis=1)
            # a cell may have no view at an angle
            some = count > 0
            means.append(np.where(at, score, 0).sum(axis=1)[some] / count[some])
            seen.append(place[some])
            views += int(count.sum())
        cell, score = np.concatenate(seen), np.minimum(np.concatenate(means), 1)  # rounding may take a mean above 1
        own_groups = None if groups is None else np.asarray(groups)[cell]
        limits = {name: interval(labels[cell], score, name, own_groups) for name in COUNTED}
        rows.append({"angle": float(angle), "views": views, **binary_metrics(labels[cell], score), "interval": limits})
    return rows
