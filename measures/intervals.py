"""How sure a figure is: whole groups are resampled where they are known; Wilson's interval where there are none."""

import warnings
from collections.abc import Callable, Hashable, Sequence

import numpy as np
from scipy.stats import binomtest, bootstrap

from measures.metrics import METRICS, THRESHOLD, checked, right

COUNTED = ("sens", "spec", "acc")  # shares of a number of cells, for which Wilson's interval holds
RESAMPLES = 2000
CHUNK = 250  # resamples at a time; bounds the memory
MOST_BCA = 2000  # units; BCa leaves out each one in turn, above it percentiles are as good
LEVEL = 0.95

Limits = tuple[float, float]


def wilson(k: int, n: int) -> Limits:
    """Wilson's 95 % interval of a share of k in n, as fractions."""
    if n <= 0 or not 0 <= k <= n:
        raise ValueError(f"{k} of {n} is no share")
    low, high = binomtest(k, n).proportion_ci(LEVEL, method="wilson")
    return float(low), float(high)


def interval(
    labels: Sequence[int],
    scores: Sequence[float],
    metric: str,
    groups: Sequence[Hashable] | None = None,
    seed: int = 0,
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
        return bootstrap_interval(truth, score, metric, seed, groups)
    # the cells that the share is a share of
    of = np.ones(len(truth), bool) if metric == "acc" else truth == {"sens": 1, "spec": 0}[metric]
    if not of.any():
        return None
    hits = right(truth, score)[of]
    if groups is None:
        return wilson(int(hits.sum()), int(of.sum()))
    if hits.all() or not hits.any():
        units = len(np.unique(np.asarray(groups)[of]))
        return wilson(units if hits.all() else 0, units)
    return bootstrap_interval(truth, score, metric, seed, groups)


def bootstrap_interval(
    labels: Sequence[int],
    scores: Sequence[float],
    metric: str,
    seed: int,
    groups: Sequence[Hashable] | None = None,
    n: int = RESAMPLES,
    threshold: float = THRESHOLD,
) -> Limits | None:
    """SciPy's bootstrap of one of METRICS over groups, each drawn whole, or over cells where `groups` is None.

    BCa; percentiles where it does not hold: a metric undefined in some resamplings, or equal in all, or many units.
    None where it is undefined in all, or there is one unit alone.
    """
    if metric not in METRICS:
        raise ValueError(f"{metric!r} is none of {', '.join(METRICS)}")
    truth, score = checked(labels, scores)
    return resampled(lambda weights: weighted(truth, score, weights, threshold)[metric], len(truth), seed, groups, n)


def resampled(
    of_weights: Callable[[np.ndarray], np.ndarray],
    cells: int,
    seed: int,
    groups: Sequence[Hashable] | None = None,
    n: int = RESAMPLES,
) -> Limits | None:
    """The same of any value of cells counted (R, cells) times, which `of_weights` gives as float64 (R,)."""
    unit = np.arange(cells) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    units = int(unit.max()) + 1
    if units < 2:
        return None

    def statistic(picks: np.ndarray, axis: int = -1) -> np.ndarray:
        rows = picks.reshape(-1, picks.shape[axis])
        parts = (rows[i : i + CHUNK] for i in range(0, len(rows), CHUNK))
        values = [of_weights(_drawn(part, units)[:, unit]) for part in parts]
        return np.concatenate(values).reshape(picks.shape[:-1])

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of a degenerate distribution, told by NaN
        found = bootstrap(
            (np.arange(units),),
            statistic,
            n_resamples=n,
            batch=CHUNK,
            confidence_level=LEVEL,
            method="BCa" if units <= MOST_BCA else "percentile",
            rng=np.random.default_rng(seed),
        )
    return _limits(found.confidence_interval, found.bootstrap_distribution)


def _limits(limits: Sequence[float], values: np.ndarray) -> Limits | None:
    """SciPy's limits where they are numbers, else percentiles of the resamplings that are."""
    known = values[~np.isnan(values)]
    if not known.size:
        return None
    if len(known) < len(values) or not np.isfinite(limits).all():
        limits = np.percentile(known, (50 * (1 - LEVEL), 50 * (1 + LEVEL)))
    return float(limits[0]), float(limits[1])


def _drawn(picks: np.ndarray, units: int) -> np.ndarray:
    """How often each row of `picks` (R, m) draws each unit: int64 (R, units)."""
    slot = np.arange(len(picks))[:, None] * units + picks.astype(np.int64)
    return np.bincount(slot.ravel(), minlength=len(picks) * units).reshape(len(picks), units)


def weighted(truth: np.ndarray, score: np.ndarray, weights: np.ndarray, threshold: float) -> dict[str, np.ndarray]:
    """Every metric of cells counted `weights` (R, n) times: float64 (R,), NaN where undefined."""
    abnormal, called = truth == 1, score >= threshold
    masks = (abnormal & called, abnormal & ~called, ~abnormal & called, ~abnormal & ~called)
    tp, fn, fp, tn = (weights[:, mask].sum(1) for mask in masks)
    with np.errstate(invalid="ignore", divide="ignore"):
        sens, spec = tp / (tp + fn), tn / (tn + fp)
        hmean = np.where(sens + spec == 0, 0.0, 2 * sens * spec / (sens + spec))
        acc, f = (tp + tn) / weights.sum(1), 2 * tp / (2 * tp + fp + fn)
        auc = _auc(truth, score, weights)
        return {"sens": sens, "spec": spec, "acc": acc, "hmean": hmean, "f": f, "auc": auc}


def _auc(truth: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """AUC as the share of (abnormal, normal) pairs in the right order, ties half."""
    order = np.argsort(score, kind="stable")
    starts = np.unique(score[order], return_index=True)[1]
    ordered, is_abnormal = weights[:, order], truth[order] == 1
    normal, abnormal = (np.add.reduceat(ordered * mask, starts, axis=1) for mask in (~is_abnormal, is_abnormal))
    below = np.cumsum(normal, axis=1) - normal
    return (abnormal * (below + normal / 2)).sum(1) / (normal.sum(1) * abnormal.sum(1))
