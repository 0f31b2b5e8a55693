"""Average a fold's test cells over softmax's outputs, as evaluate.py does, and over fc8's; print both.

    .venv/bin/python experiments/softmax_or_fc8.py --net runs/herlev-cell-quick/fold0

The paper says that a cell's score is the mean of "the fc8 output". Here it is the mean of probabilities. The same crops
are averaged in both ways, so the difference is that of the mean alone. Runs on the CPU, by Caffe.
"""

import argparse

import numpy as np
from scipy.special import softmax

from deeppap.cli.tool import run
from deeppap.engines.caffe_engine import CaffeEngine
from deeppap.engines.device import resolve
from deeppap.io.progress import progress
from deeppap.scoring.cell_views import cells_of_data_set
from deeppap.scoring.score_cells import abnormal, score_cells
from deeppap.scoring.trained_model import TrainedModel
from deeppap.stats.metrics import METRICS, binary_metrics


class WithFc8(CaffeEngine):
    """Caffe's engine that also keeps the input of softmax: `fc8`, a list of float32 (N, K), one entry a batch."""

    def __init__(self, model: TrainedModel, device):
        super().__init__(model.deploy, model.weights, device, sha256=model.weights_sha)
        layers = self.deploy.message.layer
        self.below = next(layer.bottom[0] for layer in layers if "prob" in layer.top)
        self.fc8: list[np.ndarray] = []

    def forward(self, crops: np.ndarray) -> np.ndarray:
        """As Caffe's engine does, keeping the batch's `fc8`."""
        prob = super().forward(crops)
        self.fc8.append(self.net.blobs[self.below].data.copy())
        return prob


def both_scores(model: TrainedModel, cells: list, device, views: int | None = None) -> tuple[np.ndarray, ...]:
    """Score cells once; labels int64 (n,), and P(abnormal) float64 (n,) by the mean over softmax and over fc8."""
    engine, choice, crops = WithFc8(model, device), model.views(views), model.crops()
    found = score_cells(engine.view_input(model.mean, crops), cells_of_data_set(cells, choice), model.outputs)
    scores = list(progress(found, total=len(cells), desc="score", unit="cell"))
    outputs = np.concatenate(engine.fc8).astype(np.float64).reshape(len(cells), choice.count * crops, -1)
    # the mean over fc8 goes through softmax last, so both are probabilities
    over_fc8 = abnormal(softmax(outputs.mean(axis=1), axis=-1), model.outputs)
    labels = np.array([score.cell.label for score in scores])
    return labels, np.array([score.score for score in scores]), over_fc8


def main() -> None:
    """Score once and print the metrics of both means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--net", required=True, help="a fold's folder, RUN/foldK")
    parser.add_argument("--views", type=int, help="test views of each cell (default: the profile's)")
    args = parser.parse_args()
    model = TrainedModel.open(args.net)
    labels, over_softmax, over_fc8 = both_scores(model, model.fold_cells()["test"], resolve("none"), args.views)
    for name, scores in (("softmax", over_softmax), ("fc8", over_fc8)):
        found = binary_metrics(labels, scores)
        print(f"mean over {name:8}", ", ".join(f"{metric} {found[metric]:.4f}" for metric in METRICS))
    changed = int(((over_softmax >= 0.5) != (over_fc8 >= 0.5)).sum())
    largest = np.abs(over_softmax - over_fc8).max()
    print(f"{len(labels)} cells; {changed} change sides of 0.5; largest change of a score: {largest:.3f}")


if __name__ == "__main__":
    run(main)
