"""Screening a synthetic slide: cells and megapixels a second by engine, what Dask adds, and the share of each step.

    .venv/bin/python benchmarks/screen.py

Reads, detects, crops, scores and writes about 350 cells by the default 5 views, in the tool's own tiles, of which two
workers get equal shares. The plain path, in this process with one thread, and Dask's clusters of 1 and 2 workers of one
thread run in turn. The shares are those of the profiler in the plain path, of processor time, which a busy machine
changes less; Caffe crops inside its net. The net has random weights.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before any library is loaded; workers inherit it

import cProfile
import pstats
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import cv2
from rounds import SLIDE, Task, alternate, options, random_fold, ratios, show, synthetic_slide, timed
from score import devices

from deeppap.cluster.connect import connected
from deeppap.phantom.field import FIELD_MPP
from deeppap.scoring.trained_model import TrainedModel
from deeppap.screening.cluster_tiles import run_on
from deeppap.screening.plan import settings_of
from deeppap.screening.screen_images import plan_images, run_here

VIEWS = 5  # of a cell, the default
# by step, the function that does it: its file and its name
STEPS = {
    "read": ("tile_pixels.py", "for_detector"),
    "detect": ("detector.py", "detect"),
    "views and crops": ("fill_views.py", "filled_in_turn"),
    "score": ("engine.py", "__call__"),
    "write": ("parts.py", "write_part"),
}


def task(run: Callable, pairs: list, parts: Path) -> Task:
    """Screens all tiles anew; a tile that is given up ends the benchmark."""

    def all_tiles() -> None:
        if failed := run(pairs, lambda cells: None):
            raise RuntimeError(next(iter(failed.values())))

    def once() -> float:
        shutil.rmtree(parts, ignore_errors=True)
        return timed(all_tiles)()

    return once


def show_steps(name: str, screen: Task) -> None:
    """The share of each step in the processor time of the plain path."""
    # of the plain path alone: a worker's functions run in another process
    profile, start = cProfile.Profile(time.process_time), time.process_time()
    profile.runcall(screen)
    seconds = time.process_time() - start
    cumulative = {}
    for (file, _, function), (*_, total, _) in pstats.Stats(profile).stats.items():
        # an engine is called inside the call of its input: the outer one has the time of both
        cumulative[Path(file).name, function] = max(cumulative.get((Path(file).name, function), 0), total)
    for step, function in STEPS.items():
        show(f"{name}, plain: {step}", [100 * cumulative[function] / seconds], "% of processor time")


def main(args) -> None:
    """Each engine: cells a second of every way to run tiles, one worker over the plain path, and the steps."""
    cv2.setNumThreads(1)
    slide, model = synthetic_slide(args.folder, 22 if args.smallest else 352), random_fold(args)
    with ExitStack() as stack:
        runs = {"plain": run_here}
        for count in (1,) if args.smallest else (1, 2):
            client = stack.enter_context(connected("local", count))
            client.wait_for_workers(count)
            runs[f"{count} worker(s)"] = run_on(client)
        views = 1 if args.smallest else VIEWS
        for device in devices()[: 1 if args.smallest else None]:
            choice = {"views": views, "crops": 1, "confidence": 0.1, "training_mpp": FIELD_MPP}
            settings = settings_of([TrainedModel.open(model, say=lambda line: None)], device, **choice)
            ((plan, tiles),) = plan_images([slide], args.folder / "screen", settings)
            pairs, found = [(plan, tile) for tile in tiles], []
            pixels = sum(tile.width * tile.height for tile in tiles)
            run_here(pairs, found.append)
            name = f"{device.engine} {device.precision}, {views} x 1"
            tasks = {f"{name}, {way}": task(run, pairs, Path(plan.parts)) for way, run in runs.items()}
            seconds = alternate(tasks, min(args.rounds, 3), not args.smallest)  # one round of all takes minutes
            start = time.process_time()
            tasks[f"{name}, plain"]()
            seconds[f"{name}, plain, of processor time"] = [time.process_time() - start]
            for way, values in seconds.items():
                show(way, [sum(found) / s for s in values], "cells/s")
                show(way, [pixels / 1e6 / s for s in values], "megapixels/s")
                show(f"{way}, {SLIDE:,} cells", [SLIDE / sum(found) * s / 3600 for s in values], "h")
            longer = ratios(seconds[f"{name}, 1 worker(s)"], seconds[f"{name}, plain"])
            show(f"{name}, Dask's 1 worker over plain", [100 * (ratio - 1) for ratio in longer], "% longer")
            show_steps(name, tasks[f"{name}, plain"])


if __name__ == "__main__":
    main(options(__doc__))
