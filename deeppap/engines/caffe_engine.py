"""Caffe, the reference engine that every other one is proven against; the only place that runs a Caffe net."""

import os
from pathlib import Path

import numpy as np

from deeppap.engines.caffe_blobs import pooled, shaped_input
from deeppap.engines.caffe_views import CaffeViews
from deeppap.engines.crops import CROPS, CropEngine
from deeppap.engines.device import Device
from deeppap.engines.engine import ViewInput
from deeppap.engines.net_probe import probe_net
from deeppap.engines.weights_file import check_weights
from deeppap.io.errors import UserError

CPU_BATCH = 50  # crops; larger ones are no faster on the CPU
GPU_BATCH = 1000  # one cell of the paper's


class CaffeEngine(CropEngine):
    """Runs a net with pycaffe, on the CPU or a GPU.

    Parameters
    ----------
    deploy : Path
        The deploy prototxt: input `data`, output `prob`.
    model : Path
        The .caffemodel of that net; refused here where Caffe would end the process or go on with random values.
    batch : int, optional
        Crops at once; a whole cell of the paper's on a GPU.
    """

    name = "caffe"

    def __init__(self, deploy: Path, model: Path, device: Device = Device(), batch: int | None = None):  # noqa: B008 (frozen)
        facts = probe_net(deploy)
        if not {"data", "prob"} <= facts["blobs"].keys():
            found = ", ".join(facts["blobs"])
            raise UserError(deploy, "blobs named data and prob", found, "Give a deploy prototxt of ConvNet-T.")
        check_weights(model, facts["params"], "Train again, or give the model that belongs to this net.")
        os.environ.setdefault("GLOG_minloglevel", "2")
        import caffe

        if device.number is None:
            caffe.set_mode_cpu()
        else:
            caffe.set_device(device.number)
            caffe.set_mode_gpu()
        self.deploy, self.model, self.on_gpu = deploy, model, device.number is not None
        self.hardware, self.precision = device.hardware, device.precision
        self.net = caffe.Net(str(deploy), caffe.TEST, weights=str(model))
        self.crop = facts["blobs"]["data"][-1]
        self.classes = facts["blobs"]["prob"][-1]
        self.batch = batch or (GPU_BATCH if self.on_gpu else CPU_BATCH)

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        """Probabilities, float32 (N, K), of crops, float32 (N, 3, crop, crop)."""
        return self.in_batches(self._forward, crops)

    def with_layer(self, crops: np.ndarray, layer: str) -> tuple[np.ndarray, np.ndarray]:
        """As a call, and the blob `layer` of the same passes, float32 (N, C): feature maps as their means."""
        self.require_layer(layer)
        prob, shown = [np.empty((0, self.classes), np.float32)], [pooled(self.net, layer)[:0]]
        for start in range(0, len(crops), self.batch):
            prob.append(self._forward(crops[start : start + self.batch]))
            shown.append(pooled(self.net, layer))
        return self.finite(np.concatenate(prob)), np.concatenate(shown)

    def require_layer(self, layer: str) -> None:
        """UserError where the net has no blob of that name."""
        if layer not in self.net.blobs:
            raise UserError(self.deploy, f"a blob {layer}", ", ".join(self.net.blobs), "Give ConvNet-T's prototxt.")

    def room(self, count: int) -> np.ndarray:
        """The net's own input, float32 (count, 3, crop, crop), until the next call: crops made here need no copy."""
        return shaped_input(self.net, "data", (count, 3, self.crop, self.crop))

    def view_input(self, mean: np.ndarray, crops: int = CROPS) -> ViewInput:
        """Whole views go to a GPU as they are, since crops are eight times their size; the CPU takes crops."""
        return CaffeViews(self, mean, crops) if self.on_gpu else super().view_input(mean, crops)

    def _forward(self, crops: np.ndarray) -> np.ndarray:
        data = self.room(len(crops))
        if crops.ctypes.data != data.ctypes.data:  # else made in place
            data[...] = crops
        return self.net.forward()["prob"].copy()

    def activations(self, crop: np.ndarray, names: tuple[str, ...]) -> dict[str, np.ndarray]:
        """Feature maps, float32 (C, H, W), of the named layers for one crop (paper: Fig. 7)."""
        self._forward(crop[None])
        return {name: self.net.blobs[name].data[0].copy() for name in names}

    def filters(self, layer: str = "conv1") -> np.ndarray:
        """A layer's filters, float32 (N, 3, 11, 11) for conv1 (paper: Fig. 6)."""
        return self.net.params[layer][0].data.copy()
