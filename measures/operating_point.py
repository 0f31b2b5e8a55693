"""The threshold a screening needs: nearly no abnormal cell missed, and what that costs."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import roc_curve

from measures.metrics import binary_metrics, checked
from scoring.results import FoldResult

SENSITIVITY = 0.99


def operating_point(
    labels: Sequence[int], scores: Sequence[float], sensitivity: float = SENSITIVITY
) -> dict[str, Any] | None:
    """The highest threshold at which at least `sensitivity` of the abnormal cells are called abnormal.

    Returns threshold, sens, spec (fractions) and the counts missed, abnormal, false_alarms, normal; None
    where there are no normal or no abnormal cells. The threshold is chosen on the very scores it is judged
    by, so its specificity is a little too good.
    """
    truth, score = checked(labels, scores)
    abnormal, normal = score[truth == 1], score[truth == 0]
    if not len(abnormal) or not len(normal):
        return None
    # a hair less: a product of floats may lie just above a whole number (0.07 * 100) and ask for one cell more
    needed = max(1, math.ceil(sensitivity * len(abnormal) - 1e-9))
    threshold = float(np.sort(abnormal)[len(abnormal) - needed])
    metrics = binary_metrics(truth, score, threshold)
    return {
        "threshold": threshold,
        "sens": metrics["sens"],
        "spec": metrics["spec"],
        "missed": int((abnormal < threshold).sum()),
        "abnormal": len(abnormal),
        "false_alarms": int((normal >= threshold).sum()),
        "normal": len(normal),
    }


def roc_points(labels: Sequence[int], scores: Sequence[float]) -> dict[str, np.ndarray] | None:
    """The ROC curve: float64 arrays fpr, tpr, threshold (the first infinite); None with one class alone."""
    truth, score = checked(labels, scores)
    if truth.min() == truth.max():
        return None
    fpr, tpr, threshold = roc_curve(truth, score, drop_intermediate=False)
    return {"fpr": fpr, "tpr": tpr, "threshold": threshold}


def cross_fitted(folds: Sequence[FoldResult], sensitivity: float = SENSITIVITY) -> dict[str, float | None] | None:
    """Pooled sens and spec when each fold is judged at the threshold chosen on the other folds.

    None where fewer than two folds are scored or the other folds lack a class.
    """
    labels, called = [], []
    for fold in folds:
        others = [other for other in folds if other is not fold]
        if not others:
            return None
        truth, score = (np.concatenate([getattr(o, name) for o in others]) for name in ("labels", "scores"))
        point = operating_point(truth, score, sensitivity)
        if point is None:
            return None
        labels.append(fold.labels)
        called.append((fold.scores >= point["threshold"]).astype(float))
    if not labels:
        return None
    metrics = binary_metrics(np.concatenate(labels), np.concatenate(called))
    return {"sens": metrics["sens"], "spec": metrics["spec"]}
