"""The input memory of a Caffe net."""

import numpy as np


def shaped_input(net, blob: str, shape: tuple[int, ...]) -> np.ndarray:
    """An input blob's own memory in this shape; the net is reshaped where it had another."""
    data = net.blobs[blob]
    if data.data.shape != shape:
        data.reshape(*shape)
        net.reshape()
    return data.data
