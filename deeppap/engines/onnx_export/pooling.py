"""Pooling as Caffe does it: outputs rounded up, windows cut off at the border."""

import numpy as np
from google.protobuf.message import Message

from deeppap.engines.onnx_export.builder import Builder
from deeppap.engines.onnx_export.window import Window, pooling_window
from deeppap.io.errors import UserError

MAX, AVE = 0, 1


def pooling(layer: Message, _blobs: list[np.ndarray], build: Builder) -> None:
    """The number of windows is Caffe's own; padding behind the image makes ONNX's rounding down come to it."""
    given = layer.pooling_param
    if given.pool not in (MAX, AVE):
        where = f"layer {layer.name} of type Pooling"
        raise UserError(where, "MAX or AVE", "another", "Score this net with Caffe.")
    size, count = build.shapes[layer.bottom[0]][2:], build.shapes[layer.top[0]][2:]
    window = pooling_window(given, tuple(size))
    behind = _pad_behind(layer.name, window, size, count)
    attributes = {"kernel_shape": window.kernel, "strides": window.stride, "pads": (*window.pad, *behind)}
    if given.pool == MAX:
        build.node("MaxPool", layer.bottom, layer.top[0], **attributes)
        return
    scale = _scale(window, size, count)
    plain = bool((scale == 1).all())
    name = layer.top[0] if plain else f"{layer.name}/whole"
    build.node("AveragePool", layer.bottom, name, count_include_pad=1, **attributes)
    if not plain:
        build.node("Mul", [name, build.value(f"{layer.name}/scale", scale)], layer.top[0])


def _pad_behind(name: str, window: Window, size: list[int], count: list[int]) -> list[int]:
    """Padding after the last row and column, so that the last window fits."""
    paddings = []
    for kernel, stride, pad, length, windows in zip(*window[:3], size, count, strict=True):
        behind = max(0, (windows - 1) * stride + kernel - length - pad)
        if behind >= kernel or pad >= kernel:
            where = f"layer {name} of type Pooling"
            raise UserError(where, "windows that touch the image", "one beside it", "Score this net with Caffe.")
        paddings.append(behind)
    return paddings


def _scale(window: Window, size: list[int], count: list[int]) -> np.ndarray:
    """Kernel pixels over the pixels that Caffe divides by: it counts its padding, but no more than that."""
    shares = []
    for kernel, stride, pad, length, windows in zip(*window[:3], size, count, strict=True):
        start = np.arange(windows) * stride - pad
        shares.append(kernel / (np.minimum(start + kernel, length + pad) - start))
    return np.outer(*shares).astype(np.float32)[None, None]
