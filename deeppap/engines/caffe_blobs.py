"""The memory of a Caffe net's blobs: its input, and what a layer gives."""

import numpy as np


def shaped_input(net, blob: str, shape: tuple[int, ...]) -> np.ndarray:
    """An input blob's own memory in this shape; the net is reshaped where it had another."""
    data = net.blobs[blob]
    if data.data.shape != shape:
        data.reshape(*shape)
        net.reshape()
    return data.data


def pooled(net, blob: str) -> np.ndarray:
    """What a blob holds for each crop, float32 (N, C), memory of the caller's: feature maps as their means."""
    data = net.blobs[blob].data
    return data.reshape(*data.shape[:2], -1).mean(axis=2)
