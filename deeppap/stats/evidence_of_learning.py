"""Whether the scores of test cells are evidence that a net has learned anything.

A net that has learned nothing gives every cell the same answer. The best such answer is the labels' shares, and its
loss their entropy. Two things speak against a net:

- The 95 % interval of the area under its curve includes 0.5: such an order of the test cells may well be chance.
- Its loss on the test cells is not below that of the best constant answer. A net that orders the cells and still has
  such a loss is over-confident.

With few test cells or groups the area has no interval, and the loss decides alone: to order 2 + 6 cells without an
error is no evidence. With fewer than five test cells, or cells of one label alone, nothing is said.
"""

from collections.abc import Sequence

import numpy as np

from deeppap.stats.intervals import FEWEST, Groups, Limits, interval, too_few, units_of, wilson
from deeppap.stats.metrics import binary_metrics, checked

CHANCE = 0.5  # area under the curve
SMALLEST = np.finfo(np.float32).tiny  # the least probability that Caffe's loss layer takes
NO_EVIDENCE = "no evidence that this net tells abnormal cells of this set from normal ones"
DO_NOT_USE = "do not use its scores; label cells of more images, or train longer (docs/how-to/own-cells.md, section 4)"
OVER_CONFIDENT = "this net orders its test cells, but is over-confident"
NO_PROBABILITIES = (
    "its scores are no probabilities, and 0.5 may be a poor threshold (docs/how-to/own-cells.md, section 4)"
)


def doubt(
    labels: Sequence[int],
    scores: Sequence[float],
    outputs: Sequence[int],
    probs: np.ndarray,
    trained: Sequence[int],
    groups: Groups = None,
) -> str | None:
    """What speaks against a net by its test cells, and what to do; None if nothing does.

    `outputs` (n,) are the right ones, of the label or the class of seven; `probs` (n, K) are what the net gave;
    `trained` (K,) counts the training views of each output.
    """
    # the loss is asked first: it is known for any number of cells, the area's interval is not
    loss, constant = weighted_loss(np.asarray(outputs), np.asarray(probs), np.asarray(trained))
    limits = auc_limits(labels, scores, groups)
    area = _doubt_of_area(limits)
    lossy = ""
    if len(labels) >= FEWEST and not loss < constant:  # also for NaN
        lossy = f"its loss on the test cells (labels weighted as in training), {loss:.3f}, is not below the "
        lossy += f"{constant:.3f} of a constant answer"
    if lossy and limits is not None and not area:
        return f"{OVER_CONFIDENT}: {lossy}; {NO_PROBABILITIES}"
    unsure = _unsure(labels, scores) if lossy and limits is None else ""
    reasons = [reason for reason in (lossy, unsure, area) if reason]
    return f"{NO_EVIDENCE}: {'; '.join(reasons)}; {DO_NOT_USE}" if reasons else None


def doubt_of_order(labels: Sequence[int], scores: Sequence[float], groups: Groups = None) -> str | None:
    """The same of cells from elsewhere: the loss on these says nothing of what a net has learned, their order may."""
    return _doubt_of_area(auc_limits(labels, scores, groups))


def weighted_loss(outputs: np.ndarray, probs: np.ndarray, trained: np.ndarray) -> tuple[float, float]:
    """The loss of test cells and of the best constant answer, in nats, with each output weighted as in training.

    A net that was trained on balanced labels does not answer with the shares that the test cells have. Outputs without
    a test cell or a training view do not count. Of one output alone a constant answer is always right: then the loss
    says nothing, which is told by a constant loss of infinity.
    """
    losses = -np.log(np.maximum(probs[np.arange(len(outputs)), outputs], SMALLEST))
    cells = np.bincount(outputs, minlength=len(trained))
    counted = np.flatnonzero((cells > 0) & (trained > 0))
    if len(counted) < 2:
        return 0.0, np.inf
    # a balanced training weights a rare class up, so its loss must count as much here
    share = trained[counted] / trained[counted].sum()
    loss = np.sum(share * [losses[outputs == output].mean() for output in counted])
    return float(loss), float(-(share * np.log(share)).sum())


def auc_limits(labels: Sequence[int], scores: Sequence[float], groups: Groups = None) -> Limits | None:
    """The interval of the area under the curve; None if it is unknown: one label alone, or too few cells or groups."""
    truth, score = checked(labels, scores)
    unit = units_of(groups, len(truth))
    if truth.min() == truth.max() or too_few(truth, unit, "auc"):
        return None
    # None, if the order is perfect or constant: every resample then has the same area
    found = interval(truth, score, "auc", groups)
    if isinstance(found, tuple):
        return found
    # no resample changes an area of 0, 0.5 or 1: it is as sure as a share of the rarer label's groups
    area = binary_metrics(truth, score)["auc"]
    units = min(len(np.unique(unit[truth == label])) for label in (0, 1))
    return wilson(round(area * units), units)


def _unsure(labels: Sequence[int], scores: Sequence[float]) -> str:
    """Why the order of cells does not speak for a net of a high loss; "" with cells of one label alone."""
    area = binary_metrics(np.asarray(labels), np.asarray(scores))["auc"]
    return "" if area is None else f"the area under its curve, {area:.2f}, is of too few test images to count"


def _doubt_of_area(limits: Limits | None) -> str | None:
    if limits is None or limits[0] > CHANCE:
        return None
    return f"the area under its curve, 95 % interval {limits[0]:.2f} to {limits[1]:.2f}, is not above chance"
