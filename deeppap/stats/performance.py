"""The figures of the paper's Tables 3 and 5: every fold, their mean and deviation, all cells pooled."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from deeppap.io.errors import UserError
from deeppap.scoring.results import FoldResult
from deeppap.stats.intervals import interval
from deeppap.stats.metrics import METRICS, binary_metrics, mean_and_std


def summary(folds: Sequence[FoldResult], pixels: int = 0, groups: np.ndarray | None = None) -> dict[str, Any]:
    """Metrics of every fold, their mean and deviation, and of all cells pooled with 95 % intervals.

    `pixels` (0, 5 or 10) takes the scores with every centre shifted by up to so many; every fold must have them;
    `groups` has one name a cell of these folds, for the intervals.

    Raises
    ------
    UserError
        Where there is no fold, or one without such scores.
    """
    if not folds or any(fold.shifted(pixels) is None for fold in folds):
        what = f"folds with scores{f' under a shift of {pixels} pixels' * (pixels > 0)}"
        raise UserError("summary", what, "none, or a fold without", "Score them with tools/evaluate.py.")
    each = [binary_metrics(fold.labels, fold.shifted(pixels)) for fold in folds]
    truth = np.concatenate([fold.labels for fold in folds])
    score = np.concatenate([fold.shifted(pixels) for fold in folds])
    return {
        "cells": len(truth),
        "folds": [{"fold": fold.fold, **metrics} for fold, metrics in zip(folds, each, strict=True)],
        "over_folds": {name: mean_and_std([metrics[name] for metrics in each]) for name in METRICS},
        "pooled": binary_metrics(truth, score),
        "interval": {name: interval(truth, score, name, groups) for name in METRICS},
    }
