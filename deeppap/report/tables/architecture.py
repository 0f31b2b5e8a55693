"""The architecture, as Caffe builds it from the hand-written prototxt (paper: Table 2)."""

import math
from collections.abc import Sequence
from functools import cache

from google.protobuf.message import Message

from deeppap.engines.net_probe import probe_net
from deeppap.io.caffe_messages import prototxt_folder, read_prototxt
from deeppap.report.tables.table import Table
from deeppap.scoring.results import RunResult

COLUMNS = ["layer", "type", "filter", "stride", "pad", "groups", "output", "parameters", "lr_mult"]
INPUTS = ("Input", "Data")
IN_PLACE = ("ReLU", "Dropout")  # they change neither shape nor parameters


def architecture_tables(runs: Sequence[RunResult]) -> list[Table]:
    """Table 2 of every net among the runs, two-class and seven-class."""
    return [architecture_table(classes) for classes in sorted({run.classes for run in runs})]


@cache
def architecture_table(classes: int) -> Table:
    """Layer, filter, stride, output, parameters and learning rate of ConvNet-T, through Caffe."""
    folder = prototxt_folder(classes)
    built = probe_net(folder / "deploy.prototxt")
    deploy = read_prototxt(folder / "deploy.prototxt", "NetParameter")
    rates = {
        layer.name: " / ".join(f"{param.lr_mult:g}" for param in layer.param)
        for layer in read_prototxt(folder / "train_val.prototxt", "NetParameter").layer
        if layer.param
    }
    rows = [["data", "input", None, None, None, None, _size(built["blobs"]["data"]), None, None]]
    total = 0
    for layer in deploy.layer:
        if layer.type in (*INPUTS, *IN_PLACE):
            continue
        count = sum(math.prod(shape) for shape in built["params"].get(layer.name, []))
        total += count
        output = _size(built["blobs"][layer.top[0]])
        rows.append([layer.name, layer.type, *_window(layer), output, count or None, rates.get(layer.name)])
    rows.append(["all", None, None, None, None, None, None, total, None])
    name = "table2" if classes == 2 else "table2_seven"
    title = f"Table 2: ConvNet-T, {classes} classes, as Caffe builds it"
    notes = [
        "lr_mult: weights / biases; a ReLU follows every layer with parameters but the last",
        "parameters count weights and biases",
    ]
    return Table(name, title, COLUMNS, rows, notes)


def _window(layer: Message) -> list:
    """Filter, stride, pad and groups of a layer; None where it has none."""
    if layer.type == "Convolution":
        p = layer.convolution_param
        size, stride, pad = p.kernel_size[0], p.stride[0] if p.stride else 1, p.pad[0] if p.pad else 0
        return [f"{size} x {size}", stride, pad, p.group]
    if layer.type == "Pooling":
        p = layer.pooling_param
        return [f"{p.kernel_size} x {p.kernel_size}", p.stride, p.pad, None]
    if layer.type == "LRN":
        return [f"{layer.lrn_param.local_size} channels", None, None, None]
    return [None] * 4


def _size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape[1:]))
