"""The arrays that the figures of the net show: filters before and after training, activations (paper: Fig. 6, 7)."""

from pathlib import Path

import numpy as np

from data_prep.cells import Cell
from deeppap.engines.crops import crop_views
from deeppap.engines.device import Device
from deeppap.engines.weights_file import check_weights
from deeppap.io.errors import UserError
from deeppap.io.files import write_arrays
from deeppap.scoring.cell_views import render_views
from deeppap.scoring.trained_model import TrainedModel

FILE = "net_figures.npz"  # in a fold's folder
LAYERS = ("pool1", "pool2", "pool5")


def write_net_figures(model: TrainedModel, cell: Cell) -> None:
    """Write net_figures.npz: conv1's filters before and after training, and the feature maps of a cell's first view.

    Arrays: `conv1_before` (missing if the net did not start from weights, or they are gone) and `conv1_after`, float32
    (96, 3, 11, 11); `input`, float32 (3, 227, 227); `pool1`, `pool2`, `pool5`, float32 (C, H, W); `cell_id` and
    `weights_sha`.
    """
    caffe = model.engine(Device(), batch=1)  # whatever scored: only Caffe shows its layers
    view = render_views(cell, [view for _, view in model.views(1).of(cell.id)])
    crop = crop_views(view, model.mean, caffe.crop, 1)[0]
    names = {"cell_id": np.array(cell.id), "weights_sha": np.array(model.weights_sha)}
    arrays = {"conv1_after": caffe.filters(), "input": crop, **caffe.activations(crop, LAYERS), **names}
    before = _source_filters(model, arrays["conv1_after"])
    if before is not None:
        arrays["conv1_before"] = before
    write_arrays(model.folder / FILE, arrays)


def _source_filters(model: TrainedModel, filters: np.ndarray) -> np.ndarray | None:
    recipe = model.origin.recipe if model.origin else None
    if not recipe or not recipe.weights or not Path(recipe.weights.path).exists():
        return None
    path, shape = Path(recipe.weights.path), filters.shape
    try:
        # a record from elsewhere may name any path: it is read only as what the record says that it is
        source = check_weights(path, {"conv1": [list(shape), [shape[0]]]}, "", recipe.weights_sha)
    except UserError:
        return None
    return source.values["conv1"][0].reshape(shape)
