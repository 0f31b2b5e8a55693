"""Caffe, the reference engine that every other one is compared with: crops, and on a GPU whole views.

The 1000 crops of a paper's cell are 618 MB on their way to a GPU, their 100 views 79 MB. So a GPU gets views, and
subtracts the mean, mirrors and crops by Caffe's own layers: the same float32 values as `deeppap.engines.crops` makes.
"""

from pathlib import Path

import numpy as np
from google.protobuf.message import Message

from deeppap.engines.caffe_net import CaffeNet, probe_net
from deeppap.engines.crops import CROPS, corners
from deeppap.engines.deploy import Deploy, crop_and_classes, read_deploy, require_blob
from deeppap.engines.device import Device
from deeppap.engines.engine import Engine, ViewInput

CPU_BATCH = 50  # crops; larger ones are no faster on the CPU
GPU_BATCH = 1000  # one cell of the paper
VIEWS, NEGATED_MEAN, MIRROR, LAYER_MEANS = "views", "negated_mean", "mirror", "layer_means"


class CaffeEngine(Engine):
    """Runs a net with pycaffe, on the CPU or a GPU: a deploy prototxt of input `data` and output `prob`, and its model.

    `batch` is how many crops it takes at once; `sha256` is of the model's bytes, where it is known.
    """

    name = "caffe"

    def __init__(
        self,
        deploy: Path | Deploy,
        model: Path,
        device: Device = Device(),  # noqa: B008 (frozen)
        batch: int | None = None,
        sha256: str | None = None,
    ):
        self.deploy, self.model = read_deploy(deploy), model
        self.crop, self.classes = crop_and_classes(self.deploy, probe_net(self.deploy)["blobs"])
        self.hardware, self.precision = device.hardware, device.precision
        do = "Train again, or give the model that belongs to this net."
        self.net = CaffeNet(self.deploy, device.number, model, sha256, do)
        self.batch = batch or (CPU_BATCH if device.number is None else GPU_BATCH)

    def forward(self, crops: np.ndarray) -> np.ndarray:
        """See `Engine.forward`."""
        self.net.input("data", crops.shape)[...] = crops
        return self.net.forward()

    def forward_with_layer(self, crops: np.ndarray, layer: str) -> tuple[np.ndarray, np.ndarray]:
        """See `Engine.forward_with_layer`: Caffe keeps every blob of a pass."""
        require_blob(self.deploy, layer)
        return self.forward(crops), self.net.channel_means(layer)

    def view_input(self, mean: np.ndarray, crops: int = CROPS) -> ViewInput:
        """An input for whole views: on a GPU they are cropped there, else by NumPy."""
        return super().view_input(mean, crops) if self.net.gpu is None else CaffeViews(self, mean, crops)

    def activations(self, crop: np.ndarray, names: tuple[str, ...]) -> dict[str, np.ndarray]:
        """Feature maps, float32 (C, H, W), of the named blobs for one crop (paper: Fig. 7)."""
        self.forward(crop[None])
        return {name: self.net.blobs[name].data[0].copy() for name in names}

    def filters(self) -> np.ndarray:
        """The filters of conv1, float32 (N, 3, 11, 11) (paper: Fig. 6)."""
        return self.net.params["conv1"][0].data.copy()


