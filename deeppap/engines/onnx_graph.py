"""A deploy prototxt and its .caffemodel as an ONNX model: the same inputs, the same outputs, the same names.

It needs no Caffe, and knows the layers of this project's nets: `deeppap.engines.net_geometry` lists them.
"""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
from google.protobuf.message import Message
from onnx import helper, load_model_from_string, numpy_helper

from deeppap.engines.deploy import Deploy, read_deploy, require_blob
from deeppap.engines.net_geometry import Shapes, net_shapes, window_of
from deeppap.engines.weights_file import OTHER, check_weights

OPSET, IR = 17, 8  # of 2022, so that every runtime of today reads it
PRODUCER = "deeppap-caffe"
MEANS = "layer_means"  # the output that has a blob's means
FLOAT, UINT8 = 1, 2  # onnx.TensorProto's numbers


class Builder:
    """Collects the nodes and constants of a graph."""

    def __init__(self):
        self.nodes: list[Message] = []
        self.values: list[Message] = []

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes) -> str:
        """Add a node that makes `output`, and return that name."""
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output

    def value(self, name: str, array: np.ndarray) -> str:
        """Add a constant, and return its name."""
        self.values.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name


def net_graph(deploy: Path | Deploy, weights: Path, sha256: str | None = None, do: str = OTHER) -> Message:
    """The net as an ONNX ModelProto; its batch is free, every other size fixed.

    `sha256` is of the weights' bytes, where it is known; `do` says what to do about other weights.

    Raises UserError for a layer that cannot be exported, or weights that do not belong to the net.
    """
    net = with_named_outputs(deploy)
    blobs, params = net_shapes(net)
    stored = check_weights(weights, params, do, sha256).values
    build = Builder()
    for layer in net.layer:
        # the 2014 format stores shapes of four axes, so the net's own shape is used
        shapes = params.get(layer.name, [])
        values = stored.get(layer.name, [])
        arrays = [array.reshape(shape) for array, shape in zip(values, shapes, strict=True)]
        _add_layer(layer, arrays, blobs, build)
    # the ends of the graph: what no layer makes, and what no layer takes
    taken = {name for layer in net.layer for name in layer.bottom}
    inputs = [layer.top[0] for layer in net.layer if layer.type == "Input"]
    outputs = [layer.top[0] for layer in net.layer if layer.top[0] not in taken]
    inputs, outputs = (
        [helper.make_tensor_value_info(name, FLOAT, ["N", *blobs[name][1:]]) for name in names]
        for names in (inputs, outputs)
    )
    return model_of(helper.make_graph(build.nodes, net.name or "net", inputs, outputs, build.values))


def with_means(graph: bytes, deploy: Deploy, blob: str) -> bytes:
    """A graph of `net_graph` that gives a blob's means over its maps too, float32 (N, C), as its second output.

    Raises UserError if the net has no blob of that name.
    """
    require_blob(deploy, blob)
    net = with_named_outputs(deploy)
    layers = zip(deploy.message.layer, net.layer, strict=True)
    # what the last layer that writes into the blob gives
    name = [named.top[0] for layer, named in layers if blob in layer.top][-1]
    shape, build = net_shapes(net)[0][name], Builder()
    if len(shape) == 2:  # no maps
        build.node("Identity", [name], MEANS)
    else:
        build.node("ReduceMean", [name], MEANS, axes=[2, 3], keepdims=0)
    model = load_model_from_string(graph)
    model.graph.node.extend(build.nodes)
    model.graph.output.append(helper.make_tensor_value_info(MEANS, FLOAT, ["N", shape[1]]))
    return model.SerializeToString()


def model_of(graph: Message) -> Message:
    """A ModelProto of a graph, in the opset that is written here."""
    opset = helper.make_opsetid("", OPSET)
    return helper.make_model(graph, producer_name=PRODUCER, opset_imports=[opset], ir_version=IR)


def with_named_outputs(deploy: Path | Deploy) -> Message:
    """A deploy net whose layers never work in place, so that each output has a name and can be compared.

    A layer that did writes a blob of its own, named as the layer is.
    """
    net = deepcopy(read_deploy(deploy).message)
    # Caffe lets ReLU and Dropout write over their input; in ONNX a name is given once
    renamed: dict[str, str] = {}  # a blob of the prototxt: its latest name
    for layer in net.layer:
        in_place = set(layer.bottom) & set(layer.top)
        layer.bottom[:] = [renamed.get(name, name) for name in layer.bottom]
        renamed |= {name: layer.name if name in in_place else name for name in layer.top}
        layer.top[:] = [renamed[name] for name in layer.top]
    return net


def _add_layer(layer: Message, arrays: list[np.ndarray], blobs: Shapes, build: Builder) -> None:
    """Add a layer's nodes; `arrays` are its weights and, if it has one, its bias."""
    inputs, output = list(layer.bottom), layer.top[0]
    names = [f"{layer.name}/{kind}" for kind in ("weights", "bias")]
    values = [build.value(name, array) for name, array in zip(names, arrays, strict=False)]
    match layer.type:
        case "Convolution" | "Deconvolution":
            kind = "Conv" if layer.type == "Convolution" else "ConvTranspose"
            window = window_of(layer)
            build.node(
                kind,
                inputs + values,
                output,
                kernel_shape=(window.kernel,) * 2,
                strides=(window.stride,) * 2,
                pads=(window.pad,) * 4,
                dilations=(window.dilation,) * 2,
                group=layer.convolution_param.group,
            )
        case "InnerProduct":
            # all but the batch is flattened, in the order of Caffe's memory
            flat = build.node("Flatten", inputs, f"{layer.name}/flat", axis=1)
            build.node("Gemm", [flat, *values], output, transB=1)
        case "Pooling":
            window = window_of(layer)
            build.node(
                "MaxPool",
                inputs,
                output,
                kernel_shape=(window.kernel,) * 2,
                strides=(window.stride,) * 2,
                pads=(window.pad,) * 2 + _pad_behind(layer, blobs),
            )
        case "LRN":
            # across channels, and alpha is divided by the size, in Caffe and in ONNX
            given = layer.lrn_param
            build.node("LRN", inputs, output, size=given.local_size, alpha=given.alpha, beta=given.beta, bias=given.k)
        case "Dropout":
            build.node("Identity", inputs, output)  # Caffe scales in training, so nothing is left to do in a test
        case "Softmax" | "Concat":
            build.node(layer.type, inputs, output, axis=1)
        case "ReLU":
            build.node("Relu", inputs, output)
        case "Sigmoid":
            build.node("Sigmoid", inputs, output)


def _pad_behind(layer: Message, blobs: Shapes) -> tuple[int, ...]:
    """Padding after the last row and column: ONNX rounds the number of windows down, Caffe rounds it up."""
    window = window_of(layer)
    behind = []
    for length, windows in zip(blobs[layer.bottom[0]][2:], blobs[layer.top[0]][2:], strict=True):
        missing = (windows - 1) * window.stride + window.kernel - length - window.pad
        behind.append(max(0, missing))
    return tuple(behind)
