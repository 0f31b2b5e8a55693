"""The same net on the same cores by other means, each in a process of its own, in turn."""

import importlib.util
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks.alternate import alternate, ratios
from benchmarks.sheet import Figure, figure
from benchmarks.timing_nets import INPUT
from benchmarks.work import Work
from common.cores import usable_cores

BATCH = 50


def crops() -> np.ndarray:
    """The same crops for every engine, float32 (50, 3, 227, 227)."""
    rng = np.random.default_rng(1)
    return rng.normal(rng.uniform(-80, 80, (BATCH, 1, 1, 1)), 50, (BATCH, *INPUT)).astype(np.float32)


def caffe(deploy: Path, model: Path, _threads: int) -> Callable[[], np.ndarray]:
    """Pycaffe; the threads come from OMP_NUM_THREADS."""
    from engines.caffe_engine import CaffeEngine

    engine = CaffeEngine(deploy, model, batch=BATCH)
    engine.room(BATCH)[...] = crops()
    return lambda: engine.net.forward()["prob"]


def opencv(deploy: Path, model: Path, threads: int) -> Callable[[], np.ndarray]:
    """cv2.dnn's own reader and engine."""
    import cv2

    cv2.setNumThreads(threads)
    net = cv2.dnn.readNetFromCaffe(str(deploy), str(model))
    data = crops()

    def forward() -> np.ndarray:
        net.setInput(data)
        return net.forward()

    return forward


def pytorch(deploy: Path, model: Path, threads: int) -> Callable[[], np.ndarray]:
    """PyTorch, eager, float32."""
    import torch

    from benchmarks.torch_net import torch_net

    torch.set_num_threads(threads)
    net, data = torch_net(deploy, model), torch.from_numpy(crops())

    def forward() -> np.ndarray:
        with torch.inference_mode():
            return net(data).numpy()

    return forward


ENGINES = {"caffe": caffe, "opencv": opencv, "torch": pytorch}


def _serve(pipe, engine: str, deploy: Path, model: Path, threads: int) -> None:
    os.environ.update(OMP_NUM_THREADS=str(threads), OMP_WAIT_POLICY="PASSIVE")  # before any library is loaded
    forward = ENGINES[engine](deploy, model, threads)
    pipe.send(forward())
    while pipe.recv():
        forward()
        pipe.send(None)


class Engine:
    """A process that runs one forward pass of 50 crops whenever it is told to."""

    def __init__(self, work: Work, engine: str, threads: int):
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        arguments = (theirs, engine, work.deploy, work.model, threads)
        self.process = context.Process(target=_serve, args=arguments, daemon=True)
        self.process.start()
        theirs.close()
        self.prob = self.pipe.recv()

    def close(self) -> None:
        """End the process."""
        self.pipe.send(False)
        self.process.join()


def _task(engines: list[Engine]):
    def run() -> float:
        start = time.perf_counter()
        for engine in engines:
            engine.pipe.send(True)
        for engine in engines:
            engine.pipe.recv()
        return (time.perf_counter() - start) / len(engines)

    return run


def measure(work: Work) -> list[Figure]:
    """Crops a second of Caffe, of Caffe as one process a core, of cv2.dnn, and of PyTorch where it is installed."""
    cores = usable_cores()
    kinds = {"Caffe": ("caffe", 1, cores), f"Caffe, {cores} processes of one thread": ("caffe", cores, 1)}
    kinds["cv2.dnn"] = ("opencv", 1, cores)
    if importlib.util.find_spec("torch"):
        kinds["PyTorch"] = ("torch", 1, cores)
    figures = []
    with ExitStack() as stack:
        engines = {}
        for name, (engine, count, threads) in kinds.items():
            engines[name] = [Engine(work, engine, threads) for _ in range(count)]
            for one in engines[name]:
                stack.callback(one.close)
        seconds = alternate({n: _task(e) for n, e in engines.items()}, 4 * work.rounds, "engines")
        for name, values in seconds.items():
            figures.append(figure("engines", name, [BATCH / s for s in values], "crops/s"))
        for name, values in seconds.items():
            if name != "Caffe":
                apart = float(np.abs(engines[name][0].prob - engines["Caffe"][0].prob).max())
                figures.append(figure("engines", f"Caffe over {name}", ratios(values, seconds["Caffe"]), "x"))
                figures.append(figure("engines", f"Caffe and {name}, probabilities apart", [apart], ""))
    return figures
