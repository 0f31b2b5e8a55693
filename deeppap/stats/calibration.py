"""Whether a score of 0.8 means 80 %: reliability curve, expected calibration error, Brier score."""

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import brier_score_loss

from deeppap.stats.metrics import checked
from deeppap.stats.resampling import Groups, Limits, mean_interval, resampled, share_interval, sums_by_unit, units_of

BINS = 10


def calibration_curve(labels: Sequence[int], scores: Sequence[float], bins: int = BINS) -> dict[str, np.ndarray]:
    """Cells in `bins` equal steps of the score; a score of 1 is in the last.

    Returns arrays of one entry per bin that holds a cell: low, high (its limits), count (int64), score (mean
    P(abnormal)) and abnormal (the share that is abnormal).
    """
    truth, score = checked(labels, scores)
    place = np.minimum((score * bins).astype(int), bins - 1)
    count = np.bincount(place, minlength=bins)
    held = count > 0
    edges = np.arange(bins + 1) / bins
    mean, share = (np.bincount(place, weights=values, minlength=bins)[held] / count[held] for values in (score, truth))
    return {
        "low": edges[:-1][held],
        "high": edges[1:][held],
        "count": count[held],
        "score": mean,
        "abnormal": share,
    }


def expected_calibration_error(labels: Sequence[int], scores: Sequence[float], bins: int = BINS) -> float:
    """Mean distance of score and share of abnormal cells over the bins, weighted by their cells."""
    curve = calibration_curve(labels, scores, bins)
    gaps = np.abs(curve["score"] - curve["abnormal"])
    return float((gaps * curve["count"]).sum() / curve["count"].sum())


def calibration_summary(labels: Sequence[int], scores: Sequence[float]) -> dict[str, float]:
    """`ece`, `brier`, and `mean_score` beside `abnormal`, the share of abnormal cells that it should equal."""
    truth, score = checked(labels, scores)
    return {
        "ece": expected_calibration_error(truth, score),
        "brier": brier(truth, score),
        "mean_score": float(score.mean()),
        "abnormal": float(truth.mean()),
    }


def calibration_intervals(
    labels: Sequence[int], scores: Sequence[float], groups: Groups, bins: int = BINS
) -> dict[str, Limits | None]:
    """The 95 % intervals of `calibration_summary`, by group where there are groups."""
    truth, score = checked(labels, scores)
    unit = units_of(groups, len(truth))
    place = np.minimum((score * bins).astype(int), bins - 1)
    gaps = sums_by_unit(np.eye(bins)[place] * (score - truth)[:, None], unit)
    cells = np.bincount(unit)

    def error(draws: np.ndarray) -> np.ndarray:
        return np.abs(draws @ gaps).sum(axis=1) / (draws @ cells)

    return {
        "ece": resampled(error, unit),
        "brier": mean_interval((score - truth) ** 2, groups),
        "mean_score": mean_interval(score, groups),
        "abnormal": share_interval(truth == 1, groups),
    }


def brier(labels: Sequence[int], scores: Sequence[float]) -> float:
    """Mean squared distance of score and label (scikit-learn's brier_score_loss)."""
    truth, score = checked(labels, scores)
    return float(brier_score_loss(truth, score, pos_label=1))
