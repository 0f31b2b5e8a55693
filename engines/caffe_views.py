"""Whole views into Caffe: the crops are made where the net runs."""

import tempfile
from typing import TYPE_CHECKING

import numpy as np

from common.caffe_messages import read_prototxt, write_prototxt
from engines.caffe_blobs import shaped_input
from engines.engine import ViewInput
from engines.view_net import MIRROR, NEGATED_MEAN, VIEWS, by_view, mirror_weights, view_net

if TYPE_CHECKING:
    from engines.caffe_engine import CaffeEngine


def planes_into(view: np.ndarray, place: np.ndarray) -> None:
    """Put a view, uint8 (256, 256, 3), into its place, float32 (3, 256, 256)."""
    place[...] = view.transpose(2, 0, 1)


class CaffeViews(ViewInput):
    """Takes views, float32 (V, 3, 256, 256); it shares the weights of its engine, which goes on taking crops."""

    dtype = np.float32
    ahead = True  # Caffe holds Python's lock while it computes, and a card leaves the cores free
    fill = staticmethod(planes_into)

    def __init__(self, engine: "CaffeEngine", mean: np.ndarray, crops: int):
        import caffe

        self.engine, self.crops, self.at_once = engine, crops, max(1, engine.batch // crops)
        self.shape = mean.shape
        message = view_net(
            read_prototxt(engine.deploy, "NetParameter"), engine.crop, crops, self.at_once, mean.shape[-1]
        )
        with tempfile.NamedTemporaryFile("w", suffix=".prototxt") as file:
            file.write(write_prototxt(message))
            file.flush()
            self.net = caffe.Net(file.name, caffe.TEST)
        self.net.share_with(engine.net)
        self.net.blobs[NEGATED_MEAN].data[...] = -mean
        if MIRROR in self.net.params:
            self.net.params[MIRROR][0].data[...] = mirror_weights(mean.shape[-1])

    def __call__(self, memory: np.ndarray) -> np.ndarray:
        """Probabilities of every view's crops, in the order of engines.crops.crop_views."""
        shaped_input(self.net, VIEWS, memory.shape)[...] = memory
        prob = by_view(self.net.forward()["prob"].copy(), len(memory))
        return self.engine.finite(prob).reshape(len(memory), self.crops, -1)
