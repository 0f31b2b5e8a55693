"""The paper's measures (paper: "Evaluation Methods"); scikit-learn counts."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, roc_auc_score

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
    truth, score = checked(labels, scores)
    # both labels are named, or one class alone would give a matrix of one cell
    counts = confusion_matrix(truth, score >= threshold, labels=[0, 1])
    result = from_counts(*(int(v) for v in counts.ravel()))
    # scikit-learn warns and returns NaN for one class
    both = 0 < truth.sum() < len(truth)
    return result | {"auc": float(roc_auc_score(truth, score)) if both else None}


def from_counts(tn: int, fp: int, fn: int, tp: int) -> dict[str, float | None]:
    """All metrics that need only the four counts.

    H-mean = 2 Sens Spec / (Sens + Spec) and F = 2 TP / (2 TP + FP + FN), as in the paper.
    """
    sens, spec = _ratio(tp, tp + fn), _ratio(tn, tn + fp)
    acc, f = _ratio(tp + tn, tp + tn + fp + fn), _ratio(2 * tp, 2 * tp + fp + fn)
    return {"sens": sens, "spec": spec, "acc": acc, "hmean": _hmean(sens, spec), "f": f}


def mean_and_std(values: Sequence[float | None]) -> dict[str, Any]:
    """Mean and sample standard deviation over the folds that define a value, and how many do."""
    known = [v for v in values if v is not None]
    mean = float(np.mean(known)) if known else None
    std = float(np.std(known, ddof=1)) if len(known) > 1 else None
    return {"mean": mean, "std": std, "folds": len(known)}


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction as the paper prints it: 0.98222 is 98.2; None is a dash."""
    return "-" if value is None else f"{100 * value:.{digits}f}"


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _hmean(sens: float | None, spec: float | None) -> float | None:
    if sens is None or spec is None:
        return None
    return 2 * sens * spec / (sens + spec) if sens + spec else 0.0
