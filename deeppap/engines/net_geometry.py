"""The geometry of a net, read from its prototxt without Caffe: sliding windows, shapes and receptive fields.

It knows the layers of this project's nets: ConvNet-T, CaffeNet and NucleusFCN.
"""

import math
from typing import NamedTuple

from google.protobuf.message import Message

from deeppap.io.errors import UserError

# what may be set in a layer of each kind; a value that nothing here reads would give wrong shapes without a word
_WINDOW = {"num_output", "bias_term", "kernel_size", "stride", "pad", "dilation", "group"}
_FILLERS = {"weight_filler", "bias_filler"}
OPTIONS = {
    "Input": ("input_param", {"shape"}),
    "Convolution": ("convolution_param", _WINDOW | _FILLERS),
    "Deconvolution": ("convolution_param", _WINDOW | _FILLERS),
    "InnerProduct": ("inner_product_param", {"num_output", "bias_term"} | _FILLERS),
    "Pooling": ("pooling_param", {"pool", "kernel_size", "stride", "pad"}),
    "LRN": ("lrn_param", {"local_size", "alpha", "beta", "k"}),
    "Concat": ("concat_param", set()),
    "ReLU": ("relu_param", set()),
    "Dropout": ("dropout_param", {"dropout_ratio"}),
    "Sigmoid": ("sigmoid_param", set()),
    "Softmax": ("softmax_param", set()),
}
IN_PLACE = ("ReLU", "Dropout", "Sigmoid")  # types that may write their output over their input
FOUR_AXES = ("Convolution", "Deconvolution", "Pooling", "LRN")  # types that take maps alone
Shapes = dict[str, list[int]]


class Window(NamedTuple):
    """The square window of a convolution or pooling; the padding is the same on all sides."""

    kernel: int
    stride: int
    pad: int
    dilation: int = 1

    @property
    def reach(self) -> int:
        """Pixels from the window's first to its last, both counted."""
        return self.dilation * (self.kernel - 1) + 1


class ReceptiveFields(NamedTuple):
    """The unit in row r, column c of a map looks at (first + stride * c, first + stride * r) in the net's input."""

    stride: int
    first: float


def unknown_part(layer: Message) -> str | None:
    """What of a layer is not read here, as the end of a line; None if all of it is."""
    if layer.type not in OPTIONS:
        return f", a type that is not known here ({', '.join(OPTIONS)} are)"
    parameter, known = OPTIONS[layer.type]
    given = getattr(layer, parameter)
    for field, value in given.ListFields():
        several = field.label == field.LABEL_REPEATED and len(value) > 1  # as a kernel of another height than width
        if field.name not in known or several:
            return f" with {parameter}.{field.name} {' '.join(str(value).split())[:40]}"
    if layer.type == "Pooling" and given.pool != given.MAX:
        return " that does not take the maximum"
    return None


def window_of(layer: Message) -> Window:
    """The window of a Convolution, Deconvolution or Pooling layer."""
    if layer.type == "Pooling":
        given = layer.pooling_param
        return Window(given.kernel_size, given.stride, given.pad)
    given = layer.convolution_param
    stride, pad, dilation = given.stride or [1], given.pad or [0], given.dilation or [1]
    if not given.kernel_size:
        raise ValueError("no kernel_size")
    return Window(given.kernel_size[0], stride[0], pad[0], dilation[0])


def net_shapes(net: Message) -> tuple[Shapes, dict[str, list[list[int]]]]:
    """Shapes of a net's blobs, by name, and of its parameters, a list by layer, as Caffe makes them.

    Raises UserError for a layer that is not known here.
    """
    blobs: Shapes = {}
    params: dict[str, list[list[int]]] = {}
    for layer in net.layer:
        if reason := unknown_part(layer):
            where = f"layer {layer.name} of type {layer.type}"
            raise UserError(where, "a layer that is known without Caffe", f"one{reason}", "Score this net with Caffe.")
        blobs[layer.top[0]], weights = layer_shapes(layer, [blobs[name] for name in layer.bottom])
        if weights:
            params[layer.name] = weights
    return blobs, params


