"""One forward pass and one training step of ConvNet-T by each library, in turn, each in a process of its own.

    .venv/bin/python benchmarks/forward.py

Speeds are crops a second by batch, and how many times Caffe's in the same rounds. A training step is forward and
backward without the update, by Caffe and by PyTorch. Two Caffe processes of one thread are compared with one of two.
Libraries and precisions that this machine does not have are left out; PyTorch is in requirements-bench.txt.
"""

import importlib.util
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rounds import DEPLOY, Task, alternate, options, random_net, ratios, show, timed

from deeppap.engines.crops import seeded_crops
from deeppap.engines.device import Device, has_bfloat16
from deeppap.engines.engine import open_engine
from deeppap.engines.weights_file import blob_array, layers_of
from deeppap.io.caffe_messages import prototxt_folder, read_binary, read_prototxt, write_prototxt
from deeppap.io.machine import usable_cores

INPUT = (3, 227, 227)
COMPARED = 50  # the batch at which probabilities are compared, and Caffe as one process a core runs too
Run = Callable[[int], np.ndarray]  # does its work once on so many crops


def caffe_forward(model: Path, _threads: int) -> Run:
    """Pycaffe; OMP_NUM_THREADS sets its threads."""
    from deeppap.engines.caffe_engine import CaffeEngine

    engine, data = CaffeEngine(DEPLOY, model), seeded_crops(100, INPUT)

    def forward(batch: int) -> np.ndarray:
        if len(engine.net.blobs["data"].data) != batch:
            engine.net.input("data", (batch, *INPUT))[...] = data[:batch]
        return engine.net.forward()

    return forward


def engine_forward(model: Path, _threads: int, engine: str, precision: str = "float32") -> Run:
    """Another engine of this project."""
    opened = open_engine(DEPLOY, model, Device(engine=engine, precision=precision, without_gpu=True), 100)
    data = seeded_crops(100, INPUT)
    return lambda batch: opened(data[:batch])


def opencv_forward(model: Path, threads: int) -> Run:
    """OpenCV's reader and engine, cv2.dnn."""
    import cv2

    cv2.setNumThreads(threads)
    net, data = cv2.dnn.readNetFromCaffe(str(DEPLOY), str(model)), seeded_crops(100, INPUT)

    def forward(batch: int) -> np.ndarray:
        net.setInput(data[:batch])
        return net.forward()

    return forward


def torch_forward(model: Path, threads: int, precision: str = "float32") -> Run:
    """PyTorch, eager."""
    import torch

    torch.set_num_threads(threads)
    net, data = torch_net(model, torch.from_numpy(seeded_crops(100, INPUT)), precision)
    net = torch.nn.Sequential(net, torch.nn.Softmax(dim=1)).eval()

    def forward(batch: int) -> np.ndarray:
        with torch.inference_mode():
            return net(data[:batch]).float().numpy()

    return forward


def torch_net(model: Path, data, precision: str):
    """ConvNet-T up to fc8 with the weights of a .caffemodel, and the data, in the precision asked for."""
    import torch
    from torch import nn

    class Norm(nn.LocalResponseNorm):
        """LRN, which PyTorch has in float32 alone."""

        def forward(self, data):
            return super().forward(data.float()).to(data.dtype)

    def block(conv, normalise: bool) -> list:
        pool = nn.MaxPool2d(3, 2, ceil_mode=True)  # Caffe rounds up
        return [conv, nn.ReLU(), pool, *([Norm(5, 1e-4, 0.75, 1.0)] if normalise else [])]

    net = nn.Sequential(
        *block(nn.Conv2d(3, 96, 11, 4), True),
        *block(nn.Conv2d(96, 256, 5, padding=2, groups=2), True),
        *(nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU()),
        *block(nn.Conv2d(384, 256, 3, padding=1, groups=2), False),
        *(nn.Flatten(), nn.Linear(9216, 1024), nn.ReLU(), nn.Dropout(0.5)),
        *(nn.Linear(1024, 256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, 2)),
    )
    weights = layers_of(read_binary(model, "NetParameter", "Give a .caffemodel.")).values()
    layers = [layer for layer in net if isinstance(layer, nn.Conv2d | nn.Linear)]
    for layer, blobs in zip(layers, weights, strict=True):
        layer.weight.data, layer.bias.data = (torch.from_numpy(blob_array(blob).copy()) for blob in blobs)
    if precision == "float32":
        return net, data
    # channels last is how PyTorch is fast at bfloat16
    kind, order = getattr(torch, precision), torch.channels_last
    return net.to(kind, memory_format=order), data.to(kind, memory_format=order)


def caffe_step(model: Path, _threads: int) -> Run:
    """The training net on constant data."""
    import caffe

    caffe.set_mode_cpu()
    nets: dict = {}

    def step(batch: int) -> np.ndarray:
        if batch not in nets:
            nets.clear()
            nets[batch] = caffe.Net(str(training_net(model.with_name(f"train_{batch}.prototxt"), batch)), caffe.TRAIN)
        loss = nets[batch].forward()["loss"].copy()
        nets[batch].backward()
        return loss

    return step


