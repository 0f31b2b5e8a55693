"""The cells that a net was trained on, as one of its layers sees them: what a new cell is compared with."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deeppap.io.errors import UserError
from deeppap.scoring.write_arrays import write_arrays

FILE = "known_cells.npz"  # beside model.json
MADE_BY = "tools/evaluate.py"


@dataclass(frozen=True)
class KnownCells:
    """A Gaussian about the training cells in a layer's outputs, and how far from it a cell may lie.

    Attributes
    ----------
    layer : str
        The blob whose means over its maps are a view's features, float32 (C,), none below 0.
    model_sha256 : str
        Of the weights that it belongs to.
    mean, scale : ndarray, float32 (C,)
        Of the square roots of the features of the training cells' views.
    precision : ndarray, float32 (C, C)
        Of the same in units of `scale`.
    limits : ndarray, float32 (R,)
        The distance that 1 % of the cells held out from it exceed, for cells of 1, 2, ... R views.
    """

    layer: str
    model_sha256: str
    mean: np.ndarray
    scale: np.ndarray
    precision: np.ndarray
    limits: np.ndarray

    def distances(self, features: np.ndarray) -> np.ndarray:
        """Mahalanobis' distances, float64 (n,), of cells' features, float32 (n, V, C): means over their views."""
        return distances(features, self.mean, self.scale, self.precision)

    def unlike(self, features: np.ndarray) -> float:
        """A cell's distance in parts of the limit for its number of views; features float32 (V, C)."""
        return float(self.distances(features[None])[0] / self.limits[min(len(features), len(self.limits)) - 1])

    def write(self, folder: Path) -> None:
        """Write it into a fold's folder, complete or not at all."""
        write_arrays(folder / FILE, {name: np.asarray(value) for name, value in vars(self).items()})


def distances(features: np.ndarray, mean: np.ndarray, scale: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Mahalanobis' distances, float64 (n,), of cells' features (n, V, C) from a Gaussian: means over their views."""
    apart = (of_views(features) - mean) / scale
    squared = ((apart @ precision.astype(np.float64)) * apart).sum(axis=1)
    return np.sqrt(squared.clip(0)).reshape(features.shape[:2]).mean(axis=1)


def of_views(features: np.ndarray) -> np.ndarray:
    """Each view's features, float64 (n * V, C): the root brings a map's rare strong answers nearer to a Gaussian.

    Views are not averaged first: what differs with the angle alone, as the blur of turning does, would then count.
    """
    return np.sqrt(features.astype(np.float64)).reshape(-1, features.shape[-1])


def read_known_cells(folder: Path) -> KnownCells | None:
    """What `write` wrote; None where there is none.

    Raises
    ------
    UserError
        For a damaged file.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in KnownCells.__dataclass_fields__}
        known = KnownCells(str(arrays.pop("layer")), str(arrays.pop("model_sha256")), **arrays)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise _damaged(path, str(error).splitlines()[0][:80] if str(error) else "an empty file") from None
    count = known.mean.size
    shapes = {"mean": (count,), "scale": (count,), "precision": (count, count), "limits": (known.limits.size,)}
    for name, shape in shapes.items():
        array = arrays[name]
        if array.shape != shape or not array.size or array.dtype != np.float32 or not np.isfinite(array).all():
            raise _damaged(path, f"{name} {array.dtype} {array.shape}")
    return known


def _damaged(path: Path, found: str) -> UserError:
    return UserError(path, "what the net's training cells look like", found, f"Remove it and run {MADE_BY} again.")


def find_known_cells(folder: Path, sha256: str, engine: str, say: Callable[[str], None]) -> KnownCells | None:
    """The cells that a fold's net knows; None, and one line why, where this engine or this net cannot say."""
    if engine != "caffe":
        say(f"unlike_training: not told by --engine {engine}, which gives probabilities alone; use caffe")
        return None
    known = read_known_cells(folder)
    if known is None or known.model_sha256 != sha256:
        found = "is missing" if known is None else "is another net's"
        say(f"unlike_training: not told, since {folder / FILE} {found}; {MADE_BY} makes it")
        return None
    return known