class CaffeViews(ViewInput):
    """Takes views, float32 (V, 3, 256, 256); it shares the weights of its engine, which goes on taking crops."""

    ahead = True  # Caffe holds Python's lock while it computes, and a GPU leaves the cores free

    def __init__(self, engine: CaffeEngine, mean: np.ndarray, crops: int):
        self.engine, self.crops, self.at_once = engine, crops, max(1, engine.batch // crops)
        self.mean, self.shape = mean, mean.shape
        self.layer: str | None = None  # whose means the net gives as well
        self.net = self._load()

    @staticmethod
    def fill(view: np.ndarray, place: np.ndarray) -> None:
        """Put a view, uint8 (256, 256, 3), into its place, float32 (3, 256, 256)."""
        place[...] = view.transpose(2, 0, 1)

    def _load(self) -> CaffeNet:
        size = self.mean.shape[-1]
        # built in Python, not kept as a file: it follows from the deploy net, the crops and the batch
        message = view_net(self.engine.deploy.message, self.engine.crop, self.crops, self.at_once, size)
        if self.layer is not None:
            # averaged on the GPU, which then hands over a few numbers for each crop
            _add_channel_means(message, self.layer)
        net = CaffeNet(message, self.engine.net.gpu)
        net.share_weights(self.engine.net)
        net.blobs[NEGATED_MEAN].data[...] = -self.mean
        if MIRROR in net.params:
            # one 1 in each row of the matrix, so the product is exact
            net.params[MIRROR][0].data[...] = np.fliplr(np.eye(size, dtype=np.float32))
        return net

    def __call__(self, memory: np.ndarray) -> np.ndarray:
        """Probabilities of every view's crops, float32 (V, crops, K)."""
        self.net.input(VIEWS, memory.shape)[...] = memory
        prob = self.engine.finite(self.net.forward())
        # the net has the first crop of every view, then the second of every view
        return np.ascontiguousarray(prob.reshape(self.crops, len(memory), -1).transpose(1, 0, 2))

    def with_layer(self, memory: np.ndarray, layer: str) -> tuple[np.ndarray, np.ndarray]:
        """As a call, and the layer's means for each view's centre crop: those come first in this net."""
        if self.layer != layer:
            require_blob(self.engine.deploy, layer)
            self.layer, self.net = layer, None  # frees the memory of the old net before a new one is loaded
            self.net = self._load()
        prob = self(memory)
        return prob, self.net.blobs[LAYER_MEANS].data[: len(memory)].reshape(len(memory), -1).copy()


def view_net(deploy: Message, crop: int, crops: int, views: int, size: int) -> Message:
    """A deploy net with an input `views` (V, 3, size, size), whose V * crops crops become the blob `data`."""
    net = type(deploy)(name=deploy.name)
    inputs = {VIEWS: (views, 3, size, size), NEGATED_MEAN: (3, size, size), "window": (1, 1, crop, crop)}
    for name, shape in inputs.items():
        layer = net.layer.add(name=name, type="Input", top=[name])
        layer.input_param.shape.add().dim.extend(shape)
    centred = net.layer.add(name="centred", type="Bias", bottom=[VIEWS, NEGATED_MEAN], top=["centred"])
    centred.bias_param.axis = 1
    if crops > 1:
        mirror = net.layer.add(name=MIRROR, type="InnerProduct", bottom=["centred"], top=["mirrored"])
        # Caffe has no layer that mirrors: a product with the mirrored unit matrix along columns does
        mirror.inner_product_param.axis = 3
        mirror.inner_product_param.num_output = size
        mirror.inner_product_param.bias_term = False
    for index in range(crops):
        row, column = corners(size, crop)[index // 2]
        mirrored = index % 2 == 1
        # in a mirrored view a crop's first column is counted from the other side
        source, start = ("mirrored", size - crop - column) if mirrored else ("centred", column)
        layer = net.layer.add(name=f"crop{index}", type="Crop", bottom=[source, "window"], top=[f"crop{index}"])
        layer.crop_param.axis = 2
        layer.crop_param.offset.extend((row, start))
    data = net.layer.add(name="data", type="Concat", bottom=[f"crop{i}" for i in range(crops)], top=["data"])
    data.concat_param.axis = 0
    # from here on it is the net that was trained, layer for layer
    net.layer.extend(layer for layer in deploy.layer if layer.type != "Input")
    return net


def _add_channel_means(net: Message, blob: str) -> None:
    flat = any(blob in layer.top and layer.type == "InnerProduct" for layer in net.layer)
    layer = net.layer.add(name=LAYER_MEANS, type="Flatten" if flat else "Pooling", bottom=[blob], top=[LAYER_MEANS])
    if not flat:
        layer.pooling_param.pool, layer.pooling_param.global_pooling = layer.pooling_param.AVE, True
