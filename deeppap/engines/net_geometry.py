"""The geometry of a net, read from its prototxt without Caffe: sliding windows, shapes and receptive fields.

It knows the layers of this project's nets: ConvNet-T, CaffeNet and NucleusFCN.
"""

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


def require_known(layer: Message) -> None:
    """UserError for a layer of another type, or with an option that is not read here."""
    where = f"layer {layer.name} of type {layer.type}"
    do = "Score this net with Caffe."
    if layer.type not in OPTIONS:
        raise UserError(where, f"a type that is known without Caffe: {', '.join(OPTIONS)}", layer.type, do)
    parameter, known = OPTIONS[layer.type]
    given = getattr(layer, parameter)
    for field, value in given.ListFields():
        several = field.label == field.LABEL_REPEATED and len(value) > 1  # as a kernel of another height than width
        if field.name not in known or several:
            raise UserError(where, f"no {parameter}.{field.name}, or one value", str(value).strip(), do)
    if layer.type == "Pooling" and given.pool != given.MAX:
        raise UserError(where, "MAX pooling", "another", do)


def window_of(layer: Message) -> Window:
    """The window of a Convolution, Deconvolution or Pooling layer."""
    if layer.type == "Pooling":
        given = layer.pooling_param
        return Window(given.kernel_size, given.stride, given.pad)
    given = layer.convolution_param
    stride, pad, dilation = given.stride or [1], given.pad or [0], given.dilation or [1]
    return Window(given.kernel_size[0], stride[0], pad[0], dilation[0])


def net_shapes(net: Message) -> tuple[Shapes, dict[str, list[list[int]]]]:
    """Shapes of a net's blobs, by name, and of its parameters, a list by layer, as Caffe makes them.

    Raises
    ------
    UserError
        For a layer that is not known here.
    """
    blobs: Shapes = {}
    params: dict[str, list[list[int]]] = {}
    for layer in net.layer:
        require_known(layer)
        if layer.type == "Input":
            blobs[layer.top[0]] = list(layer.input_param.shape[0].dim)
            continue
        below = [blobs[name] for name in layer.bottom]
        shape, weights = _layer_shapes(layer, below)
        blobs[layer.top[0]] = shape
        if weights:
            params[layer.name] = weights
    return blobs, params


def _layer_shapes(layer: Message, below: list[list[int]]) -> tuple[list[int], list[list[int]]]:
    """A layer's output and its parameters, from its inputs."""
    count, channels, *size = below[0]
    if layer.type == "Concat":
        return [count, sum(shape[1] for shape in below), *size], []
    if layer.type == "InnerProduct":
        inputs = channels
        for length in size:
            inputs *= length
        outputs = layer.inner_product_param.num_output
        return [count, outputs], _with_bias([outputs, inputs], outputs, layer.inner_product_param)
    if layer.type == "Pooling":
        window = window_of(layer)
        return [count, channels, *(_pooled(length, window) for length in size)], []
    if layer.type not in ("Convolution", "Deconvolution"):
        return below[0], []
    window, given = window_of(layer), layer.convolution_param
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

    Raises
    ------
    UserError
        For another kind of blob.
    """
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
    for step, centre in reversed(steps):
        first += stride * centre
        stride *= step
    return ReceptiveFields(stride, first)
