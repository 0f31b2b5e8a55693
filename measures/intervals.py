"""How sure a figure is: Wilson's interval for shares of cells, the bootstrap for all else."""

import math
from collections.abc import Sequence

import numpy as np

from measures.metrics import METRICS, THRESHOLD, checked, right

COUNTED = ("sens", "spec", "acc")  # shares of a number of cells, for which Wilson's interval holds
CHUNK = 250  # resamples at a time; bounds the memory


def wilson(k: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval of a share of k in n, as fractions; 95 % for z = 1.96."""
    if n <= 0 or not 0 <= k <= n:
        raise ValueError(f"{k} of {n} is no share")
    share, square = k / n, z * z
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = z / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return (0.0 if k == 0 else middle - half), (1.0 if k == n else middle + half)


def bootstrap_interval(
    labels: Sequence[int],
    scores: Sequence[float],
    metric: str,
    seed: int,
    n: int = 2000,
    threshold: float = THRESHOLD,
) -> tuple[float, float] | None:
    """Percentile 95 % interval of one of METRICS over `n` resamplings of the cells, with replacement.

    Resamplings in which the metric is undefined do not count; None where it is undefined in all. The cells
    are taken as independent, which cells of one field are not: the true interval is wider.
    """
    if metric not in METRICS:
        raise ValueError(f"{metric!r} is none of {', '.join(METRICS)}")
    truth, score = checked(labels, scores)
    rng = np.random.default_rng(seed)
    values = []
    for start in range(0, n, CHUNK):
        picks = rng.integers(0, len(truth), (min(CHUNK, n - start), len(truth)))
        values.append(resampled(truth, score, picks, threshold)[metric])
    known = np.concatenate(values)
    known = known[~np.isnan(known)]
    if not known.size:
        return None
    low, high = np.percentile(known, (2.5, 97.5))
    return float(low), float(high)


def interval(labels: Sequence[int], scores: Sequence[float], metric: str, seed: int = 0) -> tuple[float, float] | None:
    """The 95 % interval the tables print: Wilson's for a share of cells, else the bootstrap."""
    if metric not in COUNTED:
        return bootstrap_interval(labels, scores, metric, seed)
    truth, score = checked(labels, scores)
    # the cells that the share is a share of
    of = np.ones(len(truth), bool) if metric == "acc" else truth == {"sens": 1, "spec": 0}[metric]
    return wilson(int(right(truth, score)[of].sum()), int(of.sum())) if of.any() else None


def resampled(truth: np.ndarray, score: np.ndarray, picks: np.ndarray, threshold: float) -> dict[str, np.ndarray]:
    """Every metric for each row of `picks` (R, n), indices of cells: float64 (R,), NaN where undefined."""
    drawn, called = truth[picks] == 1, (score >= threshold)[picks]
    tp, fn = (drawn & called).sum(1), (drawn & ~called).sum(1)
    fp, tn = (~drawn & called).sum(1), (~drawn & ~called).sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        sens, spec = tp / (tp + fn), tn / (tn + fp)
        hmean = np.where(sens + spec == 0, 0.0, 2 * sens * spec / (sens + spec))
        acc, f = (tp + tn) / picks.shape[1], 2 * tp / (2 * tp + fp + fn)
        return {
            "sens": sens,
            "spec": spec,
            "acc": acc,
            "hmean": hmean,
            "f": f,
            "auc": _auc(truth, score, picks),
        }


def _auc(truth: np.ndarray, score: np.ndarray, picks: np.ndarray) -> np.ndarray:
    """AUC as the share of (abnormal, normal) pairs in the right order, ties half."""
    # how often each row draws each distinct score, normal and abnormal apart: no sorting a row
    _, rank = np.unique(score, return_inverse=True)
    levels, rows = int(rank.max()) + 1, len(picks)
    slot = np.arange(rows)[:, None] * levels + rank[picks]
    drawn = truth[picks] == 1
    normal, abnormal = (
        np.bincount(slot[mask], minlength=rows * levels).reshape(rows, levels) for mask in (~drawn, drawn)
    )
    below = np.cumsum(normal, axis=1) - normal
    return (abnormal * (below + normal / 2)).sum(1) / (normal.sum(1) * abnormal.sum(1))
