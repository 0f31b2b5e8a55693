"""How time and disk grow with views and workers, and what a whole slide would cost at the measured rates."""

import os
import time

import numpy as np

from benchmarks.build import build, source
from benchmarks.sheet import Figure, figure
from benchmarks.work import Work
from data_prep.views import Grid
from evaluation.score_cells import Counts, score_cells
from evaluation.scorer import CaffeScorer

VIEWS = (600, 1200, 2400, 4800)
CELLS = (1, 2, 4)
TEST_VIEWS = 10  # of 10 crops each
SLIDE = 300_000  # cells


def measure(work: Work) -> list[Figure]:
    """Building against views, scoring against cells, and the slide."""
    cores = len(os.sched_getaffinity(0))
    figures, points = [], []
    for views in VIEWS:
        seconds, records, size = build(work.folder / "lmdb", source(work, views), cores)
        points.append((records, seconds))
        figures.append(figure("growth", f"LMDB of {records:,} views", [seconds], "s"))
        figures.append(figure("growth", f"LMDB of {records:,} views, disk a view", [size / records], "bytes"))
    figures += _line("growth", "LMDB", points, "view")
    figures += _scoring(work)
    return figures


def _scoring(work: Work) -> list[Figure]:
    scorer = CaffeScorer(work.deploy, work.model)
    mean = np.full((3, 256, 256), 128, np.float32)
    figures, points = [], []
    for count in CELLS:
        cells = work.dataset.cells[:count]
        start = time.perf_counter()
        list(score_cells(scorer, cells, mean, scorer.crop, Grid(10, 10), Counts(TEST_VIEWS), 1))
        points.append((count, time.perf_counter() - start))
        figures.append(figure("growth", f"{count} cells of 100 crops", [points[-1][1]], "s"))
    figures += _line("growth", "scoring", points, "cell of 100 crops")
    crop = points[-1][1] / points[-1][0] / 100
    for crops in (1, 10, 1000):
        hours = SLIDE * crops * crop / 3600
        figures.append(figure("growth", f"a slide of {SLIDE:,} cells, {crops} crops each", [hours], "h"))
    return figures


def _line(group: str, name: str, points: list[tuple[float, float]], unit: str) -> list[Figure]:
    """A straight line through the points: its slope, and how far the points lie from it."""
    x, y = np.array(points, float).T
    slope, start = np.polyfit(x, y, 1)
    off = 100 * np.abs(slope * x + start - y).max() / y.max()
    return [
        figure(group, f"{name}: straight line, a {unit} more", [1000 * slope], "ms"),
        figure(group, f"{name}: straight line, before the first", [start], "s"),
        figure(group, f"{name}: farthest point from it", [off], "% of the longest"),
    ]
