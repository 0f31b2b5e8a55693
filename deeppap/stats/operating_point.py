"""The threshold a screening needs: nearly no abnormal cell missed, and what that costs."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import roc_curve

from deeppap.scoring.results import FoldResult
from deeppap.stats.intervals import interval
from deeppap.stats.metrics import binary_metrics, checked
from deeppap.stats.resampling import Groups, Limits, resampled, units_of

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


def operating_intervals(
    labels: Sequence[int], scores: Sequence[float], groups: Groups, sensitivity: float = SENSITIVITY
) -> dict[str, Limits | None]:
    """The 95 % intervals of an operating point that there is: `sens` at its threshold, which is held; `spec` with
    the threshold chosen anew in each resampling, for it is the specificity at that sensitivity that is asked for;
    held too where no resampling can vary it.
    """
    truth, score = checked(labels, scores)
    threshold = operating_point(truth, score, sensitivity)["threshold"]
    unit, order = units_of(groups, len(truth)), np.argsort(-score, kind="stable")
    # the last of each run of equal scores: a threshold takes all of them or none
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    is_abnormal = truth[order] == 1

    def specificity(draws: np.ndarray) -> np.ndarray:
        weights = draws[:, unit][:, order]
        abnormal, normal = (np.cumsum(weights * mask, axis=1)[:, ends] for mask in (is_abnormal, ~is_abnormal))
        needed = np.maximum(1, np.ceil(sensitivity * abnormal[:, -1] - 1e-9))
        at = np.argmax(abnormal >= needed[:, None], axis=1)
        alarms = np.take_along_axis(normal, at[:, None], axis=1)[:, 0]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(abnormal[:, -1] > 0, 1 - alarms / normal[:, -1], np.nan)

    sens, spec = (interval(truth, score, name, groups, threshold=threshold) for name in ("sens", "spec"))
    return {"sens": sens, "spec": resampled(specificity, unit) or spec}


def roc_points(labels: Sequence[int], scores: Sequence[float]) -> dict[str, np.ndarray] | None:
    """The ROC curve: float64 arrays fpr, tpr, threshold (the first infinite); None with one class alone."""
    truth, score = checked(labels, scores)
    if truth.min() == truth.max():
        return None
    fpr, tpr, threshold = roc_curve(truth, score, drop_intermediate=False)
    return {"fpr": fpr, "tpr": tpr, "threshold": threshold}


def cross_fitted(
    folds: Sequence[FoldResult], groups: Groups = None, sensitivity: float = SENSITIVITY
) -> dict[str, Any] | None:
    """Pooled sens and spec when each fold is judged at the threshold chosen on the other folds.

    `interval` holds their 95 % intervals, the thresholds held, by `groups`, one name a cell of these folds.
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
    truth, decided = np.concatenate(labels), np.concatenate(called)
    metrics = binary_metrics(truth, decided)
    limits = {name: interval(truth, decided, name, groups) for name in ("sens", "spec")}
    return {"sens": metrics["sens"], "spec": metrics["spec"], "interval": limits}
