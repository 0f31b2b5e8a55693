"""Screening a synthetic slide: cells and megapixels a second by engine, what Dask adds, and the share of each step.

    .venv/bin/python benchmarks/screen.py

Reads, detects, crops, scores and writes about 66 cells in tiles of 512 pixels, of which two workers get equal shares.
The plain path, in this process with one thread, and Dask's clusters of 1 and 2 workers of one thread run in turn. The
shares are those of the profiler in the plain path; Caffe crops inside its net. The net has random weights.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before any library is loaded; workers inherit it

import cProfile
import pstats
import shutil
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

WAYS = ((1, 10), (5, 1))  # views x crops; the second, the default, by Caffe alone
SMALLEST = ((1, 1),)
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
    """The share of each step in the time of the plain path."""
    # of the plain path alone: a worker's functions run in another process
    profile = cProfile.Profile()
    seconds = profile.runcall(screen)
    cumulative = {}
    for (file, _, function), (*_, total, _) in pstats.Stats(profile).stats.items():
        cumulative[Path(file).name, function] = cumulative.get((Path(file).name, function), 0) + total
    for step, function in STEPS.items():
        show(f"{name}, plain: {step}", [100 * cumulative[function] / seconds], "% of time")


def main(args) -> None:
    """Each engine: cells a second of every way to run tiles, one worker over the plain path, and the steps."""
    cv2.setNumThreads(1)
    slide, model = synthetic_slide(args.folder, 22 if args.smallest else 66), random_fold(args)
    with ExitStack() as stack:
        runs = {"plain": run_here}
        for count in (1,) if args.smallest else (1, 2):
            client = stack.enter_context(connected("local", count))
            client.wait_for_workers(count)
            runs[f"{count} worker(s)"] = run_on(client)
        for number, device in enumerate(devices()[: 1 if args.smallest else None]):
            ways = SMALLEST if args.smallest else WAYS[: 2 if number == 0 else 1]
            for views, crops in ways:
                choice = {"views": views, "crops": crops, "confidence": 0.1, "training_mpp": FIELD_MPP, "tile": 512}
                settings = settings_of([TrainedModel.open(model, say=lambda line: None)], device, **choice)
                ((plan, tiles),) = plan_images([slide], args.folder / "screen", settings)
                pairs, found = [(plan, tile) for tile in tiles[: 1 if args.smallest else None]], []
                pixels = sum(tile.width * tile.height for _, tile in pairs)
                run_here(pairs, found.append)
                name = f"{device.engine} {device.precision}, {views} x {crops}"
                tasks = {f"{name}, {way}": task(run, pairs, Path(plan.parts)) for way, run in runs.items()}
                seconds = alternate(tasks, min(args.rounds, 3))  # one round of all takes minutes
                for way, values in seconds.items():
                    show(way, [sum(found) / s for s in values], "cells/s")
                    show(way, [pixels / 1e6 / s for s in values], "megapixels/s")
                    show(f"{way}, {SLIDE:,} cells", [SLIDE / sum(found) * s / 3600 for s in values], "h")
                longer = ratios(seconds[f"{name}, 1 worker(s)"], seconds[f"{name}, plain"])
                show(f"{name}, Dask's 1 worker over plain", [100 * (ratio - 1) for ratio in longer], "% longer")
                show_steps(name, tasks[f"{name}, plain"])


if __name__ == "__main__":
    main(options(__doc__))
