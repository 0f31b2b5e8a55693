"""How steady heat maps are, and how much of them lies inside hand-drawn nuclei.

    .venv/bin/python experiments/heatmaps.py --net runs/herlev-cell-quick/fold0 --cells 20 --views 20

Takes test cells of the fold, which must have masks. Two halves of a cell's views are compared with each other, and the
evidence for the cell's own class inside the nucleus is counted. Runs on the CPU, by Caffe.
"""

import argparse

import numpy as np

from data_prep.classes import ABNORMAL, outputs_with
from data_prep.dataset import reopened
from data_prep.nucleus import nucleus_pixels
from data_prep.views import neighbourhood, rng
from deeppap.cli.tool import run
from deeppap.engines.caffe_attribution import CaffeAttribution
from deeppap.engines.device import Device
from deeppap.io.progress import progress
from deeppap.scoring.cell_views import CellViews, of_data_set
from deeppap.scoring.heatmaps import heat_map
from deeppap.scoring.trained_model import TrainedModel

LAYERS = ("conv3", "conv5")
COLUMNS = ("layer", "cells", "correlation of halves", "% in nucleus", "nucleus % of pixels", "density in / out")


def compared(heats: list[np.ndarray], mask: np.ndarray, label: int) -> list[float]:
    """Correlation of the two halves, share of the evidence for the own class in the nucleus, and the nucleus's area."""
    own = ((heats[0] + heats[1]) / 2 * (1 if label else -1)).clip(0)
    share = float(own[mask].sum() / own.sum()) if own.sum() > 0 else 0.0
    steady = float(np.corrcoef(heats[0].ravel(), heats[1].ravel())[0, 1])
    return [steady, share, float(mask.mean())]


def study(model: TrainedModel, dataset, cells: list, views: int) -> dict[str, list[list[float]]]:
    """By layer, what `compared` gives of each cell."""
    engine, abnormal = model.engine(Device()), outputs_with(ABNORMAL, model.outputs)
    found = {layer: [] for layer in LAYERS}
    layers = {layer: CaffeAttribution(engine, abnormal, layer) for layer in LAYERS}
    for cell in progress(cells, desc="cells", unit="cell"):
        whole = of_data_set(cell, model.views(views))
        halves = [CellViews(cell, whole.read, whole.views[start::2]) for start in (0, 1)]
        mask = neighbourhood(nucleus_pixels(dataset.masks[cell.id]).astype(np.uint8), cell.centre)[0] > 0
        for layer, evidence in layers.items():
            heats = [heat_map(evidence, half, model.mean, 1).heat for half in halves]
            found[layer].append(compared(heats, mask, cell.label))
    return found


def main() -> None:
    """Print the medians over cells, one row a layer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--net", required=True, help="a fold's folder, RUN/foldK")
    parser.add_argument("--cells", type=int, default=60, help="test cells at most (default: 60)")
    parser.add_argument("--views", type=int, default=10, help="views of each, in two halves (default: 10)")
    args = parser.parse_args()
    model = TrainedModel.open(args.net)
    dataset = reopened(model.run)
    test = model.fold_cells()["test"]
    cells = sorted(test, key=lambda cell: rng(1, "unlike", cell.id).random())[: args.cells]  # their ids alone decide
    print(" | ".join(COLUMNS))
    for layer, rows in study(model, dataset, cells, args.views).items():
        steady, share, area = np.median(rows, axis=0)
        dense = np.median([s / (1 - s) * (1 - a) / a for _, s, a in rows if s < 1])
        numbers = [f"{steady:.2f}", f"{100 * share:.0f}", f"{100 * area:.0f}", f"{dense:.1f}"]
        print(" | ".join([layer, str(len(rows)), *numbers]))


if __name__ == "__main__":
    run(main)
