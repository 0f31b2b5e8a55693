"""What scoring a cell gives."""

from dataclasses import dataclass

import numpy as np

from data_prep.cells import Cell
from data_prep.herlev_classes import abnormal_outputs
from data_prep.views import View


@dataclass(frozen=True)
class CellScore:
    """One cell's scores.

    Attributes
    ----------
    views : list of (int, View)
        The views that were scored, each with its number in the plan.
    prob : ndarray, float64 (K,)
        Mean probabilities over views and crops.
    view_scores, centre_scores : ndarray, float64 (V,)
        P(abnormal) of each view: mean over its crops, and of its centre crop alone.
    unlike : float or None
        How far the cell lies from those that its net was trained on, in parts of the limit; None where nobody asked.
    """

    cell: Cell
    views: list[tuple[int, View]]
    prob: np.ndarray
    view_scores: np.ndarray
    centre_scores: np.ndarray
    unlike: float | None = None

    @property
    def score(self) -> float:
        """P(abnormal), averaged over views and crops."""
        return float(abnormal(self.prob))

    @property
    def spread(self) -> float:
        """Standard deviation of P(abnormal) over the views."""
        return float(self.view_scores.std())

    @property
    def unlike_training(self) -> bool | None:
        """Whether the cell lies beyond the limit, so that its score means little; None where nobody asked."""
        return None if self.unlike is None else self.unlike > 1


def abnormal(prob: np.ndarray) -> np.ndarray:
    """P(abnormal) of probabilities (..., K): the second of two classes, or the abnormal ones of seven."""
    # a softmax's float32 values may add up to a little more than 1
    return np.minimum(prob[..., list(abnormal_outputs(prob.shape[-1]))].sum(axis=-1), 1)
