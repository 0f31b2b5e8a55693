"""Looking once at a fold's training cells through its trained net, so that it can tell what is unlike them."""

from collections.abc import Callable, Sequence

import numpy as np
from tqdm import tqdm

from data_prep.cells import Cell
from data_prep.folds import inner_folds
from data_prep.views import spread
from deeppap.engines.engine import Engine
from deeppap.io.errors import UserError
from deeppap.scoring.cell_views import cells_of_data_set
from deeppap.scoring.known_cells import KnownCells, distances, of_views, read_known_cells
from deeppap.scoring.score_cells import scores_with_layer
from deeppap.scoring.trained_model import TrainedModel

LAYER = (
    "conv3"  # found the best of seven by experiments/out_of_distribution.py; fc7, trained for the label alone, tells nearly nothing
)
VIEWS = 3  # of each cell, at most
SHARE = 0.01  # of held-out cells that the limit marks


def ensure_known_cells(
    model: TrainedModel, engine: Engine, train: Sequence[Cell], inner: Sequence[Cell], say: Callable[[str], None]
) -> KnownCells | None:
    """What a fold's net knows: read, or learned from its training cells and kept; None where it cannot be told.

    Parameters
    ----------
    train, inner : sequence of Cell
        The fold's training cells, and those held back from training; without any, the limit is cross-fitted.
    """
    if engine.name != "caffe" or not model.own or model.forced:
        return model.known_cells(engine.name, say)
    known = read_known_cells(model.folder)
    if known is None or known.model_sha256 != model.weights_sha:
        known = learn(model, engine, train, inner)
        known.write(model.folder)
        say(f"{model.folder}: {len(train)} training cells looked at, to tell what is unlike them")
    return known


def learn(
    model: TrainedModel, engine: Engine, train: Sequence[Cell], inner: Sequence[Cell], layer: str = LAYER
) -> KnownCells:
    """The Gaussian of the training cells, and the limit that 1 % of held-out cells exceed."""
    features = features_of(model, engine, [*train, *inner], layer)
    known, held = features[: len(train)], features[len(train) :]
    gaussian = fit(known)
    if len(held):
        pairs = [(gaussian, held)]
    else:  # no cell is held back from training: from the Gaussian at least, five times a fifth
        ids = [cell.id for cell in train]
        out = [np.isin(ids, fold) for fold in _fifths(train, model.run.protocol, model.run.seed)]
        pairs = [(fit(known[~left]), known[left]) for left in out]
    return KnownCells(layer, model.weights_sha, *gaussian, _limits(pairs))


def _fifths(train: Sequence[Cell], protocol: str, seed: int) -> list[list[str]]:
    """Training cells dealt to five folds as for training, or, where they are too few for that, one after another."""
    try:
        return inner_folds(train, protocol, seed)
    except UserError:
        ids = [cell.id for cell in train]
        return [ids[start::5] for start in range(min(5, len(ids)))]


def features_of(model: TrainedModel, engine: Engine, cells: Sequence[Cell], layer: str) -> np.ndarray:
    """What a layer gives for the centre crops of cells' test views, float32 (n, V, C)."""
    choice = model.views(min(VIEWS, model.profile.test_views))
    jobs = scores_with_layer(engine.view_input(model.mean, 1), cells_of_data_set(cells, choice), layer)
    bar = tqdm(jobs, total=len(cells), desc="training cells", unit="cell", disable=None)
    by_id = {score.cell.id: features for score, features in bar}
    return np.stack([by_id[cell.id] for cell in cells])


def fit(features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, scale and precision of the views' features of cells (n, V, C), float32; Ledoit and Wolf's for few."""
    from sklearn.covariance import LedoitWolf  # here, since scikit-learn takes seconds and this is done once a fold

    values = of_views(features)
    mean, scale = values.mean(axis=0), values.std(axis=0)
    scale[scale < 1e-6 * max(scale.max(), 1e-30)] = max(scale.max(), 1e-30)  # a map that is the same for every cell
    precision = LedoitWolf(assume_centered=True).fit((values - mean) / scale).precision_
    return mean.astype(np.float32), scale.astype(np.float32), precision.astype(np.float32)


def _limits(pairs: list[tuple[tuple, np.ndarray]]) -> np.ndarray:
    """For cells of 1, 2, ... views, the distance that 1 % of (Gaussian, held-out cells) exceed: float32 (R,)."""
    views = pairs[0][1].shape[1]
    limits = []
    for count in range(1, views + 1):
        chosen = spread(views, count)
        apart = [distances(held[:, chosen], *gaussian) for gaussian, held in pairs]
        limits.append(np.quantile(np.concatenate(apart), 1 - SHARE, method="higher"))
    return np.maximum(np.array(limits, np.float32), np.float32(1e-6))
