"""Images a second of ConvNet-T in Caffe: forward, and forward with backward, by batch."""

import time
from pathlib import Path

import numpy as np

from benchmarks.alternate import alternate
from benchmarks.sheet import Figure, figure
from benchmarks.work import Work
from evaluation.gpu_nets import INPUT, timing_net

FORWARD = (1, 2, 10, 50, 100)
BOTH = (1, 32, 64, 256)


def measure(work: Work) -> list[Figure]:
    """Forward of the deploy net, forward-backward of the training net."""
    figures = []
    for batch in FORWARD:
        seconds = alternate({"forward": _forward(work, batch)}, 4 * work.rounds, f"forward of {batch}")["forward"]
        figures.append(figure("forward", f"batch {batch}", [batch / s for s in seconds], "images/s"))
    for batch in BOTH:
        seconds = alternate({"both": _both(work.folder, batch)}, work.rounds, f"training step of {batch}")["both"]
        figures.append(figure("forward-backward", f"batch {batch}", [batch / s for s in seconds], "images/s"))
    return figures


def _forward(work: Work, batch: int):
    import caffe

    caffe.set_mode_cpu()
    net = caffe.Net(str(work.deploy), caffe.TEST, weights=str(work.model))
    net.blobs["data"].reshape(batch, *INPUT)
    net.reshape()
    net.blobs["data"].data[...] = np.random.default_rng(1).normal(0, 50, (batch, *INPUT))
    return _timed(net.forward)


def _both(folder: Path, batch: int):
    import caffe

    caffe.set_mode_cpu()
    net = caffe.Net(str(timing_net(folder / f"time_{batch}.prototxt", batch, native=True)), caffe.TRAIN)

    def step() -> None:
        net.forward()
        net.backward()

    return _timed(step)


def _timed(work):
    def run() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return run
