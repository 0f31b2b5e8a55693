"""What the hundred views of a cell bring: accuracy by their number, and by rotation angle."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from measures.metrics import binary_metrics, right
from scoring.results import FoldResult, RunResult

COUNTS = (1, 5, 10, 25, 50, 100)
DRAWS = 20


def accuracy_by_views(
    run: RunResult, counts: Sequence[int] = COUNTS, draws: int = DRAWS, seed: int = 0
) -> list[dict[str, Any]]:
    """Accuracy when only some views of each cell are averaged, drawn anew for every cell `draws` times.

    Returns, for each count that the cells have, {"views", "acc", "std"}: mean over the draws and sample
    standard deviation (0 for all views). Only folds with view scores count; without any, the list is empty.
    """
    folds = run.folds_with("views")
    if not folds:
        return []
    total = min(fold.views.scores.shape[1] for fold in folds)
    rng = np.random.default_rng(seed)
    table = np.array([_one_draw(folds, total, rng) for _ in range(draws)])
    rows = []
    for count in (c for c in counts if c <= total):
        accuracies = table[:, count - 1]
        # all views can be drawn in one way alone: what is left of a deviation would be rounding
        std = float(accuracies.std(ddof=1)) if count < total and draws > 1 else 0.0
        rows.append({"views": count, "acc": float(accuracies.mean()), "std": std})
    return rows


def _one_draw(folds: Sequence[FoldResult], total: int, rng: np.random.Generator) -> np.ndarray:
    """Accuracy for 1, 2, ... total views in one random order per cell: float64 (total,)."""
    number_right, cells = np.zeros(total), 0
    for fold in folds:
        shuffled = rng.permuted(fold.views.scores, axis=1)[:, :total]
        means = np.cumsum(shuffled, axis=1) / np.arange(1, total + 1)
        number_right += right(fold.labels[:, None], means).sum(axis=0)
        cells += len(fold.labels)
    return number_right / cells


def centre_crop_accuracy(run: RunResult) -> dict[str, float] | None:
    """Accuracy from centre crops alone: of a single view (mean over all views), and of all views averaged."""
    folds = run.folds_with("views")
    if not folds:
        return None
    labels = np.concatenate([fold.labels for fold in folds])
    single = np.concatenate([right(fold.labels[:, None], fold.views.centre).mean(axis=1) for fold in folds])
    means = np.concatenate([fold.views.centre.mean(axis=1) for fold in folds])
    return {"one_view": float(single.mean()), "all_views": float(right(labels, means).mean())}


def metrics_by_angle(run: RunResult) -> list[dict[str, Any]]:
    """Every measure with only the views of one rotation angle averaged: {"angle", "views", sens, spec, ...}.

    A net that learnt the angle in place of the cell is found out here: its figures change with the angle.
    """
    folds = run.folds_with("views")
    angles = np.unique(np.concatenate([fold.views.angles.ravel() for fold in folds])) if folds else []
    rows = []
    for angle in angles:
        labels, scores, views = [], [], 0
        for fold in folds:
            # the file holds nine digits of an angle
            at = np.isclose(fold.views.angles, angle, rtol=0, atol=1e-6)
            count = at.sum(axis=1)
            seen = count > 0
            sums = np.where(at, fold.views.scores, 0).sum(axis=1)
            scores.append(sums[seen] / count[seen])
            labels.append(fold.labels[seen])
            views += int(count.sum())
        # a mean of scores of 1 may pass 1 by rounding
        metrics = binary_metrics(np.concatenate(labels), np.minimum(np.concatenate(scores), 1))
        rows.append({"angle": float(angle), "views": views, **metrics})
    return rows
