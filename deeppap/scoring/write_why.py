"""Keeping, for the report, where the scores of some right and some wrong cells of a fold come from."""

from collections.abc import Sequence

import numpy as np

from deeppap.engines.engine import Engine
from deeppap.scoring.cell_score import CellScore
from deeppap.scoring.cell_views import of_data_set
from deeppap.scoring.trained_model import TrainedModel
from deeppap.scoring.why import VIEWS, cell_heat, evidence_of
from deeppap.scoring.write_arrays import write_arrays

FILE = "why.npz"
EACH = 2  # right ones and wrong ones of each label, at most


def write_why(model: TrainedModel, engine: Engine, scores: Sequence[CellScore]) -> None:
    """Write the heat, float16 (H, W), of each chosen cell's neighbourhood, and the cells' ids; no picture of a cell."""
    evidence, choice = evidence_of(model, engine), model.views(min(VIEWS, model.profile.test_views))
    arrays = {}
    for number, score in enumerate(chosen(scores)):
        found = cell_heat(evidence, of_data_set(score.cell, choice), model.mean, model.crops())
        arrays |= {f"id_{number}": np.array(score.cell.id), f"heat_{number}": found.heat.astype(np.float16)}
    write_arrays(model.folder / FILE, arrays)


def chosen(scores: Sequence[CellScore]) -> list[CellScore]:
    """Of each label the right cells in the middle of their scores, and the wrong ones furthest from the threshold."""
    found = []
    for label in (1, 0):
        own = sorted((s for s in scores if s.cell.label == label), key=lambda s: (abs(s.score - label), s.cell.id))
        right = [s for s in own if (s.score >= 0.5) == (label == 1)]
        wrong = [s for s in own if (s.score >= 0.5) != (label == 1)]
        middle = max(0, len(right) // 2 - EACH // 2)
        found += [*right[middle : middle + EACH], *wrong[::-1][:EACH]]
    return found