def layer_shapes(layer: Message, below: list[list[int]]) -> tuple[list[int], list[list[int]]]:
    """The shapes of a layer's output and of its parameters, from those of its inputs; ValueError if they do not fit."""
    if layer.type == "Input":
        (shape,) = layer.input_param.shape
        if len(shape.dim) != 4:
            raise ValueError(f"{len(shape.dim)} axes, not 4")
        return list(shape.dim), []
    if layer.type in FOUR_AXES and len(below[0]) != 4:
        raise ValueError("an input without rows and columns")
    count, channels, *size = below[0]
    if layer.type == "Concat":
        if any(shape[:1] + shape[2:] != [count, *size] for shape in below):
            raise ValueError("inputs of several sizes")
        return [count, sum(shape[1] for shape in below), *size], []
    if layer.type == "InnerProduct":
        outputs = layer.inner_product_param.num_output
        return [count, outputs], _with_bias([outputs, math.prod([channels, *size])], outputs, layer.inner_product_param)
    if layer.type == "Pooling":
        window = window_of(layer)
        if not window.pad < window.kernel <= min(size) + 2 * window.pad:
            raise ValueError(f"a window of {window.kernel} on {size} with {window.pad} around it")
        return [count, channels, *(_pooled(length, window) for length in size)], []
    # Caffe centres the window on a channel, and ends its process at an even one
    if layer.type == "LRN" and layer.lrn_param.local_size % 2 == 0:
        raise ValueError("an even local_size")
    if layer.type not in ("Convolution", "Deconvolution"):
        return below[0], []
    window, given = window_of(layer), layer.convolution_param
    if channels % given.group or given.num_output % given.group:
        raise ValueError(f"{given.group} groups of {channels} channels")
    kernel = [window.kernel, window.kernel]
    if layer.type == "Convolution":
        size = [(length + 2 * window.pad - window.reach) // window.stride + 1 for length in size]
        weights = [given.num_output, channels // given.group, *kernel]
    else:
        size = [window.stride * (length - 1) + window.reach - 2 * window.pad for length in size]
        weights = [channels, given.num_output // given.group, *kernel]
    return [count, given.num_output, *size], _with_bias(weights, given.num_output, given)


def _with_bias(weights: list[int], outputs: int, given: Message) -> list[list[int]]:
    return [weights, [outputs]] if given.bias_term else [weights]


def _pooled(length: int, window: Window) -> int:
    """Caffe rounds the number of windows up, and leaves out a last one that would start in the padding."""
    windows = -(-(length + 2 * window.pad - window.kernel) // window.stride) + 1
    if window.pad and (windows - 1) * window.stride >= length + window.pad:
        windows -= 1
    return windows


def receptive_fields(net: Message, blob: str) -> ReceptiveFields:
    """Where the units of a blob look, if only convolutions and poolings lead to it from the input `data`.

    Raises UserError for another kind of blob.
    """
    # walked from the blob down, since a layer names what it takes and not who takes it
    steps: list[tuple[int, float]] = []  # from the blob down to the input: stride, centre of the first window
    name = blob
    while name != "data":
        layer = next((one for one in net.layer if name in one.top and name not in one.bottom), None)
        if layer is None or not layer.bottom:
            raise UserError(f"blob {blob}", "maps over the net's input", "none", "Name a convolution or pooling layer.")
        if layer.type in ("Convolution", "Pooling"):
            window = window_of(layer)
            steps.append((window.stride, (window.reach - 1) / 2 - window.pad))
        elif layer.type not in ("LRN", "ReLU", "Dropout"):
            where = f"layer {layer.name} of type {layer.type}"
            raise UserError(where, "a layer that keeps positions", "another", "Name a layer before it.")
        name = layer.bottom[0]
    stride, first = 1, 0.0
    # from the input up: each layer counts in the pixels of the one below it
    for step, centre in reversed(steps):
        first += stride * centre
        stride *= step
    return ReceptiveFields(stride, first)
