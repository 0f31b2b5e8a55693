"""Screening a made slide end to end: cells a second by engine and workers, Dask over the plain path, and each step."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context

from benchmarks.alternate import Task, alternate, ratios, timed
from benchmarks.screening_work import made_slide, planned, screening_fold
from benchmarks.sheet import Figure, figure
from benchmarks.stopwatch import Stopwatch
from benchmarks.work import Work
from deeppap.engines.device import ENGINES, Device, require_engine
from deeppap.io.errors import UserError
from deeppap.screening import screen_tile
from deeppap.screening.plan import ImagePlan
from deeppap.screening.screen_images import run_here
from deeppap.screening.slides.slide import Box

CELLS = 66
ROUNDS = 3  # at most: one round of all is minutes
TILE = 512  # pixels: tiles enough for two workers to have equal shares
WAYS = ((1, 10), (5, 1))  # views x crops; the second, the default, by Caffe alone
WORKERS = (1, 2)
SLIDE = 300_000  # cells
Pairs = Sequence[tuple[ImagePlan, Box]]


def measure(work: Work) -> list[Figure]:
    """For each engine here: the plain path in one process of one thread, and clusters of this machine, in turn."""
    fold, slide = screening_fold(work), made_slide(work.folder / "slides/small.tif", CELLS)
    figures = []
    with ExitStack() as stack:
        plain = stack.enter_context(one_process())
        clusters = {count: client for count in WORKERS if (client := stack.enter_context(_cluster(count))) is not None}
        for number, device in enumerate(_devices()):
            for views, crops in WAYS if number == 0 else WAYS[:1]:
                plan, tiles = planned(slide, fold, device, views, crops, TILE, work.folder / "parts")
                name = f"{device.engine} {device.precision}, {views} x {crops}"
                figures += _one_way(work, name, [(plan, tile) for tile in tiles], plain, clusters)
    return figures


def _one_way(work: Work, name: str, pairs: Pairs, plain: ProcessPoolExecutor, clusters: dict) -> list[Figure]:
    from deeppap.screening.cluster_tiles import run_on

    cells = sum(plain.submit(screened, pairs).result())
    tasks = {"plain": _task(pairs, lambda fresh: plain.submit(screened, fresh).result())}
    for count, client in clusters.items():
        run = run_on(client)
        tasks[f"{count} worker{'s' * (count > 1)}"] = _task(pairs, lambda fresh, run=run: _all_done(run, fresh))
    seconds = alternate(tasks, min(work.rounds, ROUNDS), f"screening, {name}")
    found = []
    for way, values in seconds.items():
        found.append(figure("screening", f"{name}, {way}", [cells / s for s in values], "cells/s"))
        hours = [SLIDE / cells * s / 3600 for s in values]
        found.append(figure("screening", f"{name}, {way}, {SLIDE:,} cells", hours, "h"))
    if 1 in clusters:
        over = [100 * (ratio - 1) for ratio in ratios(seconds["1 worker"], seconds["plain"])]
        found.append(figure("screening", f"{name}, Dask's 1 worker over plain", over, "% longer"))
    steps = plain.submit(seconds_by_step, _fresh(pairs)).result()
    shares = ((step, 100 * s / sum(steps.values())) for step, s in steps.items())
    return found + [figure("screening", f"{name}, plain: {step}", [share], "% of time") for step, share in shares]


def _all_done(run: Callable, pairs: Pairs) -> None:
    if given_up := run(pairs, lambda receipt: None):
        raise RuntimeError(next(iter(given_up.values())))


def _task(pairs: Pairs, run: Callable[[Pairs], object]) -> Task:
    def once() -> float:
        fresh = _fresh(pairs)
        return timed(lambda: run(fresh))()

    return once


def _fresh(pairs: Pairs) -> Pairs:
    """The same tiles, none of which is done."""
    shutil.rmtree(pairs[0][0].parts, ignore_errors=True)
    return pairs


def screened(pairs: Pairs) -> list[int]:
    """Screen tiles as the plain path does."""
    receipts: list[int] = []
    run_here(pairs, receipts.append)
    return receipts


def seconds_by_step(pairs: Pairs) -> dict[str, float]:
    """Seconds of each step of screening the tiles, in this process; Caffe crops inside its net."""
    plan, _ = pairs[0]
    slide, ready = screen_tile.open_image(plan.image).slide, screen_tile._nets(plan.settings)[0][0][0]
    places = [(type(slide), "read", "read"), (screen_tile, "_detect", "detect"), (screen_tile, "_score", "crop")]
    places += [(type(ready), "__call__", "score"), (screen_tile, "write_part", "write")]
    before, watch = [getattr(place, name) for place, name, _ in places], Stopwatch()
    try:
        for place, name, step in places:
            setattr(place, name, watch.timed(step, getattr(place, name)))
        screened(pairs)
        return watch.stop()
    finally:
        for (place, name, _), function in zip(places, before, strict=True):
            setattr(place, name, function)


@contextmanager
def one_process() -> Iterator[ProcessPoolExecutor]:
    """A process of one thread, as a worker is."""
    told = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        with ProcessPoolExecutor(1, get_context("spawn"), _one_thread) as pool:
            pool.submit(os.getpid).result()  # it has started, and read the environment
            yield pool
    finally:
        os.environ.pop("OMP_NUM_THREADS") if told is None else os.environ.update(OMP_NUM_THREADS=told)


def _one_thread() -> None:
    import cv2

    cv2.setNumThreads(1)


@contextmanager
def _cluster(count: int) -> Iterator:
    from deeppap.cluster.connect import connected, require_dask

    try:
        require_dask()
    except UserError as error:
        print(f"left out: {error}")
        yield None
        return
    with connected("local", count) as client:
        client.wait_for_workers(count)
        yield client


def _devices() -> list[Device]:
    found = []
    for engine, precisions in ENGINES.items():
        for precision in precisions:
            try:
                require_engine(engine, precision)
                found.append(Device(engine=engine, precision=precision, without_gpu=True))
            except UserError as error:
                print(f"left out: {error}")
    return found
