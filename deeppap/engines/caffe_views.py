"""Whole views into Caffe: the crops are made where the net runs."""

from typing import TYPE_CHECKING

import numpy as np

from deeppap.engines.caffe_blobs import shaped_input
from deeppap.engines.engine import ViewInput
from deeppap.engines.view_net import (
    LAYER_MEANS,
    MIRROR,
    NEGATED_MEAN,
    VIEWS,
    add_means,
    by_view,
    mirror_weights,
    view_net,
)
from deeppap.io.caffe_messages import prototxt_file, read_prototxt

if TYPE_CHECKING:
    from deeppap.engines.caffe_engine import CaffeEngine


def planes_into(view: np.ndarray, place: np.ndarray) -> None:
    """Put a view, uint8 (256, 256, 3), into its place, float32 (3, 256, 256)."""
    place[...] = view.transpose(2, 0, 1)


class CaffeViews(ViewInput):
    """Takes views, float32 (V, 3, 256, 256); it shares the weights of its engine, which goes on taking crops."""

    dtype = np.float32
    ahead = True  # Caffe holds Python's lock while it computes, and a card leaves the cores free
    fill = staticmethod(planes_into)

    def __init__(self, engine: "CaffeEngine", mean: np.ndarray, crops: int):
        self.engine, self.crops, self.at_once = engine, crops, max(1, engine.batch // crops)
        self.mean, self.shape = mean, mean.shape
        self.shown: str | None = None  # the layer whose means the net gives too
        self.net = self._load()

    def _load(self):
        """The net, with the layer `shown` averaged inside it: a card then hands over a few numbers for each crop."""
        import caffe

        deploy, size = read_prototxt(self.engine.deploy, "NetParameter"), self.mean.shape[-1]
        message = view_net(deploy, self.engine.crop, self.crops, self.at_once, size)
        if self.shown is not None:
            add_means(message, self.shown)
        with prototxt_file(message) as path:
            net = caffe.Net(str(path), caffe.TEST)
        net.share_with(self.engine.net)
        net.blobs[NEGATED_MEAN].data[...] = -self.mean
        if MIRROR in net.params:
            net.params[MIRROR][0].data[...] = mirror_weights(size)
        return net

    def __call__(self, memory: np.ndarray) -> np.ndarray:
        """Probabilities of every view's crops, in the order of deeppap.engines.crops.crop_views."""
        shaped_input(self.net, VIEWS, memory.shape)[...] = memory
        prob = by_view(self.net.forward()["prob"].copy(), len(memory))
        return self.engine.finite(prob).reshape(len(memory), self.crops, -1)

    def with_layer(self, memory: np.ndarray, layer: str) -> tuple[np.ndarray, np.ndarray]:
        """As a call, and the layer's means for each view's centre crop: those come first in this net."""
        if self.shown != layer:
            self.engine.require_layer(layer)
            self.shown, self.net = layer, None  # the other net's memory is given back first
            self.net = self._load()
        prob = self(memory)
        return prob, self.net.blobs[LAYER_MEANS].data[: len(memory)].reshape(len(memory), -1).copy()
