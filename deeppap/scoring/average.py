"""The mean of several nets' scores of the same cells, as the five of one study."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from deeppap.engines.device import Device
from deeppap.scoring.cell_score import CellScore
from deeppap.scoring.cell_views import ViewChoice
from deeppap.scoring.own_cells import Place, score_places
from deeppap.scoring.trained_model import TrainedModel


def averaged(each: Iterable[Iterable[CellScore]]) -> Iterator[CellScore]:
    """Every cell's scores averaged over the nets, view by view, in the cells' order: all nets saw the same views.

    How unlike training a cell is, is averaged too; not told where one of the nets cannot.
    """
    for same in zip(*each, strict=True):
        names = ("prob", "view_scores", "centre_scores")
        means = {name: np.mean([getattr(score, name) for score in same], axis=0) for name in names}
        apart = [score.unlike for score in same]
        yield replace(same[0], **means, unlike=None if None in apart else float(np.mean(apart)))


def score_by_all(
    models: Sequence[TrainedModel],
    device: Device,
    places: Sequence[Place],
    choice: ViewChoice,
    say: Callable[[str], None],
) -> Iterator[CellScore]:
    """Cells of one's own, scored by every net side by side and averaged, in the order of the places."""
    each = []
    for model in models:
        engine = model.engine(device)
        ready = engine.view_input(model.mean, model.crops())
        each.append(score_places(ready, places, choice, model.known_cells(engine.name, say)))
    return averaged(each)
