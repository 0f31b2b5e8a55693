"""Whether test scores are evidence that a net has learned anything: the one rule, and the line that says it has not.

A net that has learned nothing gives every cell the same answer. The best such answer is the labels' shares, and its
loss their entropy: a net whose loss on the test cells is not below that knows nothing of single cells. Labels count as
in training, for a balanced net does not answer with the shares that the cells have. Nor does a net know anything that
may well have drawn its test cells' order by chance: the 95 % interval of the area under its curve holds 0.5. Where it
does not, a loss like that of knowing nothing comes of answers that are too sure.
"""

from collections.abc import Sequence

import numpy as np

from deeppap.stats.intervals import interval
from deeppap.stats.resampling import Groups, Limits

CHANCE = 0.5  # of the area under the curve
SMALLEST = np.finfo(np.float32).tiny  # the least probability that Caffe's loss layer takes
WHAT = "this net has learned little or nothing"
DO = "do not use its scores; label more cells, or train it longer (docs/own_cells.md, section 3)"
SURE = "this net orders its test cells, but is over-confident"
SURE_DO = "its scores are no probabilities, and 0.5 may be no good threshold (docs/own_cells.md, section 4)"


def doubt(
    labels: Sequence[int],
    scores: Sequence[float],
    outputs: Sequence[int],
    probs: np.ndarray,
    trained: Sequence[int],
    groups: Groups = None,
) -> str | None:
    """What speaks against a net by its test cells: what, why and what to do; None where nothing does.

    Parameters
    ----------
    labels, scores : (n,)
        0 normal, 1 abnormal; P(abnormal).
    outputs : int (n,)
        The right output of the net: the label, or the class of seven.
    probs : float (n, K)
        Probability of each output.
    trained : int (K,)
        Training views of each output.
    groups : (n,), optional
        Name of each cell's group.
    """
    limits = auc_limits(labels, scores, groups)
    loss, area = _loss_doubt(np.asarray(outputs), np.asarray(probs), np.asarray(trained)), auc_doubt(limits)
    if loss and limits is not None and not area:
        return f"{SURE}: {loss}; {SURE_DO}"
    found = [line for line in (loss, area) if line]
    return f"{WHAT}: {'; '.join(found)}; {DO}" if found else None


def constant_loss(counts: Sequence[int]) -> float:
    """The loss of always answering with the labels' shares, their entropy in nats; `counts` has the cells by label."""
    share = np.asarray(counts, np.float64) / sum(counts)
    share = share[share > 0]
    return float(-(share * np.log(share)).sum())


def _loss_doubt(outputs: np.ndarray, probs: np.ndarray, trained: np.ndarray) -> str | None:
    """Why the loss is not below a constant answer's. An output without a test cell or a training view counts not."""
    losses = -np.log(np.maximum(probs[np.arange(len(outputs)), outputs], SMALLEST))
    weights = np.where(np.bincount(outputs, minlength=len(trained)) > 0, trained, 0)
    there = np.flatnonzero(weights)
    if not len(there):
        return None
    loss = np.average([losses[outputs == output].mean() for output in there], weights=weights[there])
    constant = constant_loss(weights)
    if loss < constant:  # false for NaN too
        return None
    return (
        f"its loss on the test cells (labels weighted as in training), {loss:.3f}, is not below the {constant:.3f} of "
        "a constant answer"
    )


def auc_limits(labels: Sequence[int], scores: Sequence[float], groups: Groups = None) -> Limits | None:
    """The 95 % interval of the area under the curve; None where it is not known.

    It is not known of one label alone, of one group, and where all cells are right: no resampling varies that, and an
    interval of no width is no evidence. One score for all cells is known to order nothing.
    """
    if not 0 < sum(labels) < len(labels):
        return None
    if len(set(scores)) == 1:
        return (CHANCE, CHANCE) if groups is None or len(set(groups)) > 1 else None
    return interval(labels, scores, "auc", groups)


def auc_doubt(limits: Limits | None) -> str | None:
    """What that interval says against a net; None where it lies above chance, or is not known."""
    if limits is None or limits[0] > CHANCE:
        return None
    return f"the area under its curve, 95 % interval {limits[0]:.2f} to {limits[1]:.2f}, is not above chance"
