"""Scores of cells: views x crops probabilities each, averaged (paper: random-view aggregation, "Transfer Learning")."""

from collections.abc import Iterable, Iterator

import numpy as np

from engines.engine import ViewInput
from scoring.cell_score import CellScore, abnormal
from scoring.cell_views import CellViews
from scoring.fill import filled_in_turn
from scoring.fill_ahead import filled_ahead


def score_cells(view_input: ViewInput, cells: Iterable[CellViews]) -> Iterator[CellScore]:
    """Score cells one after another, in their order; neither the cells nor their pixels are held.

    Parameters
    ----------
    view_input : ViewInput
        An engine made ready with the mean image of the set that its model was trained on.
    """
    parts: list[np.ndarray] = []
    fill = filled_ahead if view_input.ahead else filled_in_turn
    for chunk, memory in fill(view_input, cells):
        for (cell, _), prob in zip(chunk, view_input(memory), strict=True):
            parts.append(prob)
            if len(parts) == len(cell.views):
                yield _collect(cell, np.stack(parts).astype(np.float64))
                parts = []


def _collect(cell: CellViews, prob: np.ndarray) -> CellScore:
    """Average probabilities (views, crops, K)."""
    score = abnormal(prob)
    return CellScore(cell.cell, cell.views, prob.mean(axis=(0, 1)), score.mean(axis=1), score[:, 0])
