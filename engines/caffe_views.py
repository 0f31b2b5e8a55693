"""Scoring whole views: the crops are made where the net runs."""

import tempfile
from pathlib import Path

import numpy as np

from common.caffe_messages import read_prototxt, write_prototxt
from engines.caffe_engine import CaffeScorer
from engines.view_net import MIRROR, NEGATED_MEAN, VIEWS, by_view, mirror_weights, view_net


class ViewScorer:
    """Takes views, float32 (V, 3, 256, 256), and returns the probabilities of their crops, float32 (V * crops, K).

    It shares the weights of a CaffeScorer, which goes on scoring crops.
    """

    def __init__(self, scorer: CaffeScorer, deploy: Path, mean: np.ndarray, crops: int):
        import caffe

        self.scorer, self.crops, self.views = scorer, crops, max(1, scorer.batch // crops)
        message = view_net(read_prototxt(deploy, "NetParameter"), scorer.crop, crops, self.views)
        with tempfile.NamedTemporaryFile("w", suffix=".prototxt") as file:
            file.write(write_prototxt(message))
            file.flush()
            self.net = caffe.Net(file.name, caffe.TEST)
        self.net.share_with(scorer.net)
        self.net.blobs[NEGATED_MEAN].data[...] = -mean
        if MIRROR in self.net.params:
            self.net.params[MIRROR][0].data[...] = mirror_weights()

    def __call__(self, views: np.ndarray) -> np.ndarray:
        """Probabilities of every view's crops, in the order of engines.crops.crop_views."""
        blob = self.net.blobs[VIEWS]
        if blob.data.shape != views.shape:
            blob.reshape(*views.shape)
            self.net.reshape()
        blob.data[...] = views
        return self.scorer.finite(by_view(self.net.forward()["prob"].copy(), len(views)))
