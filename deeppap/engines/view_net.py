"""A net that takes whole views and makes their crops itself, of Caffe's own layers.

1000 crops are 618 MB on their way to a GPU, their 100 views 79 MB. Mean, mirror and crops are then made on the
card, and are the very same float32 values as deeppap.engines.crops makes.
"""

import numpy as np
from google.protobuf.message import Message

from deeppap.engines.crops import corners

NEGATED_MEAN, MIRROR, VIEWS = "negated_mean", "mirror", "views"
LAYER_MEANS = "layer_means"


def view_net(deploy: Message, crop: int, crops: int, views: int, size: int) -> Message:
    """A deploy net whose input `views` (V, 3, size, size) feeds `data` with V * crops crops.

    The crops come place by place: the first crop of every view, then the second of every view.
    """
    net = type(deploy)(name=deploy.name)
    for name, shape in (
        (VIEWS, (views, 3, size, size)),
        (NEGATED_MEAN, (3, size, size)),
        ("window", (1, 1, crop, crop)),
    ):
        layer = net.layer.add(name=name, type="Input", top=[name])
        layer.input_param.shape.add().dim.extend(shape)
    centred = net.layer.add(name="centred", type="Bias", bottom=[VIEWS, NEGATED_MEAN], top=["centred"])
    centred.bias_param.axis = 1
    if crops > 1:
        mirror = net.layer.add(name=MIRROR, type="InnerProduct", bottom=["centred"], top=["mirrored"])
        mirror.inner_product_param.axis = 3
        mirror.inner_product_param.num_output = size
        mirror.inner_product_param.bias_term = False
    for index in range(crops):
        row, column = corners(size, crop)[index // 2]
        _add_crop(net, index, row, size - crop - column if index % 2 else column)
    net.layer.add(
        name="data", type="Concat", bottom=[f"crop{i}" for i in range(crops)], top=["data"]
    ).concat_param.axis = 0
    net.layer.extend(layer for layer in deploy.layer if layer.type != "Input")
    return net


def _add_crop(net: Message, index: int, row: int, column: int) -> None:
    source = "mirrored" if index % 2 else "centred"
    layer = net.layer.add(name=f"crop{index}", type="Crop", bottom=[source, "window"], top=[f"crop{index}"])
    layer.crop_param.axis = 2
    layer.crop_param.offset.extend((row, column))


def add_means(net: Message, blob: str) -> None:
    """Let the net give the means over a blob's maps too; a flat blob comes as it is."""
    flat = any(blob in layer.top and layer.type == "InnerProduct" for layer in net.layer)
    layer = net.layer.add(name=LAYER_MEANS, type="Flatten" if flat else "Pooling", bottom=[blob], top=[LAYER_MEANS])
    if not flat:
        layer.pooling_param.pool, layer.pooling_param.global_pooling = layer.pooling_param.AVE, True


def mirror_weights(size: int) -> np.ndarray:
    """Weights that turn a row of pixels about, float32 (size, size): one 1 in each row, so the product is exact."""
    return np.fliplr(np.eye(size, dtype=np.float32))


def by_view(prob: np.ndarray, views: int) -> np.ndarray:
    """Probabilities in the net's order (crops * V, K) in the order of deeppap.engines.crops (V * crops, K)."""
    return prob.reshape(-1, views, prob.shape[1]).transpose(1, 0, 2).reshape(prob.shape)
