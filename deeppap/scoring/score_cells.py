"""Scores of cells: views x crops probabilities each, averaged (paper: random-view aggregation, "Transfer Learning")."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from deeppap.engines.engine import ViewInput
from deeppap.scoring.cell_score import CellScore, abnormal
from deeppap.scoring.cell_views import CellViews
from deeppap.scoring.fill import filled_in_turn
from deeppap.scoring.fill_ahead import filled_ahead
from deeppap.scoring.known_cells import KnownCells


def score_cells(
    view_input: ViewInput, cells: Iterable[CellViews], known: KnownCells | None = None
) -> Iterator[CellScore]:
    """Score cells one after another, in their order; neither the cells nor their pixels are held.

    Parameters
    ----------
    view_input : ViewInput
        An engine made ready with the mean image of the set that its model was trained on.
    known : KnownCells, optional
        The cells that the net was trained on: each score then says how unlike them its cell is, from the same passes.
    """
    for score, features in scores_with_layer(view_input, cells, known and known.layer):
        yield score if known is None else replace(score, unlike=known.unlike(features))


def scores_with_layer(
    view_input: ViewInput, cells: Iterable[CellViews], layer: str | None
) -> Iterator[tuple[CellScore, np.ndarray | None]]:
    """Each cell's score, and what a layer gives for the centre crop of each of its views, float32 (V, C)."""
    parts: list[tuple[np.ndarray, np.ndarray | None]] = []
    fill = filled_ahead if view_input.ahead else filled_in_turn
    for chunk, memory in fill(view_input, cells):
        probs, shown = (
            (view_input(memory), [None] * len(chunk)) if layer is None else view_input.with_layer(memory, layer)
        )
        for (cell, _), prob, features in zip(chunk, probs, shown, strict=True):
            parts.append((prob, features))
            if len(parts) == len(cell.views):
                probs_of, features_of = zip(*parts, strict=True)
                yield _collect(cell, np.stack(probs_of).astype(np.float64)), layer and np.stack(features_of)
                parts = []


def _collect(cell: CellViews, prob: np.ndarray) -> CellScore:
    """Average probabilities (views, crops, K)."""
    score = abnormal(prob)
    return CellScore(cell.cell, cell.views, prob.mean(axis=(0, 1)), score.mean(axis=1), score[:, 0])
