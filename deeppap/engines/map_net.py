"""A fully convolutional net, from a picture of any size to a map, run by any engine."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
from google.protobuf.message import Message

from deeppap.engines.caffe_net import CaffeNet
from deeppap.engines.device import Device, require_engine
from deeppap.engines.onnx_engine import graph_runner
from deeppap.io.machine import extra

MapNet = Callable[[np.ndarray], np.ndarray]  # (1, C, H, W) to (1, K, h, w), float32


def installed_engine(precision: str = "float32") -> Device:
    """The CPU, with the fastest engine that is installed: OpenVINO, else ONNX Runtime, else Caffe."""
    # on one core they take 1, 1.6 and 3 times as long for the detector's net
    names = [name for name in ("openvino", "onnxruntime") if importlib.util.find_spec(name)]
    return Device(engine=names[0] if names else "caffe", precision=precision, without_gpu=True)


def open_map_net(deploy: Path, weights: Path, device: Device, do: str) -> MapNet:
    """A net whose layers keep their sizes in proportion, with weights in it: (1, C, H, W) to (1, K, h, w), float32.

    Raises UserError for weights that are missing, cut short or of another net, and an engine that is not installed.
    """
    precision = "float32" if device.engine == "caffe" else device.precision
    require_engine(device.engine, precision)
    if device.engine == "caffe":
        net = CaffeNet(deploy, device.number, weights, do=do)

        def by_caffe(data: np.ndarray) -> np.ndarray:
            net.input("data", data.shape)[...] = data
            return net.forward()

        return by_caffe
    run = graph_runner(_of_any_size(deploy, weights, precision, do), device, precision)
    return lambda data: run(data)[0]


def _of_any_size(deploy: Path, weights: Path, precision: str, do: str) -> bytes:
    """The net's ONNX graph, whose height and width are free: they stand nowhere but in its ends' descriptions."""
    extra("onnx", "a net in another engine than Caffe", "engines")
    from deeppap.engines.onnx_graph import net_graph

    model: Message = net_graph(deploy, weights, do=do)
    # convolutions ask for no size; each end gets names of its own, since the output is half as large
    for number, value in enumerate((*model.graph.input, *model.graph.output)):
        for name, dim in zip("HW", value.type.tensor_type.shape.dim[2:], strict=True):
            dim.dim_param = f"{name}{number}"
    if precision == "bfloat16":
        _ungroup(model.graph)
    return model.SerializeToString()


def _ungroup(graph: Message) -> None:
    """Write deconvolutions that are channel by channel as whole ones, with zeros for the other channels.

    OpenVINO's bfloat16 has no fast kernel for the former: one took as long as the rest of the detector's net.
    """
    from onnx import numpy_helper

    values = {value.name: value for value in graph.initializer}
    for node in graph.node:
        if node.op_type == "ConvTranspose":
            (group,) = (attribute for attribute in node.attribute if attribute.name == "group")
            weights = numpy_helper.to_array(values[node.input[1]])
            if group.i == len(weights):
                whole = np.eye(group.i, dtype=np.float32)[:, :, None, None] * weights
                values[node.input[1]].CopyFrom(numpy_helper.from_array(whole, node.input[1]))
                group.i = 1
