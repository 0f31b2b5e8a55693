"""Seconds a cell, beside a bare loop of forward passes: what rendering and transfers cost."""

import time
from collections.abc import Iterator
from pathlib import Path

from data_prep.cells import Dataset
from data_prep.mean_image import read_mean
from data_prep.views import Grid
from engines.caffe_blobs import shaped_input
from engines.caffe_engine import CaffeEngine
from engines.caffe_views import CaffeViews
from engines.device import Device
from engines.engine import CroppedInput
from engines.view_net import VIEWS
from scoring.cell_views import ViewChoice, of_data_set
from scoring.score_cells import score_cells

GRID = Grid(10, 10)
TFLOP_1000_CROPS = 1.35  # ConvNet-T: 0.675 GMAC a crop, forward


def score_step(
    dataset: Dataset, mean: Path, deploy: Path, model: Path, cells: int, views: int, crops: int, device: Device
) -> dict:
    """Score cells; the first one is left out of the figures, as it warms everything up."""
    array = read_mean(mean)
    engine = CaffeEngine(deploy, model, device)
    inputs = {"crops": CroppedInput(engine, array, crops), "views": CaffeViews(engine, array, crops)}
    choice = ViewChoice(GRID, views, seed=1)
    figures = {"cells": cells, "views": views, "crops": crops}
    for name, ready in inputs.items():
        chosen = [of_data_set(cell, choice) for cell in dataset.cells[: cells + 1]]
        figures[f"seconds_a_cell_{name}"] = _seconds(score_cells(ready, chosen))
    figures["seconds_a_cell_bare"] = _bare(inputs["views"], views)
    best = min(figures["seconds_a_cell_crops"], figures["seconds_a_cell_views"])
    figures["of_bare_loop"] = figures["seconds_a_cell_bare"] / best
    figures["tflop_s"] = TFLOP_1000_CROPS * views * crops / 1000 / best
    return figures


def _seconds(scores: Iterator) -> float:
    """Seconds a cell, from the end of the first one on."""
    next(scores)
    start, done = time.perf_counter(), 0
    for _ in scores:
        done += 1
    return (time.perf_counter() - start) / max(1, done)


def _bare(ready: CaffeViews, views: int, repeats: int = 3) -> float:
    """Seconds for one cell's crops where nothing but the net runs, its data already there."""
    net, at_once = ready.net, min(views, ready.at_once)
    shaped_input(net, VIEWS, (at_once, *ready.shape))
    net.forward()
    start = time.perf_counter()
    for _ in range(repeats):
        net.forward(start="conv1")
        net.blobs["prob"].data.sum()  # waits for the card
    return (time.perf_counter() - start) / repeats * views / at_once
