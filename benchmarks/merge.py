"""The merge: all parts of a slide to tables, GeoJSON, overlay and pages, its time and its memory by cells."""

import shutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.alternate import timed
from benchmarks.screening_work import planned, screening_fold
from benchmarks.sheet import Figure, figure
from benchmarks.work import Work
from deeppap.engines.device import Device
from deeppap.phantom.slide import make_slide
from deeppap.screening.cells import ScreenedCell
from deeppap.screening.parts import Part, write_part
from deeppap.screening.plan import ImagePlan, tiles_of
from deeppap.screening.results import write_results
from deeppap.screening.slides.slide import Box

CELLS = (3_000, 30_000, 300_000)
A_TILE = 84  # cells, about as many as 2048 x 2048 pixels hold on the made slide
SIDE = 30_720  # pixels of the slide: 3,600 tiles of 512
CORNERS = 24  # of an outline


def measure(work: Work) -> list[Figure]:
    """Parts of made cells, each size merged in a process of its own."""
    slide = work.folder / "slides/merge.tif"
    if not slide.exists():
        slide.parent.mkdir(parents=True, exist_ok=True)
        make_slide(slide, SIDE, 4)
    figures = []
    for cells in CELLS:
        place = work.folder / "merge"
        shutil.rmtree(place, ignore_errors=True)
        plan, _ = planned(slide, screening_fold(work), Device(without_gpu=True), 5, 1, 512, place / "parts")
        tiles = tiles_of(plan.width, plan.height, 512)[: -(-cells // A_TILE)]
        _write_parts(plan, tiles, cells)
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            seconds, peak = pool.submit(_merged, plan, tiles, place / "out").result()
        figures.append(figure("merge", f"{cells:,} cells", [seconds], "s"))
        figures.append(figure("merge", f"{cells:,} cells, peak", [peak / 1e6], "MB"))
        shutil.rmtree(place)
    return figures


def _write_parts(plan: ImagePlan, tiles: list[Box], cells: int) -> None:
    rng, around = np.random.default_rng(1), np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    ring = np.stack([np.cos(around), np.sin(around)], 1)
    for number, tile in enumerate(tqdm(tiles, desc="parts", unit="tile", disable=None)):
        count = min(A_TILE, cells - number * A_TILE)
        centres = rng.uniform((tile.x, tile.y), (tile.right - 1, tile.bottom - 1), (count, 2)).round(2)
        facts = rng.random((count, 3))
        found = [
            ScreenedCell(
                plan.name, *map(float, c), 30 + 90 * f[0], f[1], f[2], 0.1 * f[0], 2 * f[1], np.float32(c + 20 * ring)
            )
            for c, f in zip(centres[np.lexsort(centres.T)], facts, strict=True)
        ]
        write_part(plan.part(tile), plan.key, tile, Part(found))


def _merged(plan: ImagePlan, tiles: list[Box], out: Path) -> tuple[float, int]:
    seconds = timed(lambda: write_results(out, [(plan, tiles)]))()
    lines = Path("/proc/self/status").read_text().splitlines()
    return seconds, next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024
