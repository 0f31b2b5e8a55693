"""What scoring a cell gives."""

from dataclasses import dataclass

import numpy as np

from data_prep.cells import Cell
from data_prep.herlev_classes import CLASSES
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
    """

    cell: Cell
    views: list[tuple[int, View]]
    prob: np.ndarray
    view_scores: np.ndarray
    centre_scores: np.ndarray

    @property
    def score(self) -> float:
        """P(abnormal), averaged over views and crops."""
        return float(abnormal(self.prob))

    @property
    def spread(self) -> float:
        """Standard deviation of P(abnormal) over the views."""
        return float(self.view_scores.std())


def abnormal(prob: np.ndarray) -> np.ndarray:
    """P(abnormal) of probabilities (..., K): the second of two classes, or the abnormal ones of seven."""
    if prob.shape[-1] == 2:
        return prob[..., 1]
    return prob[..., [index for index, known in enumerate(CLASSES) if known.label]].sum(axis=-1)
