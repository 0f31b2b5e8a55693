"""What the hundred views of a cell bring: accuracy by their number, and by rotation angle."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from deeppap.scoring.results import FoldResult, RunResult
from deeppap.stats.intervals import COUNTED, interval
from deeppap.stats.metrics import binary_metrics, right
from deeppap.stats.resampling import Groups, Limits, mean_interval, share_interval

COUNTS = (1, 5, 10, 25, 50, 100)
DRAWS = 20


def accuracy_by_views(
    run: RunResult, counts: Sequence[int] = COUNTS, draws: int = DRAWS, seed: int = 0
) -> list[dict[str, Any]]:
    """Accuracy when only some views of each cell are averaged, drawn anew for every cell `draws` times.

    Returns, for each count below all that the cells have, and for all,
    {"views", "acc", "std", "interval"}: mean over the draws and sample
    standard deviation (0 for all views), and the mean's 95 % interval over cells, by group where there are groups.
    Only folds with view scores count; without any, the list is empty.
    """
    folds = run.folds_with("views")
    if not folds:
        return []
    total = min(fold.views.scores.shape[1] for fold in folds)
    rng = np.random.default_rng(seed)
    of_cells, table = 0.0, []
    for _ in range(draws):
        drawn = _one_draw(folds, total, rng)
        table.append(drawn.mean(axis=0))
        of_cells = of_cells + drawn / draws
    rows, groups = [], run.groups(folds)
    for count in [*(c for c in counts if c < total), total]:
        accuracies = np.array(table)[:, count - 1]
        limits = _interval(of_cells[:, count - 1], groups)
        # all views can be drawn in one way alone: what is left of a deviation would be rounding
        std = float(accuracies.std(ddof=1)) if count < total and draws > 1 else 0.0
        rows.append({"views": count, "acc": float(accuracies.mean()), "std": std, "interval": limits})
    return rows


def _one_draw(folds: Sequence[FoldResult], total: int, rng: np.random.Generator) -> np.ndarray:
    """Whether each cell is right by 1, 2, ... total views, in one random order per cell: bool (cells, total)."""
    parts = []
    for fold in folds:
        shuffled = rng.permuted(fold.views.scores, axis=1)[:, :total]
        means = np.cumsum(shuffled, axis=1) / np.arange(1, total + 1)
        parts.append(right(fold.labels[:, None], means))
    return np.concatenate(parts)


def _interval(shares: np.ndarray, groups: Groups) -> Limits | None:
    """Of the cells' mean share of cases in which each is right; where each always or never is, of a share of cells."""
    whole = np.isclose(shares, np.round(shares), rtol=0, atol=1e-9).all()
    return share_interval(np.round(shares) == 1, groups) if whole else mean_interval(shares, groups)


def centre_crop_accuracy(run: RunResult) -> dict[str, Any] | None:
    """Accuracy from centre crops alone: of a single view (mean over all views), and of all views averaged.

    `interval` holds the 95 % intervals of both.
    """
    folds = run.folds_with("views")
    if not folds:
        return None
    labels = np.concatenate([fold.labels for fold in folds])
    single = np.concatenate([right(fold.labels[:, None], fold.views.centre).mean(axis=1) for fold in folds])
    means = np.concatenate([fold.views.centre.mean(axis=1) for fold in folds])
    every = right(labels, means)
    limits = {"one_view": _interval(single, run.groups(folds)), "all_views": share_interval(every, run.groups(folds))}
    return {"one_view": float(single.mean()), "all_views": float(every.mean()), "interval": limits}


def metrics_by_angle(run: RunResult) -> list[dict[str, Any]]:
    """Every measure with only the views of one rotation angle averaged: {"angle", "views", sens, spec, ...}.

    `interval` holds the 95 % intervals of sens, spec and acc, by group where there are groups.
    A net that learnt the angle in place of the cell is found out here: its figures change with the angle.
    """
    folds = run.folds_with("views")
    angles = np.unique(np.concatenate([fold.views.angles.ravel() for fold in folds])) if folds else []
    rows = []
    for angle in angles:
        labels, scores, groups, views = [], [], [], 0
        for fold in folds:
            # the file holds nine digits of an angle
            at = np.isclose(fold.views.angles, angle, rtol=0, atol=1e-6)
            count = at.sum(axis=1)
            seen = count > 0
            sums = np.where(at, fold.views.scores, 0).sum(axis=1)
            scores.append(sums[seen] / count[seen])
            labels.append(fold.labels[seen])
            groups.append(None if (own := run.groups([fold])) is None else own[seen])
            views += int(count.sum())
        # a mean of scores of 1 may pass 1 by rounding
        truth, score = np.concatenate(labels), np.minimum(np.concatenate(scores), 1)
        unit = None if groups[0] is None else np.concatenate(groups)
        limits = {name: interval(truth, score, name, unit) for name in COUNTED}
        rows.append({"angle": float(angle), "views": views, **binary_metrics(truth, score), "interval": limits})
    return rows
