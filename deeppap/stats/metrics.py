"""The paper's measures (paper: "Evaluation Methods")."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from data_prep.classes import THRESHOLD

METRICS = ("sens", "spec", "acc", "hmean", "f", "auc")


def checked(labels: Sequence[int], scores: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Labels as int64 (n,) of 0 and 1, scores as float64 (n,) in [0, 1]; ValueError for anything else."""
    truth, score = np.asarray(labels), np.asarray(scores, np.float64)
    if truth.ndim != 1 or truth.shape != score.shape or len(truth) == 0:
        raise ValueError(f"labels {truth.shape} and scores {score.shape} must be of one length above 0")
    if not np.isin(truth, (0, 1)).all():
        raise ValueError("labels must be 0 (normal) or 1 (abnormal)")
    if not ((score >= 0) & (score <= 1)).all():  # NaN fails both
        raise ValueError("scores must be numbers between 0 and 1")
    return truth.astype(np.int64), score


def right(labels: np.ndarray, scores: np.ndarray, threshold: float = THRESHOLD) -> np.ndarray:
    """Whether each score is on its label's side of the threshold: bool, of the scores' shape."""
    return (np.asarray(scores) >= threshold) == (np.asarray(labels) == 1)


def binary_metrics(
    labels: Sequence[int], scores: Sequence[float], threshold: float = THRESHOLD
) -> dict[str, float | None]:
    """Sensitivity, specificity, accuracy, H-mean, F-measure and AUC, as fractions.

    A score at or above the threshold is abnormal. A metric that one class alone leaves undefined is None.

    ValueError for labels other than 0 and 1, scores outside [0, 1] or not a number, or no cells.
    """
    from sklearn.metrics import roc_auc_score  # takes two seconds to load, and screening needs none

    truth, score = checked(labels, scores)
    counts = outcomes(truth, score, threshold).sum(axis=0, keepdims=True)
    values = {metric: float(of_counts(counts, metric)[0]) for metric in METRICS[:-1]}
    # scikit-learn warns and returns NaN for one class
    both = 0 < truth.sum() < len(truth)
    result = {metric: None if np.isnan(value) else value for metric, value in values.items()}
    return result | {"auc": float(roc_auc_score(truth, score)) if both else None}


def outcomes(truth: np.ndarray, score: np.ndarray, threshold: float) -> np.ndarray:
    """Each cell as one of tp, fn, fp, tn: float64 (n, 4) of zeros and ones."""
    abnormal, called = truth == 1, score >= threshold
    kinds = (abnormal & called, abnormal & ~called, ~abnormal & called, ~abnormal & ~called)
    return np.column_stack(kinds).astype(np.float64)


def of_counts(counts: np.ndarray, metric: str) -> np.ndarray:
    """A metric from counts (R, 4) of tp, fn, fp, tn: float64 (R,), NaN where undefined.

    H-mean = 2 Sens Spec / (Sens + Spec) and F = 2 TP / (2 TP + FP + FN), as in the paper.
    """
    tp, fn, fp, tn = counts.T
    with np.errstate(invalid="ignore", divide="ignore"):
        if metric == "acc":
            return (tp + tn) / (tp + fn + fp + tn)
        if metric == "f":
            return 2 * tp / (2 * tp + fp + fn)
        sens, spec = tp / (tp + fn), tn / (tn + fp)
        if metric == "hmean":
            return np.where(sens + spec == 0, 0.0, 2 * sens * spec / (sens + spec))
        return {"sens": sens, "spec": spec}[metric]


def mean_and_std(values: Sequence[float | None]) -> dict[str, Any]:
    """Mean and sample standard deviation over the folds that define a value, and how many do."""
    known = [v for v in values if v is not None]
    mean = float(np.mean(known)) if known else None
    std = float(np.std(known, ddof=1)) if len(known) > 1 else None
    return {"mean": mean, "std": std, "folds": len(known)}


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction as the paper prints it: 0.98222 is 98.2; None is a dash."""
    return "-" if value is None else f"{100 * value:.{digits}f}"
