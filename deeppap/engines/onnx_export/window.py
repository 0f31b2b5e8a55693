"""The sliding window of a convolution or pooling layer, from Caffe's two ways of stating it."""

from typing import NamedTuple

from google.protobuf.message import Message

Pair = tuple[int, int]  # height, width


class Window(NamedTuple):
    """Kernel, stride, padding (the same before and after) and dilation, each of height and width."""

    kernel: Pair
    stride: Pair
    pad: Pair
    dilation: Pair


def convolution_window(given: Message) -> Window:
    """Of a ConvolutionParameter, whose fields may be repeated."""
    kernel = _pair(given, "kernel", list(given.kernel_size), 1)
    stride = _pair(given, "stride", list(given.stride), 1)
    pad = _pair(given, "pad", list(given.pad), 0)
    return Window(kernel, stride, pad, _spread(list(given.dilation), 1))


def pooling_window(given: Message, size: Pair) -> Window:
    """Of a PoolingParameter; `size` is its input's, which a global one covers."""
    kernel = size if given.global_pooling else _pair(given, "kernel", [given.kernel_size], 1)
    return Window(kernel, _pair(given, "stride", [given.stride], 1), _pair(given, "pad", [given.pad], 0), (1, 1))


def _pair(given: Message, name: str, values: list[int], default: int) -> Pair:
    height, width = f"{name}_h", f"{name}_w"
    if given.HasField(height) or given.HasField(width):
        return getattr(given, height), getattr(given, width)
    return _spread(values, default)


def _spread(values: list[int], default: int) -> Pair:
    first = values[0] if values else default
    return first, values[-1] if values else default
