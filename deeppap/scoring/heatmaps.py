"""Heat maps: how much each pixel of a cell adds to its score, taken back from a layer through crops and views."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from data_prep.cells import Cell
from data_prep.classes import ABNORMAL, outputs_with
from data_prep.views import PATCH, SIZE, View, patch_to_image, render
from deeppap.engines.caffe_attribution import CaffeAttribution
from deeppap.engines.crops import corners, crop_views
from deeppap.engines.device import Device
from deeppap.engines.net_geometry import ReceptiveFields
from deeppap.io.files import write_arrays
from deeppap.scoring.cell_views import CellViews, of_data_set
from deeppap.scoring.trained_model import TrainedModel

FILE = "heatmaps.npz"  # in a fold's folder
VIEWS = 10  # of a cell: more change the picture little
SEEN = 0.1  # share of crops that must show a pixel for it to have heat
EACH = 2  # right cells and wrong cells of each label in the file, at most


class HeatMap(NamedTuple):
    """How much each pixel of a cell adds to its score, mean over views and crops.

    The sum of `heat` is the mean log-odds of abnormal, but for the biases' share.
    """

    region: np.ndarray  # uint8 (H, W, 3) BGR: the cell's neighbourhood, all that its views can reach
    heat: np.ndarray  # float32 (H, W), of each of these pixels: above 0 for abnormal, below for normal
    log_odds: float


def attribution_of(model: TrainedModel) -> CaffeAttribution:
    """What tells it of a trained net; always Caffe on the CPU, whatever scores."""
    return CaffeAttribution(model.engine(Device()), outputs_with(ABNORMAL, model.outputs))


def heat_map(attribution: CaffeAttribution, cell: CellViews, mean: np.ndarray, crops: int) -> HeatMap:
    """The heat map of one cell over all the views it comes with; `mean` is the net's mean image (3, 256, 256)."""
    region, centre = cell.read()
    views = [view for _, view in cell.views]
    cut = crop_views(np.stack([render(region, centre, view) for view in views]), mean, attribution.crop, crops)
    maps, log_odds = attribution(cut)
    size, ones = region.shape[1::-1], np.ones(maps.shape[1:], np.float32)
    heat = np.zeros(region.shape[:2], np.float32)
    seen = np.zeros(region.shape[:2], np.float32)
    # each map is laid back through its crop, its mirror and its view onto the one picture that all share
    for index, units in enumerate(maps.astype(np.float32)):
        back = unit_to_image(attribution.fields, attribution.crop, index % crops, centre, views[index // crops])
        heat += cv2.warpAffine(units, back, size)
        # the border is seen by fewer crops: heat is a mean over those that show a pixel
        seen += cv2.warpAffine(ones, back, size)
    area = (attribution.fields.stride * PATCH / SIZE) ** 2  # pixels of the image that share one unit's heat
    shown = seen >= SEEN * len(maps)
    return HeatMap(region, np.where(shown, heat / np.maximum(seen, 1e-6) / area, 0), float(log_odds.mean()))


def unit_to_image(
    fields: ReceptiveFields, crop: int, index: int, centre: tuple[float, float], view: View
) -> np.ndarray:
    """Where the units of a crop's map lie in the cell's image, float64 (2, 3): from (column, row) to (x, y)."""
    row, column = corners(SIZE, crop)[index // 2]
    stride, first = fields
    step, start = (-stride, crop - 1 - first) if index % 2 else (stride, first)  # every second crop is a mirror image
    scale = PATCH / SIZE
    unit_to_patch = np.array(
        [
            [step * scale, 0, (start + column + 0.5) * scale - 0.5],
            [0, stride * scale, (first + row + 0.5) * scale - 0.5],
            [0, 0, 1],
        ]
    )
    return patch_to_image(centre, view) @ unit_to_patch


def write_heatmaps(model: TrainedModel, cells: Sequence[Cell], scores: Sequence[float]) -> None:
    """Write the heat maps of some of a fold's scored test cells into heatmaps.npz; no picture of a cell is in it.

    For the n-th cell it has `id_n` and `heat_n`, float16 (H, W); besides, `weights_sha` of the net.
    """
    attribution, choice = attribution_of(model), model.views(min(VIEWS, model.profile.test_views))
    arrays = {"weights_sha": np.array(model.weights_sha)}
    for number, cell in enumerate(chosen_cells(cells, scores)):
        found = heat_map(attribution, of_data_set(cell, choice), model.mean, model.crops())
        arrays[f"id_{number}"] = np.array(cell.id)
        arrays[f"heat_{number}"] = found.heat.astype(np.float16)
    write_arrays(model.folder / FILE, arrays)


def chosen_cells(cells: Sequence[Cell], scores: Sequence[float]) -> list[Cell]:
    """Of each label the right cells in the middle of their scores, and the wrong ones farthest from 0.5."""
    found = []
    for label in (1, 0):
        own = [(abs(score - label), cell.id, cell, score) for cell, score in zip(cells, scores, strict=True)]
        own = sorted(entry for entry in own if entry[2].label == label)
        right = [cell for _, _, cell, score in own if (score >= 0.5) == (label == 1)]
        wrong = [cell for _, _, cell, score in own if (score >= 0.5) != (label == 1)]
        # the surest cells all look alike; those in the middle are what the net usually sees
        middle = max(0, len(right) // 2 - EACH // 2)
        found += [*right[middle : middle + EACH], *wrong[::-1][:EACH]]
    return found
