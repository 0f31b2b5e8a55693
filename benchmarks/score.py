"""Scoring cells beside a bare loop of forward passes at the same batch: what rendering and cropping cost."""

from benchmarks.alternate import alternate, ratios, timed
from benchmarks.sheet import Figure, figure
from benchmarks.work import GRID, Work, flat_mean
from engines.caffe_engine import CaffeEngine
from engines.crops import CROPS
from scoring.cell_views import ViewChoice, of_data_set
from scoring.score_cells import score_cells

VIEWS = 10  # of a cell in one round: short rounds, so that both sides meet the same machine


def measure(work: Work) -> list[Figure]:
    """Crops a second of both, their ratio, and seconds a cell with the paper's 1000 crops."""
    engine = CaffeEngine(work.deploy, work.model)
    ready = engine.view_input(flat_mean())
    choice = ViewChoice(GRID, VIEWS, seed=1)
    cells = iter(work.dataset.cells * 100)
    crops = VIEWS * CROPS

    def evaluate() -> None:
        list(score_cells(ready, [of_data_set(next(cells), choice)]))

    def bare() -> None:
        engine.room(engine.batch)
        for _ in range(crops // engine.batch):
            engine.net.forward()

    tasks = {"evaluate": timed(evaluate), "bare forward": timed(bare)}
    seconds = alternate(tasks, 4 * work.rounds, "scoring")
    return [
        *(figure("scoring", name, [crops / s for s in values], "crops/s") for name, values in seconds.items()),
        figure("scoring", "evaluate over bare forward", ratios(seconds["bare forward"], seconds["evaluate"]), "x"),
        figure("scoring", "a cell of 1000 crops", [s * 1000 / crops for s in seconds["evaluate"]], "s"),
    ]
