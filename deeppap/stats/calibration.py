"""Whether a score of 0.8 means 80 %: reliability curve, expected calibration error, Brier score."""

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import brier_score_loss

from deeppap.stats.intervals import (
    Groups,
    Interval,
    bootstrap_interval,
    mean_interval,
    share_interval,
    sums_by_unit,
    units_of,
)
from deeppap.stats.metrics import checked

BINS = 10


def calibration_curve(labels: Sequence[int], scores: Sequence[float]) -> dict[str, np.ndarray]:
    """Cells in ten equal steps of the score; a score of 1 is in the last.

    One entry per bin that holds a cell: count (int64), score (mean P(abnormal)), abnormal (share of abnormal cells).
    """
    truth, score = checked(labels, scores)
    place = _bin(score)
    count = np.bincount(place, minlength=BINS)
    # an empty bin has no mean; it does not count in the error either
    held = count > 0
    mean, share = (np.bincount(place, weights=values, minlength=BINS)[held] / count[held] for values in (score, truth))
    return {"count": count[held], "score": mean, "abnormal": share}


def calibration_curve_intervals(labels: Sequence[int], scores: Sequence[float], groups: Groups) -> list[Interval]:
    """The interval of the share of abnormal cells in each bin of `calibration_curve`."""
    truth, score = checked(labels, scores)
    place, group = _bin(score), None if groups is None else np.asarray(groups)
    bins = [place == one for one in np.unique(place)]
    return [share_interval(truth[held] == 1, None if group is None else group[held]) for held in bins]


def expected_calibration_error(labels: Sequence[int], scores: Sequence[float]) -> float:
    """Mean distance of score and share of abnormal cells over the bins, weighted by their cells."""
    curve = calibration_curve(labels, scores)
    gaps = np.abs(curve["score"] - curve["abnormal"])
    return float((gaps * curve["count"]).sum() / curve["count"].sum())


def calibration_summary(labels: Sequence[int], scores: Sequence[float]) -> dict[str, float]:
    """`ece`, `brier` (mean squared distance), and `mean_score` beside `abnormal`, the share that it should equal."""
    truth, score = checked(labels, scores)
    return {
        "ece": expected_calibration_error(truth, score),
        "brier": float(brier_score_loss(truth, score, pos_label=1)),
        "mean_score": float(score.mean()),
        "abnormal": float(truth.mean()),
    }


def calibration_intervals(labels: Sequence[int], scores: Sequence[float], groups: Groups) -> dict[str, Interval]:
    """The intervals of `calibration_summary`."""
    truth, score = checked(labels, scores)
    unit = units_of(groups, len(truth))
    # summed by group and bin, so that a resample is one product of matrices
    gaps = sums_by_unit(np.eye(BINS)[_bin(score)] * (score - truth)[:, None], unit)
    cells = np.bincount(unit)

    def error(draws: np.ndarray) -> np.ndarray:
        return np.abs(draws @ gaps).sum(axis=1) / (draws @ cells)

    return {
        "ece": bootstrap_interval(error, unit),
        "brier": mean_interval((score - truth) ** 2, groups),
        "mean_score": mean_interval(score, groups),
        "abnormal": share_interval(truth == 1, groups),
    }


def _bin(score: np.ndarray) -> np.ndarray:
    # a score of exactly 1 would open a bin of its own
    return np.minimum((score * BINS).astype(int), BINS - 1)
