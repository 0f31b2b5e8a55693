"""Building LMDBs: views a second by encoding and workers, growth with views, and peak memory.

    .venv/bin/python benchmarks/build_lmdb.py

Each LMDB holds views of synthetic cells and is built as tools/build_lmdb.py does, its checksum included. Memory is the
sum of the shares (PSS) of all processes of tools/build_lmdb.py.
"""

import csv
import shutil
import sys
from pathlib import Path

from rounds import GRID, alternate, memory_of, options, show, synthetic_cells, timed

from data_prep.cells import Dataset
from data_prep.mean_image import MeanImage
from data_prep.patch_lmdb import Source, write_patch_lmdb
from deeppap.io.caffe_messages import ROOT
from deeppap.io.files import sha256_file
from deeppap.io.machine import usable_cores


class Build:
    """Builds one LMDB; a call returns its seconds, and `records` and `bytes` are those of the last one."""

    def __init__(self, path: Path, dataset: Dataset, views: int, encoding: str, workers: int):
        indices = range(max(1, views // len(dataset.cells)))
        labels = [cell.label for cell in dataset.cells]
        grids, each = [GRID] * len(labels), [indices] * len(labels)
        self.source = Source(dataset.cells, labels, "train", grids, each, 1, encoding)
        self.path, self.workers = path, workers

    def __call__(self) -> float:
        """Build it and return the seconds."""
        shutil.rmtree(self.path, ignore_errors=True)
        return timed(self._build)()

    def _build(self) -> None:
        self.records = write_patch_lmdb(self.path, self.source, True, self.workers, MeanImage())
        data = self.path / "data.mdb"
        sha256_file(data)  # fold.json keeps it, so it is part of building
        self.bytes = data.stat().st_size


def speed(args, dataset: Dataset) -> None:
    """Raw and png by one worker and by all cores, and raw LMDBs of growing size."""
    cores, path = usable_cores(), args.folder / "lmdb"
    kinds = [(120 if args.smallest else 3000, e, w) for e in ("raw", "png") for w in sorted({1, cores})]
    kinds += [(views, "raw", cores) for views in ((60,) if args.smallest else (600, 1200, 2400, 4800))]
    builds = {f"LMDB, {n} views, {e}, {w} worker(s)": Build(path, dataset, n, e, w) for n, e, w in kinds}
    for name, seconds in alternate(builds, args.rounds).items():
        built = builds[name]
        show(f"{name}, {built.bytes / built.records:,.0f} bytes a view", seconds, "s")
        show(name, [built.records / s for s in seconds], "views/s")


def memory(args, dataset: Dataset) -> None:
    """Peak memory against the number of cells, which lie in the same few images."""
    for count in (60,) if args.smallest else (100, 1000, 5000):
        place = args.folder / "memory"
        shutil.rmtree(place, ignore_errors=True)
        manifest = write_manifest(place / "set", dataset, count)
        tool = [sys.executable, ROOT / "tools/build_lmdb.py", "--fold", "0", "--profile", "smallest"]
        peak = max(sum(shares.values()) for shares in memory_of([*tool, "--data", manifest], place, 0.1))
        show(f"tools/build_lmdb.py, {count:,} cells, peak", [peak / 1e6], "MB")
        shutil.rmtree(place)


def write_manifest(folder: Path, dataset: Dataset, count: int) -> Path:
    """So many cells at different places of the phantom's images."""
    folder.mkdir(parents=True)
    for number, cell in enumerate(dataset.cells):
        shutil.copy(cell.image, folder / f"{number}{cell.image.suffix}")
    with (folder / "cells.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label", "nucleus_x", "nucleus_y", "id"])
        for number in range(count):
            index = number % len(dataset.cells)
            cell = dataset.cells[index]
            x, y = (value + number / count for value in cell.centre)
            writer.writerow([f"{index}{cell.image.suffix}", cell.label, f"{x:.4f}", f"{y:.4f}", f"cell{number}"])
    return folder / "cells.csv"


if __name__ == "__main__":
    chosen = options(__doc__)
    cells = synthetic_cells(chosen)
    speed(chosen, cells)
    memory(chosen, cells)
