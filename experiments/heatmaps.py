"""How steady heat maps are, and how much of them lies inside hand-drawn nuclei.

    .venv/bin/python experiments/heatmaps.py --net runs/herlev-cell-quick/fold0 --cells 20 --views 20 --cover 0

Takes test cells of the fold, which must have masks. Two halves of a cell's views are compared with each other, and the
evidence for the cell's own class inside the nucleus is counted. Covering parts of the cell is another way to ask. It
takes some hundred times the passes, so it is tried on the first --cover cells. Runs on the CPU, by Caffe.
"""

import argparse
from collections import defaultdict

import cv2
import numpy as np

from data_prep.classes import ABNORMAL, outputs_with
from data_prep.dataset import reopened
from data_prep.nucleus import nucleus_pixels
from data_prep.views import neighbourhood, render, rng
from deeppap.cli.tool import run
from deeppap.engines.caffe_attribution import CaffeAttribution
from deeppap.engines.crops import crop_views
from deeppap.io.progress import progress
from deeppap.scoring.cell_views import CellViews, of_data_set
from deeppap.scoring.heatmaps import heat_map
from deeppap.scoring.trained_model import TrainedModel

SIDE, STEP = 24, 16  # pixels of the cell's image: of the square that is covered, and from one to the next
REACH = 72  # farthest place covered from the nucleus centre, along x or y
COLUMNS = ("way", "cells", "correlation of halves", "% in nucleus", "nucleus % of pixels", "density in / out", "passes")


def covered(evidence: CaffeAttribution, cell: CellViews, mean: np.ndarray) -> tuple[np.ndarray, int]:
    """How far the log-odds fall when a square about each place is blurred: float32 (H, W), and the passes it took."""
    region, centre = cell.read()
    blurred = cv2.GaussianBlur(region, (0, 0), SIDE)
    views = [view for _, view in cell.views]

    def log_odds(image: np.ndarray) -> float:
        rendered = np.stack([render(image, centre, view) for view in views])
        return float(evidence.log_odds(crop_views(rendered, mean, evidence.crop, 1)).mean())

    whole = log_odds(region)
    heat, seen = np.zeros(region.shape[:2], np.float32), np.zeros(region.shape[:2], np.float32)
    columns, rows = (
        range(max(0, round(at) - REACH), min(length, round(at) + REACH), STEP)
        for at, length in zip(centre, region.shape[1::-1], strict=True)
    )
    for top in rows:
        for left in columns:
            square, image = np.s_[top : top + SIDE, left : left + SIDE], region.copy()
            image[square] = blurred[square]
            heat[square] += whole - log_odds(image)
            seen[square] += 1
    return heat / np.maximum(seen, 1), len(views) * (1 + len(rows) * len(columns))


def compared(heats: list[np.ndarray], mask: np.ndarray, label: int, passes: int) -> list[float]:
    """Correlation of the two halves, evidence for the own class in the nucleus, the nucleus's area, and the passes."""
    own = ((heats[0] + heats[1]) / 2 * (1 if label else -1)).clip(0)
    share = float(own[mask].sum() / own.sum()) if own.sum() > 0 else 0.0
    steady = float(np.corrcoef(heats[0].ravel(), heats[1].ravel())[0, 1])
    return [steady, share, float(mask.mean()), passes]


def study(model: TrainedModel, dataset, cells: list, views: int, cover: int) -> dict[str, list[list[float]]]:
    """By way of asking, what `compared` gives of each cell."""
    engine = model.engine()
    layers = {
        layer: CaffeAttribution(engine, outputs_with(ABNORMAL, model.outputs), layer) for layer in ("conv3", "conv5")
    }
    found = defaultdict(list)
    for number, cell in enumerate(progress(cells, desc="cells", unit="cell")):
        whole = of_data_set(cell, model.views(views))
        halves = [CellViews(cell, whole.read, whole.views[start::2]) for start in (0, 1)]
        mask = neighbourhood(nucleus_pixels(dataset.masks[cell.id]).astype(np.uint8), cell.centre)[0] > 0
        for layer, evidence in layers.items():
            heats = [heat_map(evidence, half, model.mean, 1).heat for half in halves]
            found[f"evidence of {layer}"].append(compared(heats, mask, cell.label, 2 * views))
        if number < cover:
            heats, passes = zip(*(covered(layers["conv3"], half, model.mean) for half in halves), strict=True)
            found[f"covering {SIDE} x {SIDE} pixels"].append(compared(heats, mask, cell.label, sum(passes)))
    return found


def main() -> None:
    """Print the medians over cells, one row a way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--net", required=True, help="a fold's folder, RUN/foldK")
    parser.add_argument("--cells", type=int, default=60, help="test cells at most (default: 60)")
    parser.add_argument("--views", type=int, default=10, help="views of each, in two halves (default: 10)")
    parser.add_argument("--cover", type=int, default=6, help="cells that are covered too (default: 6)")
    args = parser.parse_args()
    model = TrainedModel.open(args.net)
    dataset = reopened(model.run)
    test = model.fold_cells()["test"]
    cells = sorted(test, key=lambda cell: rng(1, "unlike", cell.id).random())[: args.cells]  # their ids alone decide
    print(" | ".join(COLUMNS))
    for way, rows in study(model, dataset, cells, args.views, args.cover).items():
        steady, share, area, passes = np.median(rows, axis=0)
        dense = np.median([s / (1 - s) * (1 - a) / a for _, s, a, _ in rows if s < 1])
        numbers = [f"{steady:.2f}", f"{100 * share:.0f}", f"{100 * area:.0f}", f"{dense:.1f}", f"{passes:.0f}"]
        print(" | ".join([way, str(len(rows)), *numbers]))


if __name__ == "__main__":
    run(main)
