"""Where in a crop a net's answer comes from: what each place of a layer adds to it, by Caffe's own backward pass."""

from collections.abc import Sequence

import numpy as np
from scipy.special import logsumexp

from deeppap.engines.caffe_blobs import shaped_input
from deeppap.engines.caffe_engine import CaffeEngine
from deeppap.engines.unit_places import unit_places
from deeppap.io.caffe_messages import prototxt_file, read_prototxt

LAYER = "conv3"  # by tools/why_study.py: steadier than conv5, and pass for pass than covering parts of the cell


class CaffeEvidence:
    """Says of crops how much each place of a layer's maps speaks for a side of the answer.

    The evidence of a place is the layer's output there times its gradient, summed over maps. As all that follows is
    linear piece by piece, the places of a crop add up to its log-odds but for what the biases add.

    Parameters
    ----------
    engine : CaffeEngine
        Its weights are shared, and it goes on scoring.
    side : sequence of int
        The outputs that evidence above 0 speaks for, such as the abnormal ones.

    Attributes
    ----------
    places : UnitPlaces
        Where each place of the maps lies in a crop.
    """

    def __init__(self, engine: CaffeEngine, side: Sequence[int], layer: str = LAYER):
        import caffe

        engine.require_layer(layer)
        self.engine, self.side, self.layer = engine, list(side), layer
        message = read_prototxt(engine.deploy, "NetParameter")
        self.places = unit_places(message, layer)
        message.force_backward = True  # else nothing is passed back in a net without a loss
        layers = message.layer
        self.last = next(one.bottom[0] for one in layers if "prob" in one.top)  # what softmax is given
        self.head = next(one.name for one in layers if self.last in one.top and self.last not in one.bottom)
        self.after = next(one.name for one in layers if layer in one.bottom and layer not in one.top)
        with prototxt_file(message) as path:
            self.net = caffe.Net(str(path), caffe.TEST)
        self.net.share_with(engine.net)
        self.crop, self.batch = engine.crop, engine.batch

    def __call__(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Evidence, float32 (N, h, w), and log-odds of the side, float64 (N,), of crops, float32 (N, 3, crop, crop)."""
        parts = [self._of_batch(crops[i : i + self.batch]) for i in range(0, len(crops), self.batch)]
        evidence, log_odds = zip(*parts, strict=True)
        return np.concatenate(evidence), np.concatenate(log_odds)

    def log_odds(self, crops: np.ndarray) -> np.ndarray:
        """The log-odds alone, without the way back: float64 (N,)."""
        parts = [self._forward(crops[i : i + self.batch])[1] for i in range(0, len(crops), self.batch)]
        return np.concatenate(parts)

    def _forward(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The gradient of the log-odds in softmax's inputs, (N, K), and the log-odds, (N,)."""
        shaped_input(self.net, "data", crops.shape)[...] = crops
        self.engine.finite(self.net.forward()["prob"])
        given = self.net.blobs[self.last].data.astype(np.float64)  # softmax's outputs may be 0, whose log is none
        ours = np.isin(np.arange(given.shape[1]), self.side)
        own, other = (logsumexp(given[:, which], axis=1, keepdims=True) for which in (ours, ~ours))
        return np.where(ours, np.exp(given - own), -np.exp(given - other)), (own - other)[:, 0]

    def _of_batch(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        gradient, log_odds = self._forward(crops)
        self.net.blobs[self.last].diff[...] = gradient
        self.net.backward(start=self.head, end=self.after)
        blob = self.net.blobs[self.layer]
        return (blob.data * blob.diff).sum(axis=1), log_odds
