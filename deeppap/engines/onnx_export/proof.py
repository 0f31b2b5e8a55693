"""The proof of an exported graph: every layer's output beside Caffe's, on the same input."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from google.protobuf.message import Message

from deeppap.engines.caffe_layers import caffe_layers
from deeppap.engines.onnx_export.graph import sized
from deeppap.engines.onnx_export.own_tops import with_own_tops
from deeppap.io.caffe_messages import read_prototxt
from deeppap.io.errors import UserError

ALLOWED = 1e-5  # of the largest absolute value that Caffe's layer gives
NEED = "Install the engines: make engines"


@dataclass(frozen=True)
class LayerDifference:
    """How far a layer's output is from Caffe's; `range` is the largest absolute value there."""

    layer: str
    largest: float
    range: float

    @property
    def share(self) -> float:
        """Of the range."""
        return self.largest / self.range if self.range else self.largest

    def __str__(self) -> str:
        return f"{self.layer:12} {self.largest:.2e} of {self.range:.4g} ({self.share:.1e})"


def prove(model: Message, deploy: Path, weights: Path, data: np.ndarray) -> list[LayerDifference]:
    """Compare all layers for one batch of the net's input, float32 (N, C, H, W).

    Raises
    ------
    UserError
        Naming the first layer that differs by more than 1e-5 of its range.
    """
    net = sized(with_own_tops(read_prototxt(deploy, "NetParameter")), deploy, list(data.shape[1:]))
    expected = caffe_layers(net, weights, data)
    outputs = run_onnx(with_all_outputs(model), data)
    differences = []
    for layer in net.layer:
        for name in layer.top if layer.type != "Input" else ():
            largest = float(np.abs(outputs[name] - expected[name]).max())
            differences.append(LayerDifference(name, largest, float(np.abs(expected[name]).max())))
            if not differences[-1].share <= ALLOWED:  # NaN too
                expectation = f"{name} within {ALLOWED:g} of its range of Caffe's"
                raise UserError("the ONNX graph", expectation, str(differences[-1]), "Score with Caffe.")
    return differences


def with_all_outputs(model: Message) -> Message:
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
    """All outputs of a model for its one input, by ONNX Runtime on the CPU, as the graph states it: unoptimised."""
    try:
        import onnxruntime
    except ImportError:
        raise UserError("onnxruntime", "the package that proves the export", "none", NEED) from None
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {session.get_inputs()[0].name: data}), strict=True))
