"""Whole scoring, with rendering and cropping, by every engine of ours that runs here, in turn, and bare engines."""

from collections.abc import Callable

from benchmarks.alternate import Task, alternate, ratios, timed
from benchmarks.sheet import Figure, figure
from benchmarks.work import GRID, Work, flat_mean
from deeppap.engines.crops import CROPS
from deeppap.engines.device import ENGINES, Device, require_engine
from deeppap.engines.engine import Engine, open_engine
from deeppap.io.errors import UserError
from deeppap.scoring.cell_views import ViewChoice, of_data_set
from deeppap.scoring.score_cells import score_cells

VIEWS = 5  # of a cell in one round: short rounds, so that all engines meet the same machine
PAPERS_CROPS = 1000
REFERENCE = "caffe float32"


def measure(work: Work) -> list[Figure]:
    """Each engine: crops a second of whole scoring and bare, the two's ratio, over Caffe, seconds of a paper's cell."""
    engines = {f"{one.name} {one.precision}": one for one in _engines(work)}
    tasks: dict[str, Task] = {}
    crops: dict[str, int] = {}
    for name, engine in engines.items():
        bare, ran = _bare(engine)
        tasks[name], crops[name] = timed(_scoring(work, engine)), VIEWS * CROPS
        tasks[f"{name}, bare"], crops[f"{name}, bare"] = timed(bare), ran
    seconds = alternate(tasks, 4 * work.rounds, "scoring")
    speeds = {name: [crops[name] / s for s in values] for name, values in seconds.items()}
    figures = [figure("scoring", name, values, "crops/s") for name, values in speeds.items()]
    for name in engines:
        share = ratios(speeds[name], speeds[f"{name}, bare"])
        figures.append(figure("scoring", f"{name} over its bare engine", share, "x"))
        if name != REFERENCE:
            figures.append(figure("scoring", f"{name} over Caffe", ratios(seconds[REFERENCE], seconds[name]), "x"))
        cell = [PAPERS_CROPS / speed for speed in speeds[name]]
        figures.append(figure("scoring", f"{name}, a cell of {PAPERS_CROPS} crops", cell, "s"))
    return figures


def _engines(work: Work) -> list[Engine]:
    """Those that are installed, in every precision that the processor has; Caffe is the first."""
    found = []
    for name, precisions in ENGINES.items():
        for precision in precisions:
            try:
                require_engine(name, precision)
            except UserError as error:
                print(f"left out: {error}")
                continue
            device = Device(engine=name, precision=precision, without_gpu=True)
            found.append(open_engine(work.deploy, work.model, device))
    return found


def _scoring(work: Work, engine: Engine):
    ready, choice = engine.view_input(flat_mean()), ViewChoice(GRID, VIEWS, seed=1)
    cells = iter(work.dataset.cells * 100)
    return lambda: list(score_cells(ready, [of_data_set(next(cells), choice)]))


def _bare(engine: Engine) -> tuple[Callable[[], None], int]:
    """Passes of the engine alone, and how many crops they are: whole batches, at least as many as are scored."""
    engine.room(engine.batch)[...] = 1
    passes = -(-VIEWS * CROPS // engine.batch)

    def run() -> None:
        for _ in range(passes):
            engine(engine.room(engine.batch))

    return run, passes * engine.batch
