"""Keeping the arrays that the figures of the net show (paper: Fig. 6 and 7)."""

from pathlib import Path

import numpy as np

from data_prep.cells import Cell
from deeppap.engines.caffe_engine import CaffeEngine
from deeppap.engines.crops import crop_views
from deeppap.engines.device import Device
from deeppap.engines.weights_file import blob_array, layers_of
from deeppap.io.caffe_messages import read_binary
from deeppap.scoring.cell_views import render_views
from deeppap.scoring.trained_model import TrainedModel
from deeppap.scoring.write_arrays import write_arrays

FIGURE_LAYERS = ("pool1", "pool2", "pool5")


def write_net_arrays(model: TrainedModel, device: Device, cell: Cell) -> None:
    """Keep what Fig. 6 and 7 show: conv1's filters before and after, and the maps of a cell's first view."""
    caffe = CaffeEngine(model.deploy, model.weights, device, batch=1)  # whatever scored: only Caffe shows its layers
    view = render_views(cell, [view for _, view in model.views(1).of(cell.id)])
    crop = crop_views(view, model.mean, caffe.crop, 1)[0]
    arrays = {"conv1_after": caffe.filters(), "input": crop, "cell_id": np.array(cell.id)}
    arrays |= caffe.activations(crop, FIGURE_LAYERS)
    before = _source_filters(model)
    if before is not None:
        arrays["conv1_before"] = before
    write_arrays(model.folder / "net_figures.npz", arrays)


def _source_filters(model: TrainedModel) -> np.ndarray | None:
    recipe = model.origin.recipe if model.origin else None
    if not recipe or not recipe.weights or not Path(recipe.weights.path).exists():
        return None
    return blob_array(layers_of(read_binary(Path(recipe.weights.path), "NetParameter", ""))["conv1"][0])
