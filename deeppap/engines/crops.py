"""Crops of a view, as Caffe's Data layer makes them (paper: "multiple crop testing"), and engines that take them."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from deeppap.engines.engine import Engine, ViewInput

CROPS = 10  # centre and four corners, each with its mirror (paper: Nc)


def corners(size: int, crop: int) -> list[tuple[int, int]]:
    """Row and column of the centre crop, then of the four corners; the centre offset is Caffe's."""
    centre, far = (size - crop) // 2, size - crop
    return [(centre, centre), (0, 0), (0, far), (far, 0), (far, far)]


def seeded_crops(count: int, shape: Sequence[int]) -> np.ndarray:
    """The same noise each time, float32 (count, *shape), each crop brighter or darker: to compare nets on."""
    # crops of one brightness alone would reach few of a net's units
    rng = np.random.default_rng(1)
    return rng.normal(rng.uniform(-80, 80, (count, 1, 1, 1)), 50, (count, *shape)).astype(np.float32)


def crop_views(
    views: np.ndarray, mean: np.ndarray, crop: int, count: int = CROPS, into: np.ndarray | None = None
) -> np.ndarray:
    """Subtract the mean and cut the first `count` crops of each view: each place, then its mirror.

    Parameters
    ----------
    views : ndarray, uint8 (V, 256, 256, 3), BGR
    mean : ndarray, float32 (3, 256, 256), BGR
        Subtracted before cropping, pixel by pixel in float32, as Caffe's data transformer does.
    crop : int
        Side of the net's input (227).
    into : ndarray, float32 (at least V * count, 3, crop, crop), optional
        Memory to use again: new memory for so many pixels costs more than the crops themselves.

    Returns
    -------
    ndarray, float32 (V * count, 3, crop, crop)
        All crops of the first view, then of the second, and so on; the first is the centre crop.
    """
    if into is None:
        into = np.empty((len(views) * count, 3, crop, crop), np.float32)
    out = into[: len(views) * count].reshape(len(views), count, 3, crop, crop)
    places = corners(views.shape[1], crop)
    for view, crops in zip(views, out, strict=True):
        # the whole view at once: the ten crops overlap, and each pixel is subtracted from once
        centred = np.subtract(view.transpose(2, 0, 1), mean, dtype=np.float32)
        for index, target in enumerate(crops):
            row, column = places[index // 2]
            part = centred[:, row : row + crop, column : column + crop]
            target[...] = part[..., ::-1] if index % 2 else part
    return out.reshape(-1, 3, crop, crop)


class CropEngine(Engine):
    """An engine that takes crops: of whole views, they are cut into its own memory by all cores."""

    def view_input(self, mean: np.ndarray, crops: int = CROPS) -> ViewInput:
        """The engine made ready for whole views and `crops` of each; `mean` is float32 (3, 256, 256), BGR."""
        return CroppedInput(self, mean, crops)

    def in_batches(self, forward: Callable[[np.ndarray], np.ndarray], crops: np.ndarray) -> np.ndarray:
        """What `forward` gives for one batch after another, float32 (N, K)."""
        # 1.5 million values a crop: the 1000 crops of a paper's cell would take 6 GB at once
        parts = [forward(crops[i : i + self.batch]) for i in range(0, len(crops), self.batch)]
        return self.finite(np.concatenate(parts) if parts else np.empty((0, self.classes), np.float32))


def cut_into(view: np.ndarray, place: np.ndarray, mean: np.ndarray) -> None:
    """Cut a view's crops, mean subtracted, into `place`, float32 (crops, 3, crop, crop)."""
    crop_views(view[None], mean, place.shape[-1], len(place), place)


class CroppedInput(ViewInput):
    """Views on their way into an engine that takes crops."""

    dtype = np.float32

    def __init__(self, engine: Engine, mean: np.ndarray, crops: int):
        self.engine, self.crops = engine, crops
        # whole views in a batch: a view's crops are averaged together
        self.at_once = max(1, engine.batch // crops)
        self.shape = (crops, 3, engine.crop, engine.crop)
        self.fill = partial(cut_into, mean=mean)

    def memory(self, count: int) -> np.ndarray:
        """Room in the engine's own input."""
        return self.engine.room(count * self.crops).reshape(count, *self.shape)

    def __call__(self, memory: np.ndarray) -> np.ndarray:
        """Probabilities of every view's crops, float32 (count, crops, K)."""
        prob = self.engine(memory.reshape(-1, *self.shape[1:]))
        return prob.reshape(len(memory), self.crops, -1)

    def with_layer(self, memory: np.ndarray, layer: str) -> tuple[np.ndarray, np.ndarray]:
        """As a call, and the layer's output for each view's centre crop, float32 (count, C)."""
        prob, shown = self.engine.with_layer(memory.reshape(-1, *self.shape[1:]), layer)
        return prob.reshape(len(memory), self.crops, -1), shown[:: self.crops]
