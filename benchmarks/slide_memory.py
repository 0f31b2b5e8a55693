"""Memory of the driver and of its workers as slides grow: tools/screen.py --cluster local, process by process."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.memory import share, tree
from benchmarks.screening_work import CONFIDENCE, made_slide, screening_fold
from benchmarks.sheet import Figure, figure
from benchmarks.work import Work
from deeppap.cluster.connect import require_dask
from deeppap.io.caffe_messages import ROOT
from deeppap.io.errors import UserError
from deeppap.io.files import read_json
from deeppap.phantom.field import FIELD_MPP

CELLS = (1_000, 10_000, 100_000)
WORKERS = 2
EVERY = 0.5  # seconds between two looks, each of which costs some milliseconds a process


def measure(work: Work) -> list[Figure]:
    """Slides of growing size; most tiles are not searched, most cells not scored (see benchmarks.cheap_scores)."""
    try:
        require_dask()
    except UserError as error:
        print(f"left out: {error}")
        return []
    fold, figures = screening_fold(work), []
    for cells in CELLS:
        place = work.folder / "slide_memory"
        shutil.rmtree(place, ignore_errors=True)
        slide = made_slide(place / "slide.tif", cells)
        start = time.perf_counter()
        driver, workers = _peaks(_command(slide, fold, place), place)
        seconds = time.perf_counter() - start
        (image,) = read_json(place / "out/screen.json", "tools/screen.py")["images"]
        found = f"a slide of {image['cells']:,} cells"
        figures.append(figure("slide memory", f"driver, {found}", [driver / 1e6], "MB"))
        figures.append(figure("slide memory", f"a worker, {found}", [w / 1e6 for w in workers], "MB"))
        what = f"{found}, {WORKERS} workers, without most of the net's and the detector's time"
        figures.append(figure("slide memory", what, [seconds], "s"))
        shutil.rmtree(place)
    return figures


def _command(slide: Path, fold: Path, place: Path) -> list[str]:
    options = ["--net", fold, "--out", place / "out", "--gpu", "none", "--confidence", CONFIDENCE]
    options += ["--training-mpp", FIELD_MPP, "--cluster", "local", "--workers", WORKERS]
    return [sys.executable, *map(str, (ROOT / "tools/screen.py", slide, *options))]


def _peaks(command: list[str], place: Path) -> tuple[int, list[int]]:
    """The largest share of memory (PSS), in bytes, of a driver and of each of its workers."""
    environment = {**os.environ, "DASK_DISTRIBUTED__WORKER__PRELOAD": "['benchmarks.cheap_scores']"}
    peaks: dict[int, int] = {}
    with (place / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, cwd=place, env=environment, stdout=log, stderr=log)
        while process.poll() is None:
            for pid in tree(process.pid):
                peaks[pid] = max(peaks.get(pid, 0), share(pid))
            time.sleep(EVERY)
    if process.returncode:
        raise RuntimeError((place / "log.txt").read_text(errors="replace")[-500:])
    driver = peaks.pop(process.pid)
    return driver, sorted(peaks.values())[-WORKERS:]  # the others keep track of what multiprocessing leaves
