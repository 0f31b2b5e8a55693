"""The architecture, as Caffe builds it from the hand-written prototxt (paper: Table 2)."""

import importlib.util
import math
from collections.abc import Sequence

from google.protobuf.message import Message

from deeppap.engines.caffe_net import probe_net
from deeppap.io.caffe_messages import prototxt_file, read_prototxt, training_prototxt
from deeppap.report.runs import Run
from deeppap.report.table import Table
from deeppap.training.resolve import deploy_net

COLUMNS = ["layer", "type", "filter", "stride", "pad", "groups", "output", "parameters", "lr_mult"]
INPUTS = ("Input", "Data")
IN_PLACE = ("ReLU", "Dropout")  # they change neither shape nor parameters
NOTES = [
    "lr_mult: weights / biases; a ReLU follows every layer with parameters but the last",
    "parameters count weights and biases",
]


def architecture_tables(runs: Sequence[Run]) -> list[Table]:
    """Table 2 of every kind of net among the runs: two-class, seven-class, and with other learning rates.

    None without Caffe, which builds the net to tell its shapes.
    """
    if importlib.util.find_spec("caffe") is None:
        return []
    tables: dict[tuple, Table] = {}
    for run in runs:
        classes, rates = len(run.result.outputs), _rates(run)
        # runs of one kind of net share a table
        key = (classes, tuple(rates.items()))
        if key not in tables:
            name = {2: "table2", 7: "table2_seven"}.get(classes, f"table2_{classes}")
            used = [table.name for table in tables.values()]
            name += f"_{len(used) + 1}" if name in used else ""
            adapted = ", adapted" if any(fold.source for fold in run.folds) else ""
            tables[key] = _table(name, run, rates, adapted)
    return list(tables.values())


def _rates(run: Run) -> dict[str, str]:
    """lr_mult of each layer, from the run's own train_val.prototxt if a scored fold has it."""
    usual = training_prototxt(run.record.classes, any(fold.source for fold in run.folds))["train_val"]
    # a user may have trained with rates of their own
    own = (fold.folder / usual.name for fold in run.folds)
    net = read_prototxt(next((path for path in own if path.exists()), usual), "NetParameter")
    return {layer.name: " / ".join(f"{param.lr_mult:g}" for param in layer.param) for layer in net.layer if layer.param}


def _table(name: str, run: Run, rates: dict[str, str], what: str) -> Table:
    """Layer, filter, stride, output, parameters and learning rate of ConvNet-T."""
    deploy = deploy_net(run.record)
    with prototxt_file(deploy) as file:
        built = probe_net(file)
    blobs, params = built["blobs"], built["params"]
    rows = [["data", "input", None, None, None, None, _size(blobs["data"]), None, None]]
    total = 0
    for layer in deploy.layer:
        if layer.type in (*INPUTS, *IN_PLACE):
            continue
        count = sum(math.prod(shape) for shape in params.get(layer.name, []))
        total += count
        output = _size(blobs[layer.top[0]])
        rows.append([layer.name, layer.type, *_window(layer), output, count or None, rates.get(layer.name)])
    rows.append(["all", None, None, None, None, None, None, total, None])
    return Table(
        name,
        f"ConvNet-T as Caffe builds it, {len(run.result.outputs)} classes{what} (paper: Table 2)",
        COLUMNS,
        rows,
        list(NOTES),
    )


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
