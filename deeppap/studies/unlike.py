"""What a net finds unlike its training cells, and what it does not: the share marked of cells of many kinds."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from data_prep.cells import Cell
from data_prep.dataset import open_dataset
from data_prep.views import rng
from deeppap.engines.engine import Engine
from deeppap.report.table import Table
from deeppap.scoring.cell_views import CellViews
from deeppap.scoring.evaluate_fold import cells_of_fold
from deeppap.scoring.known_cells import KnownCells
from deeppap.scoring.learn_known_cells import LAYER, VIEWS, ensure_known_cells, learn
from deeppap.scoring.refusal import Refusal
from deeppap.scoring.score_cells import score_cells
from deeppap.scoring.trained_model import TrainedModel
from deeppap.studies.external import scale
from deeppap.studies.unlike_kinds import CHANGES, changed, empty_places, noise

OWN = "the fold's own test cells"
EACH = 5  # empty places of a field


class Kind(NamedTuple):
    """Cells of one kind, and how far each lies from the training cells in parts of the limit: float64 (n,)."""

    name: str
    unlike: np.ndarray


@dataclass(frozen=True)
class UnlikeOptions:
    """What a user may choose; `cells` of each kind at most, `fields` another data set with its pixels' size."""

    fields: Path | None = None
    mpp: float | None = None
    cells: int = 100
    views: int = VIEWS
    layer: str = LAYER


def unlike_study(model: TrainedModel, options: UnlikeOptions) -> list[Kind]:
    """How unlike training each kind of cell is; the fold's own test cells come first."""
    engine = model.engine()
    known, test = _known(model, engine, options)
    kinds = [(OWN, test), *_kinds(model, options, test)]
    ready, found = engine.view_input(model.mean, 1), []
    choice = model.views(options.views)
    for name, cells in kinds:
        jobs: Iterable[CellViews] = changed(cells, choice) if isinstance(cells, list) else cells
        scores = tqdm(score_cells(ready, jobs, known), desc=name, unit="cell", disable=None)
        found.append(Kind(name, np.array([score.unlike for score in scores])))
    return found


def _known(model: TrainedModel, engine: Engine, options: UnlikeOptions) -> tuple[KnownCells, list[Cell]]:
    """The training cells, as they are kept or, of another layer, looked at anew; and a choice of the test cells."""
    train, inner, test = cells_of_fold(model, Refusal(False, print))
    if options.layer == LAYER:
        known = ensure_known_cells(model, engine, train, inner, print)
    else:
        known = learn(model, engine, train, inner, options.layer)
    return known, some(test, options.cells)


def some(cells: Iterable[Cell], count: int) -> list[Cell]:
    """At most so many cells, drawn once and for all by their ids."""
    return sorted(cells, key=lambda cell: rng(1, "unlike", cell.id).random())[:count]


def _kinds(model: TrainedModel, options: UnlikeOptions, test: list[Cell]) -> Iterator[tuple[str, Iterator[CellViews]]]:
    choice = model.views(options.views)
    for factor in (2.0, 0.5):
        yield f"the same scaled by {factor:g}", changed(test, choice, factor)
    for name, change in CHANGES.items():
        yield f"the same {name}", changed(test, choice, change=change)
    yield "random noise", noise(options.cells, choice, 1)
    if options.fields is None:
        return
    dataset = open_dataset(options.fields, allow_partial=True)
    own = scale(model, options.mpp or dataset.pixel_um, options.mpp is not None) or 1.0
    cells = some(dataset.cells, options.cells)
    yield dataset.root.name, changed(cells, choice, own)
    for factor in (2.0, 0.5):
        yield f"{dataset.root.name} scaled by {factor:g}", changed(cells, choice, own * factor)
    images = sorted({cell.image for cell in dataset.cells})
    yield f"empty places of {dataset.root.name}", empty_places(images, choice, own, EACH)


def unlike_table(kinds: list[Kind], options: UnlikeOptions) -> Table:
    """Share marked of each kind, and the area under the curve that tells it from the fold's own test cells."""
    own, rows = kinds[0].unlike, []
    for kind in kinds:
        truth = np.repeat([0, 1], [len(own), len(kind.unlike)])
        area = None if kind is kinds[0] else float(roc_auc_score(truth, np.concatenate([own, kind.unlike])))
        marked = 100 * float((kind.unlike > 1).mean())
        rows.append([kind.name, len(kind.unlike), f"{marked:.1f}", None if area is None else f"{area:.3f}"])
    title = f"Marked as unlike the training cells: layer {options.layer}, {options.views} views"
    return Table("unlike", title, ["cells", "number", "marked %", "AUC from own test cells"], rows)
