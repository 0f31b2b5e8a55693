"""Which cells are out of distribution: unlike all that the net was trained on, so that its score means little.

A Gaussian is fitted to a layer's outputs for the training cells. A cell is out of distribution if its Mahalanobis
distance from it is larger than that of 99 % of held-out cells (docs/explanation/out-of-distribution.md).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data_prep.cells import Cell
from data_prep.folds import inner_folds
from data_prep.views import spread
from deeppap.engines.device import Device
from deeppap.engines.engine import Engine
from deeppap.io.errors import UserError
from deeppap.io.files import read_arrays, write_arrays
from deeppap.io.progress import progress
from deeppap.records import RunRecord
from deeppap.records.record import inside
from deeppap.scoring.cell_views import cells_of_data_set
from deeppap.scoring.score_cells import scores_with_layer

if TYPE_CHECKING:
    from deeppap.scoring.trained_model import TrainedModel

FILE = "ood_reference.npz"  # beside model.json
MADE_BY = "tools/train.py"
EXPECTED, AGAIN = "an out-of-distribution reference", f"Remove it and run {MADE_BY} again."
COLUMN = "out_of_distribution"
WORDS = {None: "", False: "no", True: "yes"}  # in the column
# the best of seven layers; fc7, trained for the label alone, tells nearly nothing:
# docs/explanation/out-of-distribution.md
LAYER = "conv3"
VIEWS = 3  # of each training cell, at most
SHARE = 0.01  # of held-out cells that lie beyond the limit
# cells that must set the limit: of fewer, none lies in the last hundredth, and a covariance of so few cells is loose
# enough to take in everything
LEAST_CELLS = round(1 / SHARE)
Gaussian = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class OODReference:
    """A Gaussian of the training cells in a layer's outputs, and how far from it a cell may lie."""

    layer: str  # the blob whose means over its maps are a view's features, float32 (C,), none below 0
    weights_sha: str  # of the net that it belongs to
    mean: np.ndarray  # float32 (C,): of the square roots of the features of the training cells' views
    scale: np.ndarray  # float32 (C,): their deviation
    precision: np.ndarray  # float32 (C, C): inverse covariance of the same in units of `scale`
    limits: np.ndarray  # float32 (R,): the distance that 1 % of held-out cells exceed, for cells of 1, 2, ... R views
    held_out: int  # the number of those cells

    def distances(self, features: np.ndarray) -> np.ndarray:
        """Mahalanobis distances, float64 (n,), of cells' features, float32 (n, V, C): means over their views."""
        return distances(features, (self.mean, self.scale, self.precision))

    def score(self, features: np.ndarray) -> float:
        """A cell's distance in units of the limit for its number of views; features float32 (V, C)."""
        return float(self.distances(features[None])[0] / self.limits[min(len(features), len(self.limits)) - 1])

    def write(self, folder: Path) -> None:
        """Write it into a fold's folder, complete or not at all."""
        write_arrays(folder / FILE, {name: np.asarray(value) for name, value in vars(self).items()})

    @classmethod
    def read(cls, folder: Path) -> "OODReference | None":
        """Read what `write` wrote; None if there is none.

        UserError for a damaged file.
        """
        path = inside(folder, FILE)
        if not path.exists():
            return None
        there = read_arrays(path, EXPECTED, AGAIN)
        if there.keys() != cls.__dataclass_fields__.keys():
            raise _damaged(path, f"arrays {', '.join(there)}"[:80])
        arrays = {name: there[name] for name in cls.__dataclass_fields__}
        held_out = arrays.pop("held_out")
        if held_out.shape or held_out.dtype.kind != "i":
            raise _damaged(path, f"held_out {held_out.dtype} {held_out.shape}")
        found = cls(str(arrays.pop("layer")), str(arrays.pop("weights_sha")), **arrays, held_out=int(held_out))
        count = found.mean.size
        shapes = {"mean": (count,), "scale": (count,), "precision": (count, count), "limits": (found.limits.size,)}
        for name, array in arrays.items():
            whole = array.shape == shapes[name] and array.size and array.dtype == np.float32
            if not whole or not np.isfinite(array).all():
                raise _damaged(path, f"{name} {array.dtype} {array.shape}")
        return found


def _damaged(path: Path, found: str) -> UserError:
    return UserError(path, EXPECTED, found, AGAIN)


def find_reference(
    folder: Path, weights_sha: str, say: Callable[[str], None], least: int = LEAST_CELLS
) -> OODReference | None:
    """The reference of a fold's net; None, and one line why, if this net has none.

    A limit that fewer than `least` held-out cells have set is none.
    """
    reference = OODReference.read(folder)
    if reference is None or reference.weights_sha != weights_sha:
        reason = "is missing" if reference is None else "belongs to another net"
        say(f"{COLUMN}: unknown, since {folder / FILE} {reason}; {MADE_BY} makes it")
        return None
    if reference.held_out < least:
        found = f"{reference.held_out} cells of the net's own set are too few to tell, {least} are needed"
        say(f"{COLUMN}: unknown, since {found}")
        return None
    return reference


