"""How time and disk grow with views and workers, and what a whole slide would cost at the measured rates."""

from statistics import median

import numpy as np

from benchmarks.alternate import Task, alternate, timed
from benchmarks.build import build, source
from benchmarks.sheet import Figure, figure
from benchmarks.work import GRID, Work, flat_mean
from deeppap.engines.caffe_engine import CaffeEngine
from deeppap.io.machine import usable_cores
from deeppap.scoring.cell_views import ViewChoice, of_data_set
from deeppap.scoring.score_cells import score_cells

VIEWS = (600, 1200, 2400, 4800)
CELLS = (1, 2, 4)
TEST_VIEWS = 5  # of 10 crops each
SLIDE = 300_000  # cells


def measure(work: Work) -> list[Figure]:
    """Building against views, scoring against cells, and the slide."""
    return _building(work) + _scoring(work)


def _building(work: Work) -> list[Figure]:
    cores = usable_cores()
    sizes: dict[int, tuple[int, int]] = {}

    def task(views: int):
        def run() -> float:
            seconds, *sizes[views] = build(work.folder / "lmdb", source(work, views), cores)
            return seconds

        return run

    seconds = alternate({str(views): task(views) for views in VIEWS}, work.rounds, "LMDBs of growing size")
    figures, points = [], []
    for views in VIEWS:
        records, size = sizes[views]
        figures.append(figure("growth", f"LMDB of {records:,} views", seconds[str(views)], "s"))
        figures.append(figure("growth", f"LMDB of {records:,} views, disk a view", [size / records], "bytes"))
        points.append((records, median(seconds[str(views)])))
    return figures + _line("growth", "LMDB", points, "view")


def _scoring(work: Work) -> list[Figure]:
    ready = CaffeEngine(work.deploy, work.model).view_input(flat_mean())
    choice = ViewChoice(GRID, TEST_VIEWS, seed=1)

    def task(count: int) -> Task:
        cells = work.dataset.cells[:count]
        return timed(lambda: list(score_cells(ready, [of_data_set(cell, choice) for cell in cells])))

    seconds = alternate({str(count): task(count) for count in CELLS}, work.rounds, "cells")
    crops = 10 * TEST_VIEWS
    figures = [figure("growth", f"{c} cells of {crops} crops", seconds[str(c)], "s") for c in CELLS]
    points = [(count, median(seconds[str(count)])) for count in CELLS]
    figures += _line("growth", "scoring", points, f"cell of {crops} crops")
    for each in (1, 10, 1000):
        hours = [SLIDE * each * s / (CELLS[-1] * crops) / 3600 for s in seconds[str(CELLS[-1])]]
        figures.append(figure("growth", f"a slide of {SLIDE:,} cells, {each} crops each", hours, "h"))
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
