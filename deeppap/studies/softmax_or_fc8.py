"""What the mean is taken over: softmax's outputs, as here, or fc8's, as the paper's words say ("Testing")."""

from typing import NamedTuple

import numpy as np
from scipy.special import softmax
from tqdm import tqdm

from data_prep.cells import Cell
from deeppap.engines.caffe_engine import CaffeEngine
from deeppap.engines.device import Device
from deeppap.io.caffe_messages import read_prototxt
from deeppap.scoring.cell_score import abnormal
from deeppap.scoring.cell_views import cells_of_data_set
from deeppap.scoring.score_cells import score_cells
from deeppap.scoring.trained_model import TrainedModel


class BothScores(NamedTuple):
    """The same crops averaged in both ways, one entry a cell: labels int64 (n,), P(abnormal) float64 (n,)."""

    labels: np.ndarray
    over_softmax: np.ndarray
    over_fc8: np.ndarray


class WithFc8(CaffeEngine):
    """Caffe's engine that also keeps what softmax was given: `fc8`, a list of float32 (N, K), batch after batch."""

    def __init__(self, model: TrainedModel, device: Device):
        super().__init__(model.deploy, model.weights, device)
        layers = read_prototxt(model.deploy, "NetParameter").layer
        self.below = next(layer.bottom[0] for layer in layers if "prob" in layer.top)
        self.fc8: list[np.ndarray] = []

    def _forward(self, crops: np.ndarray) -> np.ndarray:
        prob = super()._forward(crops)
        self.fc8.append(self.net.blobs[self.below].data.copy())
        return prob


def both_scores(model: TrainedModel, cells: list[Cell], device: Device, views: int | None = None) -> BothScores:
    """Score cells once on the CPU and average each cell's crops before and after softmax.

    The mean over fc8's outputs goes through softmax last, so that both are P(abnormal).
    """
    engine, choice, crops = WithFc8(model, device), model.views(views), model.crops()
    ready = engine.view_input(model.mean, crops)
    found = score_cells(ready, cells_of_data_set(cells, choice))
    scores = list(tqdm(found, total=len(cells), desc="score", unit="cell", disable=None))
    outputs = np.concatenate(engine.fc8).astype(np.float64).reshape(len(cells), choice.count * crops, -1)
    labels = np.array([s.cell.label for s in scores])  # image after image, as the outputs
    return BothScores(labels, np.array([s.score for s in scores]), abnormal(softmax(outputs.mean(axis=1), axis=-1)))
