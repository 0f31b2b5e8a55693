"""Views and LMDB records a second, by encoding and number of workers; the mean beside compute_image_mean."""

import shutil
import subprocess
import time
from pathlib import Path

import numpy as np

from benchmarks.alternate import alternate, ratios, timed
from benchmarks.sheet import Figure, figure
from benchmarks.work import GRID, Work
from data_prep.fold_data import lmdb_record
from data_prep.mean_image import MeanImage, read_mean
from data_prep.patch_lmdb import CHUNK, Source, write_patch_lmdb
from deeppap.io.machine import usable_cores
from deeppap.training.run_caffe import caffe_program

VIEWS = 3000
MEGABYTE = 1e6


def source(work: Work, views: int, encoding: str = "raw") -> Source:
    """About so many views, the same number of every cell."""
    indices = range(max(1, views // len(work.dataset.cells)))
    cells = work.dataset.cells
    labels = [cell.label for cell in cells]
    return Source(cells, labels, "train", dict.fromkeys((0, 1), GRID), dict.fromkeys((0, 1), indices), 1, encoding)


def build(path: Path, what: Source, workers: int, mean: MeanImage | None = None) -> tuple[float, int, int]:
    """Build an LMDB as tools/build_lmdb.py does, its checksum included; seconds, records, bytes."""
    shutil.rmtree(path, ignore_errors=True)
    start = time.perf_counter()
    records = write_patch_lmdb(path, what, True, workers, mean or MeanImage())
    size = lmdb_record(path, records).bytes
    return time.perf_counter() - start, records, size


def measure(work: Work) -> list[Figure]:
    """Raw and png, one worker and all cores."""
    cores = usable_cores()
    sizes: dict[str, tuple[int, int]] = {}

    def task(name: str, encoding: str, workers: int):
        def run() -> float:
            seconds, *sizes[name] = build(work.folder / "lmdb", source(work, VIEWS, encoding), workers)
            return seconds

        return run

    kinds = [(encoding, workers) for encoding in ("raw", "png") for workers in sorted({1, cores})]
    names = {f"{encoding}, {workers} worker{'s' * (workers > 1)}": (encoding, workers) for encoding, workers in kinds}
    seconds = alternate({name: task(name, *kind) for name, kind in names.items()}, work.rounds, "LMDB")
    figures = []
    for name, values in seconds.items():
        records, size = sizes[name]
        figures.append(figure("LMDB", name, [records / s for s in values], "views/s"))
        figures.append(figure("LMDB", name, [size / MEGABYTE / s for s in values], "MB/s"))
    return figures + mean_image(work)


def mean_image(work: Work) -> list[Figure]:
    """The mean, added up while views are rendered, beside Caffe's own program reading the LMDB once more."""
    path, mean_file = work.folder / "lmdb", work.folder / "mean.binaryproto"
    mean = MeanImage()
    _, records, _ = build(path, source(work, VIEWS), 1, mean)
    planes = np.random.default_rng(1).integers(0, 256, (CHUNK, 3, 256, 256), np.uint8)

    def ours() -> None:
        again = MeanImage()
        for first in range(0, records, CHUNK):
            total = np.zeros((3, 256, 256), np.uint16)
            for index in range(min(CHUNK, records - first)):
                total += planes[index]
            again.add(total, CHUNK)

    def caffes() -> None:
        program = Path(caffe_program()).with_name("compute_image_mean")
        subprocess.run([program, path, mean_file], check=True, capture_output=True)

    seconds = alternate({"ours": timed(ours), "compute_image_mean": timed(caffes)}, work.rounds, "mean")
    apart = float(np.abs(read_mean(mean_file) - mean.value()).max())
    return [
        *(
            figure("mean image", name, [1e6 * s / records for s in values], "us/view")
            for name, values in seconds.items()
        ),
        figure(
            "mean image", "ours over compute_image_mean", ratios(seconds["ours"], seconds["compute_image_mean"]), "x"
        ),
        figure("mean image", "largest difference", [apart], "grey levels"),
    ]