def ensure_reference(model: "TrainedModel", device: Device, say: Callable[[str], None]) -> None:
    """Fit the reference of a fold's selected net and write it into the fold's folder, unless it is there.

    Without the images that the fold was built from it only prints so: a training needs the LMDBs alone.
    """
    # of these weights alone: the layer of another net lies elsewhere
    reference = OODReference.read(model.folder)
    if reference is not None and reference.weights_sha == model.weights_sha:
        return
    try:
        cells = model.fold_cells()
    except UserError as error:
        say(f"{COLUMN}: no reference is fitted, since the images are not there: {error}")
        return
    engine = model.engine(Device(device.gpu, device.tf32, without_gpu=device.without_gpu))  # Caffe, whatever scores
    reference = fit_reference(model, engine, cells["train"], cells["inner"])
    reference.write(model.folder)
    limit = f"{SHARE:.0%} of {reference.held_out} cells held out from it lie beyond its limit"
    say(f"{model.folder}: fitted the out-of-distribution check on {len(cells['train'])} training cells; {limit}")


def fit_reference(
    model: "TrainedModel", engine: Engine, train: Sequence[Cell], held_out: Sequence[Cell]
) -> OODReference:
    """The Gaussian of the training cells, and the limits by held-out cells.

    If too few cells were held out from training, the limits are cross-fitted: five times four fifths of the training
    cells make a Gaussian, and the last fifth is held out from that at least.
    """
    features = features_of(model, engine, [*train, *held_out])
    trained, held = features[: len(train)], features[len(train) :]
    gaussian = fit_gaussian(trained)
    # cells that the Gaussian was fitted to lie nearer to it than new ones: they can set no limit
    if len(held) >= min(LEAST_CELLS, len(trained)):
        pairs = [(gaussian, held)]
    else:
        ids = [cell.id for cell in train]
        out = [np.isin(ids, fold) for fold in _fifths(train, model.run)]
        pairs = [(fit_gaussian(trained[~left]), trained[left]) for left in out]
    count = sum(len(cells) for _, cells in pairs)
    return OODReference(LAYER, model.weights_sha, *gaussian, _limits(pairs), count)


def features_of(model: "TrainedModel", engine: Engine, cells: Sequence[Cell]) -> np.ndarray:
    """What LAYER gives for the centre crops of cells' test views, float32 (n, V, C)."""
    choice = model.views(min(VIEWS, model.profile.test_views))
    scored = scores_with_layer(engine.view_input(model.mean, 1), cells_of_data_set(cells, choice), model.outputs, LAYER)
    bar = progress(scored, total=len(cells), desc="training cells", unit="cell")
    by_id = {score.cell.id: features for score, features in bar}
    return np.stack([by_id[cell.id] for cell in cells])


def fit_gaussian(features: np.ndarray) -> Gaussian:
    """Mean, scale and precision of the views' features of cells (n, V, C), float32."""
    from sklearn.covariance import LedoitWolf  # imported here: it takes a second, and is needed once a fold

    values = _of_views(features)
    mean, scale = values.mean(axis=0), values.std(axis=0)
    # a map that is the same for every cell would divide by nothing
    scale[scale < 1e-6 * max(scale.max(), 1e-30)] = max(scale.max(), 1e-30)
    # shrunk, since there may be fewer views than maps
    precision = LedoitWolf(assume_centered=True).fit((values - mean) / scale).precision_
    return mean.astype(np.float32), scale.astype(np.float32), precision.astype(np.float32)


def distances(features: np.ndarray, gaussian: Gaussian) -> np.ndarray:
    """Mahalanobis distances, float64 (n,), of cells' features (n, V, C) from a Gaussian: means over their views."""
    mean, scale, precision = gaussian
    apart = (_of_views(features) - mean) / scale
    squared = ((apart @ precision.astype(np.float64)) * apart).sum(axis=1)
    return np.sqrt(squared.clip(0)).reshape(features.shape[:2]).mean(axis=1)


def _of_views(features: np.ndarray) -> np.ndarray:
    """Each view's features, float64 (n * V, C): the root brings a map's rare strong answers nearer to a Gaussian.

    Views are not averaged first: what differs with the angle alone, such as the blur of rotation, would then count.
    """
    return np.sqrt(features.astype(np.float64)).reshape(-1, features.shape[-1])


def _limits(pairs: Sequence[tuple[Gaussian, np.ndarray]]) -> np.ndarray:
    """For cells of 1, 2, ... views, the distance that 1 % of (Gaussian, held-out cells) exceed: float32 (R,)."""
    views = pairs[0][1].shape[1]
    limits = []
    for count in range(1, views + 1):
        chosen = spread(views, count)
        apart = [distances(held[:, chosen], gaussian) for gaussian, held in pairs]
        # the higher of two neighbours: fewer held-out cells than 1 % may lie beyond the limit, not more
        limits.append(np.quantile(np.concatenate(apart), 1 - SHARE, method="higher"))
    return np.maximum(np.array(limits, np.float32), np.float32(1e-6))


def _fifths(train: Sequence[Cell], run: RunRecord) -> list[list[str]]:
    """Ids of the training cells in five folds as for training, or, if they are too few for that, one after another."""
    try:
        return inner_folds(train, run.protocol, run.seed, run.classes == "own")
    except UserError:
        ids = [cell.id for cell in train]
        return [ids[start::5] for start in range(min(5, len(ids)))]


def share_line(found: Iterable[bool | None]) -> str | None:
    """The line that tools end with, from each cell's `out_of_distribution`; None if no cell was checked."""
    checked = [mark for mark in found if mark is not None]
    if not checked:
        return None
    share = f"{sum(checked)} of {len(checked)} cells ({100 * sum(checked) / len(checked):.1f} %)"
    little = ": their scores mean little (docs/explanation/out-of-distribution.md)" if any(checked) else ""
    return f"{share} are out of distribution{little}"
