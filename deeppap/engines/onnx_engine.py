"""What the engines that read ONNX have in common: the net's graph, crops in batches, and memory of their own."""

from abc import abstractmethod
from pathlib import Path

import numpy as np

from deeppap.engines.crops import CropEngine
from deeppap.engines.device import Device
from deeppap.engines.onnx_export.cache import cached_graph

BATCH = 50  # crops; larger ones are no faster


class OnnxEngine(CropEngine):
    """An engine that runs the net's ONNX graph.

    Parameters
    ----------
    deploy, model : Path
        As Caffe takes them; exported and proven against Caffe where that has not been done before.
    batch : int, optional
        Crops at once.
    """

    def __init__(self, deploy: Path, model: Path, device: Device, batch: int | None = None):
        self.model, self.precision, self.batch = model, device.precision, batch or BATCH
        self.crop, self.classes = self.load(cached_graph(deploy, model), device)
        self.memory = np.empty((0, 3, self.crop, self.crop), np.float32)

    @abstractmethod
    def load(self, graph: bytes, device: Device) -> tuple[int, int]:
        """Make ready to run a graph; its input's side and the number of its outputs. Sets `hardware`."""

    @abstractmethod
    def forward(self, crops: np.ndarray) -> np.ndarray:
        """Probabilities, float32 (N, K), of one batch; memory of the caller's."""

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        """Probabilities, float32 (N, K), of crops, float32 (N, 3, crop, crop)."""
        return self.in_batches(self.forward, crops)

    def room(self, count: int) -> np.ndarray:
        """The same memory each time: new memory for so many pixels costs more than the crops."""
        if len(self.memory) < count:
            self.memory = np.empty((count, *self.memory.shape[1:]), np.float32)
        return self.memory[:count]
