"""An exported graph beside its .caffemodel: compared with Caffe layer by layer when it is made, and made once."""

import errno
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from google.protobuf.message import Message

from deeppap.engines.caffe_net import all_blobs
from deeppap.engines.crops import seeded_crops
from deeppap.engines.device import caffe_select
from deeppap.io.caffe_messages import read_prototxt, write_prototxt
from deeppap.io.errors import UserError
from deeppap.io.files import digest, read_json, sha256_file, write_bytes, write_json
from deeppap.io.machine import extra

VERSION = 1  # of the exporter: a graph that an older one made is made again
CROPS = 4  # that a graph is compared on
ALLOWED = 1e-5  # of the largest absolute value that Caffe's layer gives


@dataclass(frozen=True)
class LayerDifference:
    """How far a layer's output is from Caffe's; `range` is the largest absolute value there."""

    layer: str
    largest: float
    range: float

    @property
    def share(self) -> float:
        """The difference as a part of the range."""
        return self.largest / self.range if self.range else self.largest

    def __str__(self) -> str:
        return f"{self.layer:12} {self.largest:.2e} of {self.range:.4g} ({self.share:.1e})"


def cached_graph(deploy: Path, weights: Path) -> bytes:
    """The net as ONNX, from beside the weights if it was exported before.

    Where Caffe is not installed, a new graph is not compared with it; it is made again once Caffe is.

    Raises
    ------
    UserError
        If the net cannot be exported, or its graph does not give what Caffe gives.
    """
    net = write_prototxt(read_prototxt(deploy, "NetParameter"))
    if not weights.is_file():
        raise UserError(weights, "a .caffemodel", "no such file", "Give the path of a trained model.")
    key = digest(VERSION, sha256_file(weights), net)
    file, record = weights.with_suffix(".onnx"), weights.with_suffix(".onnx.json")
    graph = _kept_graph(file, record, key)
    if graph is not None:
        return graph
    compared = caffe_select() is not None
    graph = _new_graph(deploy, weights, compared)
    try:
        write_bytes(file, graph)
        facts = {"made_from": key, "sha256": hashlib.sha256(graph).hexdigest(), "compared_with_caffe": compared}
        write_json(record, facts)
    except OSError as error:
        # on a read-only disk it is exported each time
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
    return graph


def _kept_graph(file: Path, record: Path, key: str) -> bytes | None:
    """The graph of an earlier export, if it is whole and of this net and these weights."""
    if not (file.is_file() and record.is_file()):
        return None
    try:
        facts = read_json(record, "tools/evaluate.py")
    except UserError:
        return None
    if not isinstance(facts, dict) or facts.get("made_from") != key:
        return None
    if caffe_select() is not None and not facts.get("compared_with_caffe"):
        return None
    graph = file.read_bytes()
    return graph if facts.get("sha256") == hashlib.sha256(graph).hexdigest() else None


def _new_graph(deploy: Path, weights: Path, compare: bool) -> bytes:
    extra("onnx", "exporting a net", "engines")
    from deeppap.engines.onnx_graph import net_graph

    model = net_graph(deploy, weights)
    names = [value.name for value in (*model.graph.input, *model.graph.output)]
    if names != ["data", "prob"]:
        raise UserError(deploy, "blobs named data and prob", ", ".join(names), "Give a deploy prototxt of ConvNet-T.")
    if compare:
        shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim][1:]
        compare_layers(model, deploy, weights, seeded_crops(CROPS, shape))
    return model.SerializeToString()


def compare_layers(model: Message, deploy: Path, weights: Path, data: np.ndarray) -> list[LayerDifference]:
    """Compare all layers with Caffe's for one batch of the net's input, float32 (N, C, H, W).

    Raises
    ------
    UserError
        Naming the first layer that differs by more than 1e-5 of its range.
    """
    from deeppap.engines.onnx_graph import with_named_outputs

    net = with_named_outputs(deploy, list(data.shape[1:]))
    expected = all_blobs(net, weights, data)
    outputs = run_onnx(_with_all_outputs(model), data)
    differences = []
    for name in (layer.top[0] for layer in net.layer if layer.type != "Input"):
        largest = float(np.abs(outputs[name] - expected[name]).max())
        difference = LayerDifference(name, largest, float(np.abs(expected[name]).max()))
        if not difference.share <= ALLOWED:  # NaN too
            expectation = f"{name} within {ALLOWED:g} of its range of Caffe's"
            raise UserError("the ONNX graph", expectation, str(difference), "Score with Caffe.")
        differences.append(difference)
    return differences


def _with_all_outputs(model: Message) -> Message:
    """A copy of a model that gives the output of every node."""
    copy = type(model)()
    copy.CopyFrom(model)
    named = {value.name for value in copy.graph.output}
    for node in copy.graph.node:
        for name in node.output:
            if name not in named:
                copy.graph.output.add(name=name)
    return copy


def run_onnx(model: Message, data: np.ndarray) -> dict[str, np.ndarray]:
    """All outputs of a model for its one input, by ONNX Runtime on the CPU, without its optimizations."""
    onnxruntime = extra("onnxruntime", "comparing an exported net with Caffe", "engines")
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {session.get_inputs()[0].name: data}), strict=True))
