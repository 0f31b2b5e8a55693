"""Whole runs of tools/screen.py on growing slides: time and memory; and the merge of 300,000 cells.

    .venv/bin/python benchmarks/slides.py

Synthetic slides of about 1,000, 10,000 and 100,000 cells are screened by two Dask workers at the tool's own tiles, by
OpenVINO in bfloat16 if it runs here, else by Caffe; the largest takes an hour or more. Memory is each process's share
(PSS) at its peak. The merge writes tables, GeoJSON, overlay and pages from parts of random cells, in a new process.
"""

import json
import shutil
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rounds import memory_of, options, random_fold, show, synthetic_slide, timed
from score import devices

from deeppap.engines.device import Device
from deeppap.io.caffe_messages import ROOT
from deeppap.phantom.field import FIELD_MPP
from deeppap.phantom.slide import make_slide
from deeppap.scoring.trained_model import TrainedModel
from deeppap.screening.cells import ScreenedCell
from deeppap.screening.parts import Part, write_part
from deeppap.screening.plan import ImagePlan, settings_of, tiles_of
from deeppap.screening.results import write_results
from deeppap.screening.screen_images import plan_images
from deeppap.screening.slides.slide import Box

WORKERS = 2
A_TILE = 84  # cells, about as many as 2048 x 2048 pixels hold on the synthetic slide
SIDE = 30_720  # pixels of the slide that is merged: 3,600 tiles of 512
CORNERS = 24  # of an outline


def peaks(command: list, place: Path) -> tuple[int, list[int]]:
    """The largest share of memory, in bytes, of a driver and of each of its workers."""
    most: dict[int, int] = {}
    for shares in memory_of(command, place, 0.5):
        most |= {number: max(share, most.get(number, 0)) for number, share in shares.items()}
    driver, *others = most.values()
    return driver, sorted(others)[-WORKERS:]  # the others only start and watch the workers


def growth(args, fold: Path) -> None:
    """Time and memory against the number of cells."""
    # the one that is fast where it runs, or at the smallest size the one that needs no export
    fast = [one for one in devices() if one.precision == "bfloat16" and not args.smallest]
    device = fast[0] if fast else devices()[0]
    before = None
    for cells in (22,) if args.smallest else (1_000, 10_000, 100_000):
        place = args.folder / "slides"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        command = [sys.executable, ROOT / "tools/screen.py", synthetic_slide(args.folder, cells), "--net", fold]
        command += ["--out", place / "out", "--training-mpp", FIELD_MPP, "--confidence", 0.1]
        command += ["--views", 1, "--crops", 1 if args.smallest else 10]
        command += [] if args.smallest else ["--cluster", "local", "--workers", WORKERS]
        command += ["--engine", device.engine, "--precision", device.precision]
        start = time.perf_counter()
        driver, workers = peaks(command, place)
        seconds = time.perf_counter() - start
        (image,) = json.loads((place / "out/screen.json").read_text())["images"]
        name = f"{device.engine} {device.precision}, {image['cells']:,} cells"
        show(name, [seconds], "s")
        show(f"{name}, driver", [driver / 1e6], "MB")
        if workers:
            show(f"{name}, a worker", [worker / 1e6 for worker in workers], "MB")
        if before:
            show(f"{name}, between it and the last", [(image["cells"] - before[0]) / (seconds - before[1])], "cells/s")
        before = image["cells"], seconds


def write_parts(plan: ImagePlan, tiles: list[Box], cells: int) -> None:
    """Parts of random cells, `A_TILE` in each."""
    rng, angles = np.random.default_rng(1), np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    ring = 20 * np.stack([np.cos(angles), np.sin(angles)], 1)
    for number, tile in enumerate(tiles):
        count = min(A_TILE, cells - number * A_TILE)
        found = []
        for y, x in sorted(
            rng.uniform((tile.y, tile.x), (tile.bottom - 1, tile.right - 1), (count, 2)).round(2).tolist()
        ):
            area, confidence, score = rng.random(3)
            facts = (30 + 90 * area, confidence, score, 0.1 * area, 2 * confidence)
            found.append(ScreenedCell(plan.name, float(x), float(y), *facts, np.float32([x, y] + ring)))
        write_part(plan.part(tile), plan.key, tile, Part(found))


def merged(plan: ImagePlan, tiles: list[Box], out: Path) -> tuple[float, int]:
    """Seconds of the merge, and the largest memory of this process in bytes."""
    seconds = timed(lambda: write_results(out, [(plan, tiles)]))()
    lines = Path("/proc/self/status").read_text().splitlines()
    return seconds, next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024


def merge(args, fold: Path) -> None:
    """Time and memory of the merge against the number of cells."""
    slide, place = args.folder / "merge.tif", args.folder / "merge"
    if args.smallest:
        slide = synthetic_slide(args.folder, 22)
    elif not slide.exists():
        make_slide(slide, SIDE, 4)
    model = TrainedModel.open(fold, say=lambda line: None)
    settings = settings_of([model], Device(without_gpu=True), confidence=0.1, training_mpp=FIELD_MPP, tile=512)
    for cells in (100,) if args.smallest else (3_000, 30_000, 300_000):
        shutil.rmtree(place, ignore_errors=True)
        ((plan, _),) = plan_images([slide], place, settings)
        tiles = tiles_of(plan.width, plan.height, 512)[: -(-cells // A_TILE)]
        write_parts(plan, tiles, cells)
        # a fresh process: the peak of this one is that of its largest work so far
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            seconds, peak = pool.submit(merged, plan, tiles, place / "out").result()
        show(f"merge of {cells:,} cells", [seconds], "s")
        show(f"merge of {cells:,} cells, peak", [peak / 1e6], "MB")


if __name__ == "__main__":
    chosen = options(__doc__)
    net = random_fold(chosen)
    growth(chosen, net)
    merge(chosen, net)
