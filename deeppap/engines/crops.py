"""Crops of a view, as Caffe's Data layer makes them (paper: "multiple crop testing")."""

from collections.abc import Sequence

import numpy as np

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
    """All crops of the first view, then of the second, and so on, float32 (V * count, 3, crop, crop).

    Of each view, uint8 (256, 256, 3) BGR, they are the first `count`: the centre, its mirror, each corner and its
    mirror. The mean, float32 (3, 256, 256) BGR, is subtracted before, pixel by pixel in float32, as Caffe's data
    transformer does. `into` is memory to use again, float32 (V * count, 3, crop, crop).
    """
    out = np.empty((len(views) * count, 3, crop, crop), np.float32) if into is None else into
    out = out.reshape(len(views), count, 3, crop, crop)
    places = corners(views.shape[1], crop)
    for view, crops in zip(views, out, strict=True):
        # the whole view at once: the ten crops overlap, and each pixel is subtracted from once
        centred = np.subtract(view.transpose(2, 0, 1), mean, dtype=np.float32)
        for index, target in enumerate(crops):
            row, column = places[index // 2]
            part = centred[:, row : row + crop, column : column + crop]
            target[...] = part[..., ::-1] if index % 2 else part
    return out.reshape(-1, 3, crop, crop)
