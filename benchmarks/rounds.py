"""What the benchmarks share: measuring in turn, printing figures, and the synthetic cells and net they work on."""

import argparse
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

import numpy as np

from data_prep.cells import Dataset
from data_prep.dataset import open_dataset
from data_prep.prepare import prepare_fold
from data_prep.views import SIZE, Grid
from deeppap.engines.device import Device
from deeppap.io.caffe_messages import prototxt_folder, read_binary
from deeppap.io.progress import progress
from deeppap.phantom.cell_set import make_phantom
from deeppap.phantom.slide import BLOCK, CELLS, make_slide
from deeppap.records import Machine, Request
from deeppap.training.snapshots import TRAIN_LMDB

GRID = Grid(10, 10)
DEPLOY = prototxt_folder(2) / "deploy.prototxt"
FLAT_MEAN = np.full((3, SIZE, SIZE), 128, np.float32)  # subtracting it costs what any mean image does
SLIDE = 300_000  # cells

Task = Callable[[], float]  # does its work once and returns the seconds it took


def options(doc: str) -> argparse.Namespace:
    """The options of every benchmark; prints the machine first, while the load is still that of others."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default: 5)")
    parser.add_argument("--folder", type=Path, default=Path("runs/bench"), help="where it works (default: runs/bench)")
    parser.add_argument("--smallest", action="store_true", help="the smallest sizes, only to see that it runs")
    args = parser.parse_args()
    os.environ.setdefault("GLOG_minloglevel", "2")
    load, where = os.getloadavg()[0], Machine.here()
    print(doc.splitlines()[0])
    print(f"{where.processor}, {where.cores} cores, {where.system}; load before: {load:.2f}")
    peak = gemm_peak(256 if args.smallest else 2048)
    print(f"{Device().describe()}; matrix product on all cores: {peak:.0f} GFLOP/s")
    args.folder = args.folder.absolute()
    args.folder.mkdir(parents=True, exist_ok=True)
    return args


def gemm_peak(size: int) -> float:
    """GFLOP/s of one large float32 matrix product by NumPy: the most that Caffe's own products can reach."""
    a = np.random.default_rng(1).random((size, size), np.float32)
    # the first product also starts the threads
    seconds = [timed(lambda: a @ a)() for _ in range(6)]
    return 2 * size**3 / median(seconds[1:]) / 1e9


def timed(work: Callable[[], object]) -> Task:
    """A task that is nothing but this work."""

    def run() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return run


def alternate(tasks: Mapping[str, Task], rounds: int, warm_up: bool = True) -> dict[str, list[float]]:
    """Seconds of every task in every round.

    What else the machine does meets all tasks alike: each runs once unmeasured (`warm_up`), then the rounds go
    through them forwards and backwards by turns, so that none is always the one after another.
    """
    names = list(tasks)
    for name in names if warm_up else ():
        tasks[name]()
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in progress(range(rounds), desc="rounds"):
        for name in names if number % 2 == 0 else reversed(names):
            seconds[name].append(tasks[name]())
    return seconds


def ratios(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """The ratio of two tasks' figures, round by round."""
    return [a / b for a, b in zip(over, under, strict=True)]


def show(name: str, values: Sequence[float], unit: str) -> None:
    """Print one figure: the median of its rounds, the lowest and the highest."""
    middle, low, high = (f"{v:,.0f}" if v >= 100 else f"{v:.3g}" for v in (median(values), min(values), max(values)))
    print(f"{name:64} {middle:>9} {unit}" + (f"  ({low} - {high})" if len(values) > 1 else ""))


def synthetic_cells(args: argparse.Namespace) -> Dataset:
    """Drawn cells, the same every time and for all benchmarks."""
    if not (args.folder / "phantom").exists():
        make_phantom(args.folder / "phantom", 20 if args.smallest else 60)
    return open_dataset(args.folder / "phantom")


def random_net(folder: Path) -> Path:
    """A .caffemodel of ConvNet-T with seeded Gaussian weights, written once."""
    import caffe

    path = folder / "random.caffemodel"
    if path.exists():
        return path
    caffe.set_mode_cpu()
    rng, net = np.random.default_rng(1), caffe.Net(str(DEPLOY), caffe.TEST)
    for weights, bias in net.params.values():
        # small enough that no probability ends at 0 or 1, where all engines would agree
        weights.data[...] = rng.normal(0, 0.75 * np.prod(weights.data.shape[1:]) ** -0.5, weights.data.shape)
        bias.data[...] = 0
    net.save(str(path))
    return path


def random_fold(args: argparse.Namespace) -> Path:
    """A fold's folder with `random_net` as its snapshot, as if Caffe had been started by hand."""
    request = Request(data=(str(synthetic_cells(args).root),), profile="smallest")
    fold, _ = prepare_fold(request, 0, 1, "screening", args.folder / "runs", say=lambda line: None)
    net = read_binary(random_net(args.folder), "NetParameter", "Remove it.")
    # Caffe writes so whose snapshot it is
    data = net.layer.add(name="data", type="Data")
    data.data_param.source = str(fold / TRAIN_LMDB)
    data.transform_param.mean_file = str(fold / "mean.binaryproto")
    (fold / "snapshots").mkdir(exist_ok=True)
    (fold / "snapshots/convnet_t_iter_1.caffemodel").write_bytes(net.SerializeToString())
    return fold


def synthetic_slide(folder: Path, cells: int) -> Path:
    """A slide of about so many drawn cells, as small as it can be, made once."""
    fields = max(1, round(cells / CELLS))
    side = BLOCK * math.ceil(math.sqrt(fields))
    path = folder / f"slide_{fields}.tif"
    if not path.exists():
        make_slide(path, side, fields)
    return path
