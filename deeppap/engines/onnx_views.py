"""The net with its input made ready inside: views in, their probabilities out (paper: "multiple crop testing")."""

from copy import deepcopy

import numpy as np
from google.protobuf.message import Message
from onnx import helper

from deeppap.engines.crops import CROPS, corners
from deeppap.engines.onnx_graph import FLOAT, UINT8, Builder, model_of

VIEWS, PROB, CROP_PROB = "views", "prob", "crop_prob"
BACKWARDS = -1
BEFORE_FIRST = -(2**31)  # where a slice that runs backwards ends


def views_graph(net: Message, mean: np.ndarray, crops: int = CROPS) -> Message:
    """A ModelProto that does all that scoring does after rendering, with the first `crops` of each view.

    `net` is of `net_graph`, `mean` float32 (3, size, size), BGR. It takes `views`, uint8 (N, size, size, 3), BGR, and
    gives `prob`, float32 (N, K), the mean over a view's crops, and `crop_prob`, float32 (N, crops, K).
    """
    inner, size = net.graph, mean.shape[-1]
    data, prob = inner.input[0].name, inner.output[0].name
    crop, classes = (value.type.tensor_type.shape.dim[-1].dim_value for value in (inner.input[0], inner.output[0]))
    build = Builder()
    before = _crops(build, mean, crop, crops)
    build.node("Reshape", [before, build.value("crops/shape", np.array([-1, 3, crop, crop]))], data)
    # the nodes before the net and those behind it come from one builder
    head, build.nodes = build.nodes, []
    apart = prob if prob != PROB else f"{PROB}/apart"
    build.node("Reshape", [apart, build.value("crop_prob/shape", np.array([-1, crops, classes]))], CROP_PROB)
    build.node("ReduceMean", [CROP_PROB], PROB, axes=[1], keepdims=0)
    graph = helper.make_graph(
        [*head, *(_renamed(node, prob, apart) for node in inner.node), *build.nodes],
        f"{inner.name} of views",
        [helper.make_tensor_value_info(VIEWS, UINT8, ["N", size, size, 3])],
        [
            helper.make_tensor_value_info(PROB, FLOAT, ["N", classes]),
            helper.make_tensor_value_info(CROP_PROB, FLOAT, ["N", crops, classes]),
        ],
        [*build.values, *inner.initializer],
    )
    return model_of(graph)


def _crops(build: Builder, mean: np.ndarray, crop: int, count: int) -> str:
    """Nodes that make `count` crops of each view, side by side on the channel axis."""
    size = mean.shape[-1]
    floats = build.node("Cast", [VIEWS], "views/float", to=FLOAT)
    planes = build.node("Transpose", [floats], "views/planes", perm=[0, 3, 1, 2])
    centred = build.node("Sub", [planes, build.value("mean", mean[None])], "views/centred")
    axes = build.value("crops/axes", np.array([2, 3]))
    made = []
    for index in range(count):
        row, column = corners(size, crop)[index // 2]
        first, last, step = column, column + crop, 1
        if index % 2:  # the mirror: the same columns from right to left
            first, last, step = column + crop - 1, column - 1 if column else BEFORE_FIRST, BACKWARDS
        numbers = {"starts": (row, first), "ends": (row + crop, last), "steps": (1, step)}
        values = {k: build.value(f"crop{index}/{k}", np.array(v, np.int64)) for k, v in numbers.items()}
        made.append(
            build.node("Slice", [centred, values["starts"], values["ends"], axes, values["steps"]], f"crop{index}")
        )
    return build.node("Concat", made, "crops", axis=1)


def _renamed(node: Message, old: str, new: str) -> Message:
    copy = deepcopy(node)
    copy.name = new if node.name == old else node.name
    for names in (copy.input, copy.output):
        names[:] = [new if name == old else name for name in names]
    return copy
