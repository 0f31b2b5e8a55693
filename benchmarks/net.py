"""Images a second of ConvNet-T in Caffe: forward, and forward with backward, by batch."""

from pathlib import Path

import numpy as np

from benchmarks.alternate import Task, alternate, timed
from benchmarks.sheet import Figure, figure
from benchmarks.timing_nets import INPUT, timing_net
from benchmarks.work import Work
from engines.caffe_engine import CaffeEngine

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


def _forward(work: Work, batch: int) -> Task:
    engine = CaffeEngine(work.deploy, work.model)
    engine.room(batch)[...] = np.random.default_rng(1).normal(0, 50, (batch, *INPUT))
    return timed(engine.net.forward)


def _both(folder: Path, batch: int) -> Task:
    import caffe

    caffe.set_mode_cpu()
    net = caffe.Net(str(timing_net(folder / f"time_{batch}.prototxt", batch, native=True)), caffe.TRAIN)
    return timed(lambda: (net.forward(), net.backward()))
