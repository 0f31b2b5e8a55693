"""Scoring cells beside a bare loop of forward passes at the same batch: what rendering and cropping cost."""

import time

from benchmarks.alternate import alternate, ratios
from benchmarks.sheet import Figure, figure
from benchmarks.work import Work
from data_prep.views import Grid
from evaluation.score_cells import Counts, score_cells
from evaluation.scorer import CaffeScorer

GRID = Grid(10, 10)
VIEWS = 10  # of a cell in one round: short rounds, so that both sides meet the same machine


def measure(work: Work) -> list[Figure]:
    """Crops a second of both, their ratio, and seconds a cell with the paper's 1000 crops."""
    import numpy as np

    scorer = CaffeScorer(work.deploy, work.model)
    mean = np.full((3, 256, 256), 128, np.float32)
    counts = Counts(VIEWS)
    cells = iter(work.dataset.cells * 100)
    crops = VIEWS * counts.crops

    def evaluate() -> float:
        start = time.perf_counter()
        for _ in score_cells(scorer, [next(cells)], mean, scorer.crop, GRID, counts, 1):
            pass
        return time.perf_counter() - start

    def bare() -> float:
        scorer.room(scorer.batch)
        start = time.perf_counter()
        for _ in range(crops // scorer.batch):
            scorer.net.forward()
        return time.perf_counter() - start

    seconds = alternate({"evaluate": evaluate, "bare forward": bare}, 4 * work.rounds, "scoring")
    return [
        *(figure("scoring", name, [crops / s for s in values], "crops/s") for name, values in seconds.items()),
        figure("scoring", "evaluate over bare forward", ratios(seconds["bare forward"], seconds["evaluate"]), "x"),
        figure("scoring", "a cell of 1000 crops", [s * 1000 / crops for s in seconds["evaluate"]], "s"),
    ]
