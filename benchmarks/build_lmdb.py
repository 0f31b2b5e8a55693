"""Building LMDBs: views a second by encoding and workers, growth with views, peak memory, the mean image.

    .venv/bin/python benchmarks/build_lmdb.py

Each LMDB holds views of synthetic cells and is built as tools/build_lmdb.py does, its checksum included. The mean image
is added up while views are rendered; Caffe's own program reads the LMDB once more. Memory is the sum of the shares
(PSS) of all processes of tools/build_lmdb.py.
"""

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from rounds import GRID, alternate, memory_of, options, ratios, show, synthetic_cells, timed

from data_prep.cells import Dataset
from data_prep.mean_image import MeanImage, read_mean
from data_prep.patch_lmdb import CHUNK, Source, write_patch_lmdb
from deeppap.io.caffe_messages import ROOT
from deeppap.io.files import sha256_file
from deeppap.io.machine import usable_cores
from deeppap.training.run_caffe import caffe_program


class Build:
    """Builds one LMDB; a call returns its seconds, and `records` and `bytes` are those of the last one."""

    def __init__(self, path: Path, dataset: Dataset, views: int, encoding: str, workers: int):
        indices = range(max(1, views // len(dataset.cells)))
        labels = [cell.label for cell in dataset.cells]
        grids, each = [GRID] * len(labels), [indices] * len(labels)
        self.source = Source(dataset.cells, labels, "train", grids, each, 1, encoding)
        self.path, self.workers, self.mean = path, workers, MeanImage()

    def __call__(self) -> float:
        """Build it and return the seconds."""
        shutil.rmtree(self.path, ignore_errors=True)
        return timed(self._build)()

    def _build(self) -> None:
        self.mean = MeanImage()
        self.records = write_patch_lmdb(self.path, self.source, True, self.workers, self.mean)
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


def mean_image(args, dataset: Dataset) -> None:
    """Adding up views in memory over Caffe's second pass through the LMDB."""
    mean_file = args.folder / "mean.binaryproto"
    build = Build(args.folder / "lmdb", dataset, 120 if args.smallest else 3000, "raw", 1)
    build()
    planes = np.random.default_rng(1).integers(0, 256, (CHUNK, 3, 256, 256), np.uint8)

    def ours() -> None:
        again = MeanImage()
        for first in range(0, build.records, CHUNK):
            total = np.zeros((3, 256, 256), np.uint16)
            for index in range(min(CHUNK, build.records - first)):
                total += planes[index]
            again.add(total, CHUNK)

    theirs = [Path(caffe_program()).with_name("compute_image_mean"), build.path, mean_file]
    tasks = {"ours": timed(ours), "Caffe": timed(lambda: subprocess.run(theirs, check=True, capture_output=True))}
    seconds = alternate(tasks, args.rounds)
    show("mean image, ours over compute_image_mean", ratios(seconds["ours"], seconds["Caffe"]), "of its time")
    apart = np.abs(read_mean(mean_file) - build.mean.value()).max()
    show("mean image, largest difference", [float(apart)], "grey levels")


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
    mean_image(chosen, cells)
    memory(chosen, cells)
