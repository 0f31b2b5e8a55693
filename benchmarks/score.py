"""Whole scoring, with rendering and cropping: every engine in turn, beside its bare net.

    .venv/bin/python benchmarks/score.py

A round scores one synthetic cell of 5 views x 10 crops by each engine, runs each engine's net alone on as many crops,
and scores 2 and 4 such cells by Caffe. Engines and precisions that this machine does not have are left out.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle, islice

import numpy as np
from rounds import DEPLOY, FLAT_MEAN, GRID, SLIDE, alternate, options, random_net, ratios, show, synthetic_cells, timed

from data_prep.classes import PLAIN
from deeppap.engines.crops import CROPS
from deeppap.engines.device import ENGINES, Device, require_engine
from deeppap.engines.engine import Engine, ViewInput, open_engine
from deeppap.io.errors import UserError
from deeppap.scoring.cell_views import CellViews, ViewChoice, of_data_set
from deeppap.scoring.score_cells import score_cells

VIEWS = 5  # of a cell: short rounds, so that all engines meet the same machine
PAPERS_CROPS = 1000  # of a cell
REFERENCE = "caffe float32"


def devices() -> list[Device]:
    """Every engine in every precision that this machine has; Caffe is the first."""
    found = []
    for engine, precisions in ENGINES.items():
        for precision in precisions:
            try:
                require_engine(engine, precision)
                found.append(Device(engine=engine, precision=precision, without_gpu=True))
            except UserError as error:
                print(f"left out: {error}")
    return found


def bare(engine: Engine, crops: int) -> tuple[Callable[[], None], int]:
    """Passes of the engine alone, and how many crops they are: whole batches, at least as many as are scored."""
    data, passes = np.ones((engine.batch, 3, engine.crop, engine.crop), np.float32), -(-crops // engine.batch)

    def run() -> None:
        for _ in range(passes):
            engine(data)

    return run, passes * engine.batch


def score_next(ready: ViewInput, jobs: Iterator[CellViews], count: int) -> None:
    """Score the next cells."""
    list(score_cells(ready, islice(jobs, count), PLAIN))


def main(args) -> None:
    """Each engine: crops a second, over Caffe, over its bare net, and seconds a cell of the paper's."""
    cells, model = synthetic_cells(args).cells, random_net(args.folder)
    views, batch = (1, CROPS) if args.smallest else (VIEWS, None)
    choice, tasks, crops = ViewChoice(GRID, views, seed=1), {}, {}
    for device in devices():
        engine, name = open_engine(DEPLOY, model, device, batch), f"{device.engine} {device.precision}"
        ready, (net, passed) = engine.view_input(FLAT_MEAN), bare(engine, views * CROPS)
        counts = (1,) if name != REFERENCE or args.smallest else (1, 2, 4)
        for count in counts:
            jobs = map(partial(of_data_set, choice=choice), cycle(cells))  # each time others: no image is read twice
            key = name if count == 1 else f"{name}, {count} cells"
            tasks[key] = timed(partial(score_next, ready, jobs, count))
            crops[key] = count * views * CROPS
        tasks[f"{name}, bare net"], crops[f"{name}, bare net"] = timed(net), passed
    seconds = alternate(tasks, args.rounds if args.smallest else 4 * args.rounds, not args.smallest)
    speeds = {name: [crops[name] / s for s in values] for name, values in seconds.items()}
    for name, values in speeds.items():
        show(name, values, "crops/s")
        if f"{name}, bare net" in speeds:
            show(f"{name} over its bare net", ratios(values, speeds[f"{name}, bare net"]), "x")
            show(f"{name} over Caffe", ratios(values, speeds[REFERENCE]), "x")
            show(f"{name}, a cell of {PAPERS_CROPS} crops", [PAPERS_CROPS / speed for speed in values], "s")
    for each in (1, 10, PAPERS_CROPS):
        hours = [SLIDE * each / speed / 3600 for speed in speeds[REFERENCE]]
        show(f"{REFERENCE}, a slide of {SLIDE:,} cells of {each} crops", hours, "h")


if __name__ == "__main__":
    main(options(__doc__))