def training_net(out: Path, batch: int) -> Path:
    """The training net with constant data in place of its LMDBs."""
    net = read_prototxt(prototxt_folder(2) / "train_val.prototxt", "NetParameter")
    made = type(net)(name=net.name)
    dummy = made.layer.add(name="data", type="DummyData", top=["data", "label"])
    for shape in ((batch, *INPUT), (batch,)):
        dummy.dummy_data_param.shape.add().dim.extend(shape)
    made.layer.extend(layer for layer in net.layer if layer.type not in ("Data", "Accuracy"))
    out.write_text(write_prototxt(made), encoding="utf-8")
    return out


def torch_step(model: Path, threads: int, precision: str = "float32") -> Run:
    """PyTorch, eager."""
    import torch

    torch.set_num_threads(threads)
    net, data = torch_net(model, torch.zeros((256, *INPUT)), precision)
    labels = torch.zeros(len(data), dtype=torch.long)

    def step(batch: int) -> np.ndarray:
        net.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(net(data[:batch]).float(), labels[:batch])
        loss.backward()
        return loss.detach().numpy()

    return step


FORWARD = {  # by name: what makes it, and the package that it needs
    "Caffe": (caffe_forward, "caffe"),
    "OpenVINO": (partial(engine_forward, engine="openvino"), "openvino"),
    "OpenVINO bfloat16": (partial(engine_forward, engine="openvino", precision="bfloat16"), "openvino"),
    "ONNX Runtime": (partial(engine_forward, engine="onnxruntime"), "onnxruntime"),
    "cv2.dnn": (opencv_forward, "cv2"),
    "PyTorch": (torch_forward, "torch"),
    "PyTorch bfloat16": (partial(torch_forward, precision="bfloat16"), "torch"),
}
TRAINING = {
    "Caffe": (caffe_step, "caffe"),
    "PyTorch": (torch_step, "torch"),
    "PyTorch bfloat16": (partial(torch_step, precision="bfloat16"), "torch"),
}


def is_here(name: str, package: str) -> bool:
    """Whether a package is installed and the processor has the precision; prints what is left out."""
    if importlib.util.find_spec(package) is None:
        print(f"left out: {name}: the package {package} is not installed")
        return False
    if "bfloat16" in name and not (importlib.util.find_spec("openvino") and has_bfloat16()):
        print(f"left out: {name}: this processor has no bfloat16 (AVX-512 BF16 or AMX)")
        return False
    return True


def own_process(make: Callable[[Path, int], Run], model: Path, threads: int) -> ProcessPoolExecutor:
    """Something measured in a process of its own, so that libraries do not share threads."""
    return ProcessPoolExecutor(1, get_context("spawn"), begin, (make, model, threads))


def begin(make: Callable[[Path, int], Run], model: Path, threads: int) -> None:
    """Make ready what `run_once` runs, in the new process."""
    global made
    os.environ.update(OMP_NUM_THREADS=str(threads), OMP_WAIT_POLICY="PASSIVE")  # before any library is loaded
    made = make(model, threads)


def run_once(batch: int) -> np.ndarray:
    """What one run on `batch` crops gives."""
    return made(batch)


def side_by_side(processes: list[ProcessPoolExecutor], batch: int) -> Task:
    """Runs all of them at once, each on `batch` crops; seconds for the work of one."""
    task = timed(lambda: [done.result() for done in [one.submit(run_once, batch) for one in processes]])
    return lambda: task() / len(processes)


def compare(args, kinds: dict, batches: tuple[int, ...], rounds: int, title: str) -> None:
    """Speed of every library over Caffe's, batch after batch; of forward passes also how far probabilities differ."""
    model, cores = random_net(args.folder), usable_cores()
    with ExitStack() as stack:
        here = {name: make for name, (make, package) in kinds.items() if is_here(name, package)}
        running = {name: stack.enter_context(own_process(make, model, cores)) for name, make in here.items()}
        ones = range(cores if kinds is FORWARD else 0)
        single = [stack.enter_context(own_process(caffe_forward, model, 1)) for _ in ones]
        for batch in batches:
            tasks = {name: side_by_side([one], batch) for name, one in running.items()}
            if single and batch == batches[-1]:
                tasks[f"Caffe, {cores} processes of one thread"] = side_by_side(single, batch)
            seconds = alternate(tasks, rounds, not args.smallest)
            for name, values in seconds.items():
                show(f"{title} of {batch}, {name}", [batch / s for s in values], "crops/s")
                if name != "Caffe":
                    show(f"{title} of {batch}, {name} over Caffe", ratios(seconds["Caffe"], values), "x")
        if kinds is FORWARD:
            reference, *others = ((name, one.submit(run_once, batches[-1]).result()) for name, one in running.items())
            for name, found in others:
                show(f"{name} and Caffe, largest difference", [float(np.abs(found - reference[1]).max())], "")


if __name__ == "__main__":
    chosen = options(__doc__)
    many = chosen.rounds if chosen.smallest else 4 * chosen.rounds  # forward passes are short
    compare(chosen, FORWARD, (2,) if chosen.smallest else (1, 10, 100, COMPARED), many, "forward")
    compare(chosen, TRAINING, (2,) if chosen.smallest else (1, 32, 256), chosen.rounds, "training step")
