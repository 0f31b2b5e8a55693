"""Whether a net's scores give evidence that it has learned anything.

Two signs against it:

- The 95 % interval of the area under its curve includes 0.5: such an order of the test cells may well be chance.
- The log loss of its scores, both labels weighted alike, is not below ln 2: that of always answering 0.5. A net that
  orders the cells and still has such a loss is over-confident.

With few test cells or groups the area has no interval, and the loss decides alone: to order 2 + 6 cells perfectly is
no evidence.
"""

from collections.abc import Sequence
from math import log

import numpy as np

from deeppap.stats.intervals import Groups, Limits, interval, too_few, units_of, wilson
from deeppap.stats.metrics import binary_metrics, checked

CHANCE = 0.5  # area under the curve
CONSTANT_LOSS = log(2)  # nats
# the least probability that counts, as in Caffe's loss layer; log(0) is no number
SMALLEST = float(np.finfo(np.float32).tiny)
NO_EVIDENCE = "no evidence that the net has learned anything"
OVER_CONFIDENT = "the net is over-confident"
DO_NOT_USE = "Do not use its scores; label more cells or train longer (docs/own_cells.md, section 3)"
CHOOSE_THRESHOLD = "Its scores are no probabilities, and 0.5 may be a poor threshold (docs/own_cells.md, section 4)"


def doubt(labels: Sequence[int], scores: Sequence[float], groups: Groups = None) -> str | None:
    """What must be said of a net that gave these scores to its test cells; None if nothing speaks against it.

    Parameters
    ----------
    labels, scores : (n,)
        0 or 1, and P(abnormal).
    groups : (n,) or None
        Names of the cells' groups.
    """
    truth, score = checked(labels, scores)
    if len(score) > 1 and np.ptp(score) == 0:
        return f"{NO_EVIDENCE}: all cells have the same score, {score[0]:.3f}. {DO_NOT_USE}"
    loss, limits = balanced_loss(truth, score), auc_limits(truth, score, groups)
    is_lossy = loss is not None and not loss < CONSTANT_LOSS
    above = (
        f"the log loss, {loss:.3f}, is not below {CONSTANT_LOSS:.3f}, that of always answering 0.5" if is_lossy else ""
    )
    if limits is None:
        return f"{NO_EVIDENCE}: {above}. {DO_NOT_USE}" if is_lossy else None
    area = f"AUC, 95 % interval {limits[0]:.2f} to {limits[1]:.2f}"
    if limits[0] > CHANCE:
        return (
            f"{OVER_CONFIDENT}: {above}, though it orders the cells ({area}). {CHOOSE_THRESHOLD}" if is_lossy else None
        )
    reasons = [f"it may order the cells by chance ({area})", *([above] if is_lossy else [])]
    return f"{NO_EVIDENCE}: {'; '.join(reasons)}. {DO_NOT_USE}"


def balanced_loss(truth: np.ndarray, score: np.ndarray) -> float | None:
    """Mean over both labels of the log loss (nats) of their cells; None with one label alone."""
    of_label = np.where(truth == 1, score, 1 - score)
    losses = -np.log(np.maximum(of_label, SMALLEST))
    if truth.min() == truth.max():
        return None
    # a net trained on balanced labels must not fail because its test cells are not
    return float(np.mean([losses[truth == label].mean() for label in (0, 1)]))


def auc_limits(truth: np.ndarray, score: np.ndarray, groups: Groups) -> Limits | None:
    """The interval of the area under the curve; None if it is unknown: one label alone, or too few cells or groups."""
    unit = units_of(groups, len(truth))
    if truth.min() == truth.max() or too_few(truth, unit, "auc"):
        return None
    found = interval(truth, score, "auc", groups)
    if isinstance(found, tuple):
        return found
    # no resample changes an area of 0 or 1: it is as sure as a share of the rarer label's groups that are all right
    area = binary_metrics(truth, score)["auc"]
    units = min(len(np.unique(unit[truth == label])) for label in (0, 1))
    return wilson(round(area * units), units)
