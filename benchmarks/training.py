"""Images a second of a training step, forward and backward without the update, by Caffe and by PyTorch in turn."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.alternate import alternate, ratios
from benchmarks.own_process import Make, OwnProcess, Run, side_by_side
from benchmarks.sheet import Figure, figure
from benchmarks.timing_nets import INPUT, timing_net
from benchmarks.to_be_had import to_be_had
from benchmarks.work import Work
from deeppap.io.machine import usable_cores

BATCHES = (1, 32, 256)


def caffe(_deploy: Path, model: Path, _threads: int) -> Run:
    """The training net on constant data."""
    import caffe

    caffe.set_mode_cpu()
    nets: dict[int, caffe.Net] = {}

    def step(batch: int) -> np.ndarray:
        if batch not in nets:
            nets.clear()
            file = timing_net(model.with_name(f"time_{batch}.prototxt"), batch, native=True)
            nets[batch] = caffe.Net(str(file), caffe.TRAIN)
        loss = nets[batch].forward()["loss"].copy()
        nets[batch].backward()
        return loss

    return step


def pytorch(deploy: Path, model: Path, threads: int, precision: str = "float32") -> Run:
    """PyTorch, eager."""
    import torch

    from benchmarks.torch_net import in_precision, training_net

    torch.set_num_threads(threads)
    zeros = torch.zeros((max(BATCHES), *INPUT))
    net, data = in_precision(training_net(deploy, model), zeros, getattr(torch, precision))
    labels = torch.zeros(len(data), dtype=torch.long)

    def step(batch: int) -> np.ndarray:
        net.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(net(data[:batch]).float(), labels[:batch])
        loss.backward()
        return loss.detach().numpy()

    return step


KINDS: dict[str, tuple[Make, str, str]] = {  # how, the package it needs, the precision
    "Caffe": (caffe, "caffe", "float32"),
    "PyTorch": (pytorch, "torch", "float32"),
    "PyTorch bfloat16": (partial(pytorch, precision="bfloat16"), "torch", "bfloat16"),
}


def measure(work: Work) -> list[Figure]:
    """Images a second of each, and each over Caffe."""
    figures = []
    with ExitStack() as stack:
        kinds = {
            name: OwnProcess(work, make, usable_cores())
            for name, (make, *needs) in KINDS.items()
            if to_be_had(name, *needs)
        }
        for one in kinds.values():
            stack.callback(one.close)
        for batch in BATCHES:
            tasks = {name: side_by_side([one], batch) for name, one in kinds.items()}
            seconds = alternate(tasks, work.rounds, f"training step of {batch}")
            for name, values in seconds.items():
                group = f"training step of {batch}"
                figures.append(figure(group, name, [batch / s for s in values], "images/s"))
                if name != "Caffe":
                    figures.append(figure(group, f"{name} over Caffe", ratios(seconds["Caffe"], values), "x"))
    return figures
