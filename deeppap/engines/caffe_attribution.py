"""Which places of a crop speak for a class: a layer's gradient times its activation, by Caffe's own backward pass."""

from collections.abc import Sequence
from copy import deepcopy

import numpy as np
from scipy.special import logsumexp

from deeppap.engines.caffe_engine import CaffeEngine
from deeppap.engines.caffe_net import CaffeNet
from deeppap.engines.deploy import require_blob
from deeppap.engines.net_geometry import receptive_fields

# steadier than conv5: docs/explanation/heatmaps.md
LAYER = "conv3"


class CaffeAttribution:
    """Attribution maps of crops: each unit's activation times the gradient of the log-odds, summed over a layer's maps.

    The layers above are linear piece by piece, so a crop's map adds up to its log-odds, but for what biases add. The
    engine's weights are shared, and it goes on scoring. The log-odds are those of `outputs`, such as the abnormal ones,
    against all others. `fields` is where the units of the maps look in a crop.
    """

    def __init__(self, engine: CaffeEngine, outputs: Sequence[int], layer: str = LAYER):
        require_blob(engine.deploy, layer)
        self.engine, self.outputs, self.layer = engine, list(outputs), layer
        message = deepcopy(engine.deploy.message)
        self.fields = receptive_fields(message, layer)
        message.force_backward = True  # Caffe passes nothing back in a net without a loss otherwise
        layers = message.layer
        # the gradient of a probability vanishes where the net is sure: the logits' does not
        self.logits = next(one.bottom[0] for one in layers if "prob" in one.top)
        self.last = next(one.name for one in layers if self.logits in one.top and self.logits not in one.bottom)
        self.after = next(one.name for one in layers if layer in one.bottom and layer not in one.top)
        # a net of its own: backward passes would overwrite what the engine keeps
        self.net = CaffeNet(message, engine.net.gpu)
        self.net.share_weights(engine.net)
        self.crop, self.batch = engine.crop, engine.batch

    def __call__(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Maps, float32 (N, h, w), and log-odds, float64 (N,), of crops, float32 (N, 3, crop, crop)."""
        maps, log_odds = [], []
        for start in range(0, len(crops), self.batch):
            gradient, odds = self._forward(crops[start : start + self.batch])
            self.net.blobs[self.logits].diff[...] = gradient
            self.net.backward(self.last, self.after)
            blob = self.net.blobs[self.layer]
            maps.append((blob.data * blob.diff).sum(axis=1))
            log_odds.append(odds)
        return np.concatenate(maps), np.concatenate(log_odds)

    def _forward(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The gradient of the log-odds in the logits, (N, K), and the log-odds, (N,)."""
        self.net.input("data", crops.shape)[...] = crops
        self.engine.finite(self.net.forward())
        # from the logits: a probability may be 0 in float32, whose logarithm is infinite
        logits = self.net.blobs[self.logits].data.astype(np.float64)
        ours = np.isin(np.arange(logits.shape[1]), self.outputs)
        own = logsumexp(logits[:, ours], axis=1, keepdims=True)
        other = logsumexp(logits[:, ~ours], axis=1, keepdims=True)
        gradient = np.where(ours, np.exp(logits - own), -np.exp(logits - other))
        return gradient, (own - other)[:, 0]
