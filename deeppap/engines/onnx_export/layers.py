"""One function a layer type: from a layer of Caffe's and its weights to nodes of ONNX."""

from collections.abc import Callable

import numpy as np
from google.protobuf.message import Message

from deeppap.engines.onnx_export.builder import Builder
from deeppap.engines.onnx_export.pooling import pooling
from deeppap.engines.onnx_export.window import convolution_window
from deeppap.io.errors import UserError

Blobs = list[np.ndarray]
Maker = Callable[[Message, Blobs, Builder], None]
ACROSS_CHANNELS = 0


def convolution(layer: Message, blobs: Blobs, build: Builder) -> None:
    """Weights (outputs, inputs / group, height, width) in both."""
    _convolve("Conv", layer, blobs, build)


def deconvolution(layer: Message, blobs: Blobs, build: Builder) -> None:
    """Weights (inputs, outputs / group, height, width) in both."""
    _convolve("ConvTranspose", layer, blobs, build)


def _convolve(kind: str, layer: Message, blobs: Blobs, build: Builder) -> None:
    given = layer.convolution_param
    if given.axis != 1 or blobs[0].ndim != 4:
        raise unknown(layer, "over images, on axis 1")
    window = convolution_window(given)
    build.node(
        kind,
        [layer.bottom[0], *_weights(layer, blobs, build)],
        layer.top[0],
        kernel_shape=window.kernel,
        strides=window.stride,
        pads=window.pad * 2,
        dilations=window.dilation,
        group=given.group,
    )


def inner_product(layer: Message, blobs: Blobs, build: Builder) -> None:
    """All but the batch flattened, as Caffe lays it out."""
    given = layer.inner_product_param
    if given.axis != 1:
        raise unknown(layer, "on axis 1")
    flat = build.node("Flatten", [layer.bottom[0]], f"{layer.name}/flat", axis=1)
    weights = _weights(layer, [blobs[0].reshape(blobs[0].shape[-2:]), *blobs[1:]], build)
    build.node("Gemm", [flat, *weights], layer.top[0], transB=int(not given.transpose))


def _weights(layer: Message, blobs: Blobs, build: Builder) -> list[str]:
    arrays = [blobs[0], *(bias.reshape(-1) for bias in blobs[1:])]
    return [build.value(f"{layer.name}/{kind}", a) for kind, a in zip(("weights", "bias"), arrays, strict=False)]


def relu(layer: Message, _blobs: Blobs, build: Builder) -> None:
    """Leaky where it has a slope."""
    slope = layer.relu_param.negative_slope
    if slope:
        build.node("LeakyRelu", layer.bottom, layer.top[0], alpha=slope)
    else:
        build.node("Relu", layer.bottom, layer.top[0])


def lrn(layer: Message, _blobs: Blobs, build: Builder) -> None:
    """Across channels; alpha is divided by the size in both."""
    given = layer.lrn_param
    if given.norm_region != ACROSS_CHANNELS:
        raise unknown(layer, "across channels")
    numbers = {"size": given.local_size, "alpha": given.alpha, "beta": given.beta, "bias": given.k}
    build.node("LRN", layer.bottom, layer.top[0], **numbers)


def dropout(layer: Message, _blobs: Blobs, build: Builder) -> None:
    """The identity when testing: Caffe scales when training."""
    build.node("Identity", layer.bottom, layer.top[0])


def softmax(layer: Message, _blobs: Blobs, build: Builder) -> None:
    """Over its axis."""
    build.node("Softmax", layer.bottom, layer.top[0], axis=layer.softmax_param.axis)


def sigmoid(layer: Message, _blobs: Blobs, build: Builder) -> None:
    """Pixel by pixel."""
    build.node("Sigmoid", layer.bottom, layer.top[0])


def concat(layer: Message, _blobs: Blobs, build: Builder) -> None:
    """Along its axis."""
    build.node("Concat", layer.bottom, layer.top[0], axis=layer.concat_param.axis)


def eltwise(layer: Message, _blobs: Blobs, build: Builder) -> None:
    """Product, sum or maximum of blobs of one shape."""
    given = layer.eltwise_param
    if given.coeff:
        raise unknown(layer, "without coefficients")
    kind = ("Mul", "Sum", "Max")[given.operation]
    inputs = list(layer.bottom)
    while kind == "Mul" and len(inputs) > 2:  # the only one of the three that takes two alone
        pair, inputs = inputs[:2], inputs[2:]
        inputs.insert(0, build.node("Mul", pair, f"{layer.name}/product{len(inputs)}"))
    build.node(kind, inputs, layer.top[0])


MAKERS: dict[str, Maker] = {
    "Input": lambda *_: None,
    "Convolution": convolution,
    "Deconvolution": deconvolution,
    "InnerProduct": inner_product,
    "ReLU": relu,
    "Pooling": pooling,
    "LRN": lrn,
    "Dropout": dropout,
    "Softmax": softmax,
    "Sigmoid": sigmoid,
    "Concat": concat,
    "Eltwise": eltwise,
}


def make_layer(layer: Message, blobs: Blobs, build: Builder) -> None:
    """Add a layer's nodes.

    Raises
    ------
    UserError
        Naming the layer, for a type or a kind of it that has no translation.
    """
    if layer.type not in MAKERS:
        raise unknown(layer, f"of a type that ONNX export knows: {', '.join(MAKERS)}")
    MAKERS[layer.type](layer, blobs, build)


def unknown(layer: Message, known: str) -> UserError:
    """The error for a layer that has no translation."""
    where = f"layer {layer.name} of type {layer.type}"
    return UserError(where, f"one {known}", "another", "Score this net with Caffe.")
