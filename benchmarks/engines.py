"""The same net on the same cores by every library, each in a process of its own, in turn, by batch."""

from contextlib import ExitStack
from functools import partial

import numpy as np

from benchmarks import forward_by
from benchmarks.alternate import alternate, ratios
from benchmarks.own_process import Make, OwnProcess, side_by_side
from benchmarks.sheet import Figure, figure
from benchmarks.to_be_had import to_be_had
from benchmarks.work import Work
from deeppap.io.machine import usable_cores

BATCHES = (1, 10, 50, 100)
COMPARED = 50  # at this batch probabilities are compared, and Caffe as one process a core runs too
KINDS: dict[str, tuple[Make, str, str]] = {  # how, the package it needs, the precision
    "Caffe": (forward_by.caffe, "caffe", "float32"),
    "OpenVINO": (partial(forward_by.ours, engine="openvino"), "openvino", "float32"),
    "OpenVINO bfloat16": (partial(forward_by.ours, engine="openvino", precision="bfloat16"), "openvino", "bfloat16"),
    "ONNX Runtime": (partial(forward_by.ours, engine="onnxruntime"), "onnxruntime", "float32"),
    "cv2.dnn": (forward_by.opencv, "cv2", "float32"),
    "PyTorch": (forward_by.pytorch, "torch", "float32"),
    "PyTorch bfloat16": (partial(forward_by.pytorch, precision="bfloat16"), "torch", "bfloat16"),
}


def measure(work: Work) -> list[Figure]:
    """Crops a second of every library that is to be had here, over Caffe's, and how far probabilities lie apart."""
    cores = usable_cores()
    figures = []
    with ExitStack() as stack:

        def start(make: Make, threads: int) -> OwnProcess:
            process = OwnProcess(work, make, threads)
            stack.callback(process.close)
            return process

        kinds = {name: start(make, cores) for name, (make, *needs) in KINDS.items() if to_be_had(name, *needs)}
        many = [start(forward_by.caffe, 1) for _ in range(cores)]
        apart = {name: _apart(one(COMPARED), kinds["Caffe"](COMPARED)) for name, one in kinds.items()}
        for batch in BATCHES:
            tasks = {name: side_by_side([one], batch) for name, one in kinds.items()}
            if batch == COMPARED:
                tasks[f"Caffe, {cores} processes of one thread"] = side_by_side(many, batch)
            figures += _of_batch(batch, alternate(tasks, 4 * work.rounds, f"forward of {batch}"))
    others = [name for name in kinds if name != "Caffe"]
    return figures + [figure("forward", f"{n} and Caffe, probabilities apart", [apart[n]], "") for n in others]


def _of_batch(batch: int, seconds: dict[str, list[float]]) -> list[Figure]:
    group = f"forward of {batch}"
    speeds = [figure(group, name, [batch / s for s in values], "crops/s") for name, values in seconds.items()]
    others = [name for name in seconds if name != "Caffe"]
    return speeds + [figure(group, f"{n} over Caffe", ratios(seconds["Caffe"], seconds[n]), "x") for n in others]


def _apart(found: np.ndarray, reference: np.ndarray) -> float:
    return float(np.abs(found - reference).max())
