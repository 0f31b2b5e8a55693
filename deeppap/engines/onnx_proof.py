"""A net as an ONNX graph, made anew from its weights each time, and compared with Caffe layer by layer.

No graph is kept in a file: one that lies beside weights from elsewhere would be taken for theirs.
"""

import os
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from google.protobuf.message import Message

from deeppap.engines.caffe_net import all_blobs
from deeppap.engines.crops import seeded_crops
from deeppap.engines.deploy import Deploy, crop_and_classes, read_deploy
from deeppap.engines.device import caffe_select, import_onnxruntime
from deeppap.io.errors import UserError
from deeppap.io.files import digest, sha256_file, write_text
from deeppap.io.machine import extra

VERSION = 2  # of the exporter: graphs of another one are compared again
CROPS = 4  # that a graph is compared on
ALLOWED = 1e-5  # of the largest absolute value that Caffe's layer gives


@dataclass(frozen=True)
class LayerDifference:
    """How far a layer's output is from Caffe's; `range` is the largest absolute value there."""

    layer: str
    largest: float
    range: float

    def __str__(self) -> str:
        return f"{self.layer:12} {self.largest:.2e} of {self.range:.4g} ({self.largest / (self.range or 1):.1e})"


def proven_graph(deploy: Path | Deploy, weights: Path, sha256: str | None = None) -> tuple[bytes, int, int]:
    """The net as ONNX, the side of its input, and its outputs; compared with Caffe, if installed, once on this machine.

    `sha256` is of the weights' bytes, where it is known.

    Raises UserError if the net cannot be exported, or its graph does not give what Caffe gives.
    """
    extra("onnx", "exporting a net", "engines")
    from deeppap.engines.onnx_graph import net_graph

    deploy = read_deploy(deploy)
    # made anew in a second; a file beside the weights could be anybody's
    model = net_graph(deploy, weights, sha256=sha256)
    ends = {value.name: value.type.tensor_type.shape.dim for value in (*model.graph.input, *model.graph.output)}
    crop, classes = crop_and_classes(deploy, {name: [dim.dim_value for dim in dims] for name, dims in ends.items()})
    mark = compared_mark(deploy, sha256 or sha256_file(weights))
    # where no Caffe is installed (make score) there is nothing to compare with
    if caffe_select() is not None and not mark.exists():
        shape = [dim.dim_value for dim in ends["data"]][1:]
        compare_layers(model, deploy, weights, seeded_crops(CROPS, shape))
        with suppress(OSError):  # a home that cannot be written to: it is compared each time
            write_text(mark, "")
    return model.SerializeToString(), crop, classes


def compared_mark(deploy: Deploy, sha256: str) -> Path:
    """The empty file that says that a net was compared with Caffe; in the user's own cache, whoever made the net."""
    cache = Path(os.environ.get("DEEPPAP_CACHE") or Path.home() / ".cache/deeppap")
    return cache / "compared" / digest(VERSION, sha256, deploy.sha256)


def compare_layers(model: Message, deploy: Path | Deploy, weights: Path, data: np.ndarray) -> list[LayerDifference]:
    """Compare all layers with Caffe's for one batch of the net's input, float32 (N, C, H, W).

    Raises UserError naming the first layer that differs by more than 1e-5 of its range.
    """
    from deeppap.engines.onnx_graph import with_named_outputs

    net = with_named_outputs(deploy)
    expected = all_blobs(net, weights, data)
    outputs = run_onnx(_with_all_outputs(model), data)
    differences = []
    for name in (layer.top[0] for layer in net.layer if layer.type != "Input"):
        largest = float(np.abs(outputs[name] - expected[name]).max())
        difference = LayerDifference(name, largest, float(np.abs(expected[name]).max()))
        if not largest <= ALLOWED * (difference.range or 1):  # NaN too
            expectation = f"{name} within {ALLOWED:g} of its range of Caffe's"
            raise UserError("the ONNX graph", expectation, str(difference), "Score with Caffe.")
        differences.append(difference)
    return differences


def _with_all_outputs(model: Message) -> Message:
    """A copy of a model that gives the output of every node."""
    copy = deepcopy(model)
    # ONNX Runtime hands out nothing but declared outputs
    named = {value.name for value in copy.graph.output}
    for node in copy.graph.node:
        for name in node.output:
            if name not in named:
                copy.graph.output.add(name=name)
    return copy


def run_onnx(model: Message, data: np.ndarray) -> dict[str, np.ndarray]:
    """All outputs of a model for its one input, by ONNX Runtime on the CPU, without its optimizations."""
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {session.get_inputs()[0].name: data}), strict=True))
