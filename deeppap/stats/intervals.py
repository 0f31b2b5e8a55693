"""How sure a measure is: whole groups are resampled where they are known; Wilson's interval where there are none."""

from collections.abc import Sequence

import numpy as np

from deeppap.stats.metrics import METRICS, THRESHOLD, checked, right
from deeppap.stats.resampling import (
    RESAMPLES,
    Groups,
    Limits,
    resampled,
    share_interval,
    sums_by_unit,
    units_of,
    wilson,
)

COUNTED = ("sens", "spec", "acc")  # shares of a number of cells, for which Wilson's interval holds


def interval(
    labels: Sequence[int],
    scores: Sequence[float],
    metric: str,
    groups: Groups = None,
    seed: int = 0,
    threshold: float = THRESHOLD,
) -> Limits | None:
    """The 95 % interval the tables print; None where the metric is undefined.

    With `groups` (one name a cell), whole groups are resampled. Where no resampling can vary, since every cell is
    right, a share's interval is Wilson's with the groups as the units. Without groups: Wilson for a share of
    cells, else a resampling of cells, which takes them as independent.
    """
    if metric not in METRICS:
        raise ValueError(f"{metric!r} is none of {', '.join(METRICS)}")
    truth, score = checked(labels, scores)
    if metric not in COUNTED:
        return bootstrap_interval(truth, score, metric, seed, groups, threshold=threshold)
    # the cells that the share is a share of
    of = np.ones(len(truth), bool) if metric == "acc" else truth == {"sens": 1, "spec": 0}[metric]
    hits = right(truth, score, threshold)[of]
    if groups is None or not len(hits) or hits.all() or not hits.any():
        return share_interval(hits, None if groups is None else np.asarray(groups)[of])
    return bootstrap_interval(truth, score, metric, seed, groups, threshold=threshold)


def bootstrap_interval(
    labels: Sequence[int],
    scores: Sequence[float],
    metric: str,
    seed: int,
    groups: Groups = None,
    n: int = RESAMPLES,
    threshold: float = THRESHOLD,
) -> Limits | None:
    """SciPy's bootstrap of one of METRICS over groups, each drawn whole, or over cells where `groups` is None."""
    if metric not in METRICS:
        raise ValueError(f"{metric!r} is none of {', '.join(METRICS)}")
    truth, score = checked(labels, scores)
    unit = units_of(groups, len(truth))
    if metric == "auc":
        return resampled(lambda draws: _auc(truth, score, draws[:, unit]), unit, seed, n)
    counts = sums_by_unit(_outcomes(truth, score, threshold), unit)
    return resampled(lambda draws: _measures(*(draws @ counts).T)[metric], unit, seed, n)


def weighted(truth: np.ndarray, score: np.ndarray, weights: np.ndarray, threshold: float) -> dict[str, np.ndarray]:
    """Every metric of cells counted `weights` (R, n) times: float64 (R,), NaN where undefined."""
    measures = _measures(*(weights @ _outcomes(truth, score, threshold)).T)
    with np.errstate(invalid="ignore", divide="ignore"):
        return measures | {"auc": _auc(truth, score, weights)}


def _outcomes(truth: np.ndarray, score: np.ndarray, threshold: float) -> np.ndarray:
    """Each cell as one of tp, fn, fp, tn: float64 (n, 4) of zeros and ones."""
    abnormal, called = truth == 1, score >= threshold
    kinds = (abnormal & called, abnormal & ~called, ~abnormal & called, ~abnormal & ~called)
    return np.column_stack(kinds).astype(np.float64)


def _measures(tp: np.ndarray, fn: np.ndarray, fp: np.ndarray, tn: np.ndarray) -> dict[str, np.ndarray]:
    with np.errstate(invalid="ignore", divide="ignore"):
        sens, spec = tp / (tp + fn), tn / (tn + fp)
        hmean = np.where(sens + spec == 0, 0.0, 2 * sens * spec / (sens + spec))
        acc, f = (tp + tn) / (tp + fn + fp + tn), 2 * tp / (2 * tp + fp + fn)
        return {"sens": sens, "spec": spec, "acc": acc, "hmean": hmean, "f": f}


def _auc(truth: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """AUC as the share of (abnormal, normal) pairs in the right order, ties half."""
    order = np.argsort(score, kind="stable")
    starts = np.unique(score[order], return_index=True)[1]
    ordered, is_abnormal = weights[:, order], truth[order] == 1
    normal, abnormal = (np.add.reduceat(ordered * mask, starts, axis=1) for mask in (~is_abnormal, is_abnormal))
    below = np.cumsum(normal, axis=1) - normal
    return (abnormal * (below + normal / 2)).sum(1) / (normal.sum(1) * abnormal.sum(1))


__all__ = ["COUNTED", "Groups", "Limits", "bootstrap_interval", "interval", "share_interval", "weighted", "wilson"]
