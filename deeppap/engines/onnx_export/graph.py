"""A deploy prototxt and its .caffemodel as an ONNX model: the same inputs, the same outputs, the same names."""

from pathlib import Path

from google.protobuf.message import Message
from onnx import helper

from deeppap.engines.net_probe import probe_net
from deeppap.engines.onnx_export.builder import FLOAT, Builder
from deeppap.engines.onnx_export.layers import make_layer
from deeppap.engines.onnx_export.own_tops import outputs, with_own_tops
from deeppap.engines.weights_file import blob_array, check_weights, layers_of
from deeppap.io.caffe_messages import prototxt_file, read_prototxt
from deeppap.io.errors import UserError

OPSET, IR = 17, 8  # of 2022: what every runtime of today reads
PRODUCER = "deeppap-caffe"


def net_graph(deploy: Path, weights: Path, input_shape: list[int] | None = None) -> Message:
    """The net as an ONNX ModelProto; its batch is free, every other size fixed.

    Parameters
    ----------
    input_shape : list of int, optional
        Channels, height and width, where the net may take another size than its prototxt says.

    Raises
    ------
    UserError
        For a layer that has no translation, or weights that do not belong to the net.
    """
    net = sized(with_own_tops(read_prototxt(deploy, "NetParameter")), deploy, input_shape)
    facts = probe(net, deploy)
    check = {name: shapes for name, shapes in facts["params"].items() if shapes}
    have = layers_of(check_weights(weights, check, "Give the model that belongs to this net."))
    build = Builder(facts["blobs"])
    for layer in net.layer:
        blobs = [
            blob_array(blob).reshape(s)
            for blob, s in zip(have.get(layer.name, []), check.get(layer.name, []), strict=False)
        ]
        make_layer(layer, blobs, build)
    entries = [name for layer in net.layer if layer.type == "Input" for name in layer.top]
    graph = helper.make_graph(
        build.nodes,
        net.name or "net",
        [_description(name, build.shapes[name]) for name in entries],
        [_description(name, build.shapes[name]) for name in outputs(net)],
        build.values,
    )
    return model_of(graph)


def model_of(graph: Message) -> Message:
    """A ModelProto of a graph, in the opset that the exporter writes."""
    opset = helper.make_opsetid("", OPSET)
    return helper.make_model(graph, producer_name=PRODUCER, opset_imports=[opset], ir_version=IR)


def sized(net: Message, deploy: Path, input_shape: list[int] | None) -> Message:
    """The net with its one input of this shape."""
    inputs = [layer for layer in net.layer if layer.type == "Input"]
    if len(inputs) != 1 or len(inputs[0].top) != 1:
        raise UserError(deploy, "one Input layer with one top", str(len(inputs)), "Give a deploy prototxt.")
    if input_shape:
        inputs[0].input_param.shape[0].dim[1:] = input_shape
    return net


def probe(net: Message, deploy: Path) -> dict:
    """What Caffe makes of a net that stands in no file; errors name `deploy`."""
    with prototxt_file(net) as path:
        try:
            return probe_net(path)
        except UserError as error:
            raise UserError(deploy, error.expected, error.found, error.do) from None


def _description(name: str, shape: list[int]) -> Message:
    return helper.make_tensor_value_info(name, FLOAT, ["N", *shape[1:]])
