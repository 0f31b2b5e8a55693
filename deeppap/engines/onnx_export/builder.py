"""Nodes and values of a graph while it is being built."""

from collections.abc import Sequence

import numpy as np
from google.protobuf.message import Message
from onnx import helper, numpy_helper

FLOAT, UINT8 = 1, 2  # onnx.TensorProto's numbers


class Builder:
    """Collects nodes and constants.

    Attributes
    ----------
    shapes : dict of str to list of int
        Of every blob, as Caffe itself makes them.
    """

    def __init__(self, shapes: dict[str, list[int]] | None = None):
        self.nodes: list[Message] = []
        self.values: list[Message] = []
        self.shapes = shapes or {}

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes) -> str:
        """Add a node that makes `output`, and return that name."""
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output

    def value(self, name: str, array: np.ndarray) -> str:
        """Add a constant, and return its name."""
        self.values.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name
