"""Where on a cell its score comes from: a layer's evidence, taken back through crops and views onto its pixels."""

from typing import NamedTuple

import cv2
import numpy as np

from data_prep.herlev_classes import abnormal_outputs
from data_prep.views import PATCH, SIZE, View, patch_to_image, render
from deeppap.engines.caffe_attribution import CaffeAttribution
from deeppap.engines.caffe_engine import CaffeEngine
from deeppap.engines.crops import corners, crop_views
from deeppap.engines.device import Device
from deeppap.engines.engine import Engine
from deeppap.engines.net_geometry import ReceptiveFields
from deeppap.scoring.cell_views import CellViews
from deeppap.scoring.trained_model import TrainedModel

VIEWS = 10  # of a cell: more change the picture little
SEEN = 0.1  # share of crops that must show a pixel for it to have heat


class Heat(NamedTuple):
    """Where a cell's score comes from.

    Attributes
    ----------
    region : ndarray, uint8 (H, W, 3), BGR
        The cell's neighbourhood, all that its views can reach.
    heat : ndarray, float32 (H, W)
        Evidence at each of its pixels, a mean over views and crops: above 0 for abnormal, below for normal. The
        sum over pixels is the mean log-odds of abnormal, but for the biases' share.
    log_odds : float
        Mean over views and crops.
    """

    region: np.ndarray
    heat: np.ndarray
    log_odds: float


def evidence_of(model: TrainedModel, engine: Engine | None = None) -> CaffeAttribution:
    """What tells it of a trained net: always Caffe, whatever scores."""
    if not isinstance(engine, CaffeEngine):
        engine = model.engine(Device())
    return CaffeAttribution(engine, abnormal_outputs(model.classes))


def cell_heat(evidence: CaffeAttribution, cell: CellViews, mean: np.ndarray, crops: int) -> Heat:
    """The heat of one cell over all the views it comes with; `mean` is the net's mean image, float32 (3, 256, 256)."""
    region, centre = cell.read()
    views = [view for _, view in cell.views]
    cut = crop_views(np.stack([render(region, centre, view) for view in views]), mean, evidence.crop, crops)
    maps, log_odds = evidence(cut)
    size, whole = region.shape[1::-1], np.ones(maps.shape[1:], np.float32)
    heat, seen = (np.zeros(region.shape[:2], np.float32) for _ in range(2))
    for index, one in enumerate(maps.astype(np.float32)):
        back = unit_to_image(evidence.fields, evidence.crop, index % crops, centre, views[index // crops])
        heat += cv2.warpAffine(one, back, size)
        seen += cv2.warpAffine(whole, back, size)
    area = (evidence.fields.stride * PATCH / SIZE) ** 2  # pixels of the image that share one unit's evidence
    shown = seen >= SEEN * len(maps)
    return Heat(region, np.where(shown, heat / np.maximum(seen, 1e-6) / area, 0), float(log_odds.mean()))


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
