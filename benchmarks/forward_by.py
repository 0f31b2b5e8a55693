"""One forward pass of the same net by each library: what benchmarks.own_process runs."""

from pathlib import Path

import numpy as np

from benchmarks.own_process import Run
from benchmarks.timing_nets import INPUT
from deeppap.engines.crops import seeded_crops
from deeppap.engines.device import Device
from deeppap.engines.engine import open_engine

LARGEST = 100  # crops


def crops() -> np.ndarray:
    """The same crops for every library, float32 (100, 3, 227, 227)."""
    return seeded_crops(LARGEST, INPUT)


def caffe(deploy: Path, model: Path, _threads: int) -> Run:
    """Pycaffe; the threads come from OMP_NUM_THREADS."""
    from deeppap.engines.caffe_engine import CaffeEngine

    engine, data = CaffeEngine(deploy, model), crops()

    def forward(batch: int) -> np.ndarray:
        if engine.net.blobs["data"].num != batch:
            engine.room(batch)[...] = data[:batch]
        return engine.net.forward()["prob"]

    return forward


def ours(deploy: Path, model: Path, _threads: int, engine: str, precision: str = "float32") -> Run:
    """One of our other engines, on the CPU."""
    device = Device(engine=engine, precision=precision, without_gpu=True)
    opened, data = open_engine(deploy, model, device, LARGEST), crops()
    return lambda batch: opened(data[:batch])


def opencv(deploy: Path, model: Path, threads: int) -> Run:
    """cv2.dnn's own reader and engine."""
    import cv2

    cv2.setNumThreads(threads)
    net, data = cv2.dnn.readNetFromCaffe(str(deploy), str(model)), crops()

    def forward(batch: int) -> np.ndarray:
        net.setInput(data[:batch])
        return net.forward()

    return forward


def pytorch(deploy: Path, model: Path, threads: int, precision: str = "float32") -> Run:
    """PyTorch, eager."""
    import torch

    from benchmarks.torch_net import in_precision, torch_net

    torch.set_num_threads(threads)
    net, data = in_precision(torch_net(deploy, model), torch.from_numpy(crops()), getattr(torch, precision))

    def forward(batch: int) -> np.ndarray:
        with torch.inference_mode():
            return net(data[:batch]).float().numpy()

    return forward
