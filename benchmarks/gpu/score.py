"""Seconds a cell, beside a bare loop of forward passes: what rendering and transfers cost."""

import time
from collections.abc import Iterator
from pathlib import Path

from data_prep.cells import Dataset
from data_prep.mean_image import read_mean
from data_prep.views import Grid
from engines.caffe_engine import CaffeScorer
from engines.caffe_views import ViewScorer
from scoring.score_cells import Counts, score_cells

GRID = Grid(10, 10)
TFLOP_1000_CROPS = 1.35  # ConvNet-T: 0.675 GMAC a crop, forward


def score_step(
    dataset: Dataset, mean: Path, deploy: Path, model: Path, cells: int, counts: Counts, gpu: int | None
) -> dict:
    """Score cells; the first one is left out of the figures, as it warms everything up."""
    array = read_mean(mean)
    scorer = CaffeScorer(deploy, model, gpu)
    takes = ViewScorer(scorer, deploy, array, counts.crops)
    figures = {"cells": cells, "views": counts.views, "crops": counts.crops}
    for name, taker in {"crops": scorer, "views": takes}.items():
        chosen = dataset.cells[: cells + 1]
        seconds = _seconds(score_cells(taker, chosen, array, scorer.crop, GRID, counts, 1))
        figures[f"seconds_a_cell_{name}"] = seconds
    figures["seconds_a_cell_bare"] = _bare(takes, min(counts.views, takes.views), counts)
    best = min(figures["seconds_a_cell_crops"], figures["seconds_a_cell_views"])
    figures["of_bare_loop"] = figures["seconds_a_cell_bare"] / best
    figures["tflop_s"] = TFLOP_1000_CROPS * counts.views * counts.crops / 1000 / best
    return figures


def _seconds(scores: Iterator) -> float:
    """Seconds a cell, from the end of the first one on."""
    next(scores)
    start, done = time.perf_counter(), 0
    for _ in scores:
        done += 1
    return (time.perf_counter() - start) / max(1, done)


def _bare(taker: ViewScorer, views: int, counts: Counts, repeats: int = 3) -> float:
    """Seconds for one cell's crops where nothing but the net runs, its data already there."""
    net = taker.net
    net.blobs["views"].reshape(views, *net.blobs["views"].data.shape[1:])
    net.reshape()
    net.forward()
    start = time.perf_counter()
    for _ in range(repeats):
        net.forward(start="conv1")
        net.blobs["prob"].data.sum()  # waits for the card
    return (time.perf_counter() - start) / repeats * counts.views / views
