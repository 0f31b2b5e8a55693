"""Peak memory of tools/build_lmdb.py, all its processes together, against the size of the data set."""

import csv
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.sheet import Figure, figure
from benchmarks.work import Work
from deeppap.io.caffe_messages import ROOT

CELLS = (100, 1000, 5000)
EVERY = 0.1  # seconds between two looks


def measure(work: Work) -> list[Figure]:
    """Sets of growing size whose cells lie in the same few images."""
    figures = []
    for cells in CELLS:
        place = work.folder / f"memory{cells}"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        manifest = _manifest(place / "set", cells, work)
        tool = [sys.executable, ROOT / "tools/build_lmdb.py", "--fold", "0", "--profile", "smallest"]
        peak = _peak([*tool, "--data", manifest], place)
        figures.append(figure("memory", f"building from {cells:,} cells", [peak / 1e6], "MB"))
        shutil.rmtree(place)
    return figures


def _manifest(folder: Path, count: int, work: Work) -> Path:
    """So many cells at different places of the phantom's images."""
    folder.mkdir()
    cells = work.dataset.cells
    for number, cell in enumerate(cells):
        shutil.copy(cell.image, folder / f"{number}{cell.image.suffix}")
    with (folder / "cells.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label", "nucleus_x", "nucleus_y", "id"])
        for number in range(count):
            index = number % len(cells)
            x, y = (value + number / count for value in cells[index].centre)
            name = f"{index}{cells[index].image.suffix}"
            writer.writerow([name, cells[index].label, f"{x:.4f}", f"{y:.4f}", f"cell{number}"])
    return folder / "cells.csv"


def _peak(command: list, place: Path) -> int:
    """Largest sum of the processes' shares of memory (PSS), in bytes."""
    peak = 0
    with (place / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, cwd=place, stdout=log, stderr=log)
        while process.poll() is None:
            peak = max(peak, sum(map(share, tree(process.pid))))
            time.sleep(EVERY)
    if process.returncode:
        raise RuntimeError((place / "log.txt").read_text(errors="replace")[-500:])
    return peak


def tree(pid: int) -> list[int]:
    """A process and all below it, whichever thread started them."""
    found = [pid]
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [one for child in path.read_text().split() for one in tree(int(child))]
        except OSError:  # it has ended
            continue
    return found


def share(pid: int) -> int:
    """A process's share of memory (PSS), in bytes; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
