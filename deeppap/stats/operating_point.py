"""The threshold a screening needs: nearly no abnormal cell missed, and what that costs."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from deeppap.stats.intervals import TOO_FEW, Groups, Interval, bootstrap_interval, interval, units_of
from deeppap.stats.metrics import binary_metrics, checked

SENSITIVITY = 0.99


def operating_point(
    labels: Sequence[int], scores: Sequence[float], sensitivity: float = SENSITIVITY
) -> dict[str, Any] | None:
    """The highest threshold at which at least `sensitivity` of the abnormal cells are called abnormal.

    The threshold is chosen on the very scores it is judged by, so its specificity is a little too good. Gives
    threshold, sens, spec (fractions) and the counts missed, abnormal, false_alarms, normal; None if there are no normal
    or no abnormal cells.
    """
    truth, score = checked(labels, scores)
    abnormal, normal = score[truth == 1], score[truth == 0]
    if not len(abnormal) or not len(normal):
        return None
    threshold = float(np.sort(abnormal)[len(abnormal) - needed(sensitivity, len(abnormal))])
    # equal scores at the threshold are called abnormal together, so sens may be above what was asked
    metrics = binary_metrics(truth, score, threshold)
    missed, alarms = int((abnormal < threshold).sum()), int((normal >= threshold).sum())
    counts = {"missed": missed, "abnormal": len(abnormal), "false_alarms": alarms, "normal": len(normal)}
    return {"threshold": threshold, "sens": metrics["sens"], "spec": metrics["spec"], **counts}


def needed(sensitivity: float, abnormal: int) -> int:
    """How many of the abnormal cells must be called abnormal; at least one, or no score would reach the threshold."""
    # a hair less: a product of floats may lie just above a whole number (0.07 * 100) and ask for one cell more
    return max(1, math.ceil(sensitivity * abnormal - 1e-9))


def operating_intervals(
    labels: Sequence[int], scores: Sequence[float], groups: Groups, sensitivity: float = SENSITIVITY
) -> dict[str, Interval]:
    """The intervals of sens and spec of an operating point.

    That of sens holds the threshold. That of spec chooses the threshold anew in each resample, because the
    specificity at that sensitivity is asked for; it holds the threshold too if no resample can change it.
    """
    truth, score = checked(labels, scores)
    threshold = operating_point(truth, score, sensitivity)["threshold"]
    unit, order = units_of(groups, len(truth)), np.argsort(-score, kind="stable")
    # the last of each run of equal scores: a threshold takes all of them or none
    # cumulative counts in order of falling scores give every threshold's counts in one pass
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    is_abnormal = truth[order] == 1

    def specificity(draws: np.ndarray) -> np.ndarray:
        weights = draws[:, unit][:, order]
        abnormal, normal = (np.cumsum(weights * mask, axis=1)[:, ends] for mask in (is_abnormal, ~is_abnormal))
        least = np.maximum(1, np.ceil(sensitivity * abnormal[:, -1] - 1e-9))
        at = np.argmax(abnormal >= least[:, None], axis=1)
        alarms = np.take_along_axis(normal, at[:, None], axis=1)[:, 0]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(abnormal[:, -1] > 0, 1 - alarms / normal[:, -1], np.nan)

    sens, spec = (interval(truth, score, name, groups, threshold=threshold) for name in ("sens", "spec"))
    if TOO_FEW in (sens, spec):  # the threshold depends on the abnormal cells
        return {"sens": sens, "spec": TOO_FEW}
    return {"sens": sens, "spec": bootstrap_interval(specificity, unit) or spec}


def roc_points(labels: Sequence[int], scores: Sequence[float]) -> dict[str, np.ndarray] | None:
    """The ROC curve: float64 arrays fpr, tpr, threshold (the first infinite); None with one class alone."""
    from sklearn.metrics import roc_curve  # slow to load

    truth, score = checked(labels, scores)
    if truth.min() == truth.max():
        return None
    fpr, tpr, threshold = roc_curve(truth, score, drop_intermediate=False)
    return {"fpr": fpr, "tpr": tpr, "threshold": threshold}


def cross_fitted(folds: Sequence[tuple[np.ndarray, np.ndarray]], groups: Groups = None) -> dict[str, Any] | None:
    """Pooled sens and spec if each fold's (labels, scores) are judged at the threshold chosen on the other folds.

    `interval` holds their intervals by `groups`, one name a cell of all folds; they hold the thresholds. None with
    fewer than two folds, or if the other folds lack a class.
    """
    if len(folds) < 2:
        return None
    called = []
    for number, (_, scores) in enumerate(folds):
        # the threshold must not have seen the cells that it is judged on
        others = [fold for other, fold in enumerate(folds) if other != number]
        point = operating_point(*(np.concatenate(parts) for parts in zip(*others, strict=True)))
        if point is None:
            return None
        called.append((scores >= point["threshold"]).astype(float))
    truth, decided = np.concatenate([labels for labels, _ in folds]), np.concatenate(called)
    metrics = binary_metrics(truth, decided)
    limits = {name: interval(truth, decided, name, groups) for name in ("sens", "spec")}
    return {"sens": metrics["sens"], "spec": metrics["spec"], "interval": limits}
