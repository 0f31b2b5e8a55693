"""Where the units of a layer's maps look: their stride and the first one's centre, read from the prototxt."""

from typing import NamedTuple

from google.protobuf.message import Message

from deeppap.engines.onnx_export.window import convolution_window, pooling_window
from deeppap.io.errors import UserError


class UnitPlaces(NamedTuple):
    """The unit in row r, column c of a map looks at (first + stride * c, first + stride * r) in the net's input."""

    stride: int
    first: float


def unit_places(net: Message, blob: str) -> UnitPlaces:
    """Of a blob that convolutions and poolings alone, of square windows, lead to from the input `data`.

    Raises
    ------
    UserError
        For another kind of blob.
    """
    steps: list[tuple[int, float]] = []  # of each layer, from the blob back to the input: stride, centre of window 0
    name = blob
    while name != "data":
        layer = next((one for one in net.layer if name in one.top and name not in one.bottom), None)
        if layer is None or not layer.bottom:
            raise UserError(f"blob {blob}", "maps over the net's input", "none", "Name a convolution or pooling layer.")
        if layer.type in ("Convolution", "Pooling"):
            given = layer.convolution_param if layer.type == "Convolution" else layer.pooling_param
            window = convolution_window(given) if layer.type == "Convolution" else pooling_window(given, (0, 0))
            reach = (window.kernel[0] - 1) * window.dilation[0]
            steps.append((window.stride[0], reach / 2 - window.pad[0]))
        elif layer.type not in ("LRN", "ReLU", "Dropout"):
            where = f"layer {layer.name} of type {layer.type}"
            raise UserError(where, "a layer that keeps places", "another", "Name a layer before it.")
        name = layer.bottom[0]
    stride, first = 1, 0.0
    for step, centre in reversed(steps):
        first += stride * centre
        stride *= step
    return UnitPlaces(stride, first)
