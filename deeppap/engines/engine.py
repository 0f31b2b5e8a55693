"""What an engine is: a net that is run. Crops or whole views in, probabilities out; no caller asks which one it has."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

import numpy as np

from deeppap.engines.crops import CROPS, crop_views
from deeppap.engines.deploy import Deploy
from deeppap.engines.device import Device, require_engine
from deeppap.io.errors import UserError

Fill = Callable[[np.ndarray, np.ndarray], None]


class ViewInput(ABC):
    """An engine made ready for the views of one training set: their mean image and their number of crops."""

    at_once: int  # views that it takes at once
    crops: int  # of each view that it scores (paper: Nc)
    shape: tuple[int, ...]  # of one view's place in the input's memory
    dtype = np.float32
    # fill(view, place) puts one view, uint8 (256, 256, 3) BGR, into its place; safe in threads, and if `ahead` is true
    # in other processes
    fill: Fill
    ahead = False  # whether other processes render the next views meanwhile; else all cores do in between

    def memory(self, count: int) -> np.ndarray:
        """Room for `count` views, (count, *shape), until the next call."""
        return np.empty((count, *self.shape), self.dtype)

    @abstractmethod
    def __call__(self, memory: np.ndarray) -> np.ndarray:
        """Probabilities of every view's crops, float32 (count, crops, K); the first crop is the centre's."""

    @abstractmethod
    def with_layer(self, memory: np.ndarray, layer: str) -> tuple[np.ndarray, np.ndarray]:
        """As a call, and of the same pass a layer's output for each view's centre crop, float32 (count, C).

        A layer of feature maps gives each map's mean.
        """


class Engine(ABC):
    """A net that is run."""

    name: str  # as the user chooses them, such as "caffe" and "float32"; recorded with every score
    precision: str
    hardware: str  # the processor or the card that it computes on
    model: Path  # the .caffemodel whose weights it has
    batch: int  # crops that it takes at once
    crop: int  # side of its input in pixels
    classes: int  # outputs

    @abstractmethod
    def forward(self, crops: np.ndarray) -> np.ndarray:
        """Probabilities, float32 (N, K), of one batch."""

    @abstractmethod
    def forward_with_layer(self, crops: np.ndarray, layer: str) -> tuple[np.ndarray, np.ndarray]:
        """The same, and the means (N, C) of the blob `layer`; UserError if the net has no blob of that name."""

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        """Probabilities, float32 (N, K), of crops, float32 (N, 3, crop, crop), mean subtracted, BGR.

        Raises UserError where they are not finite.
        """
        # 1.5 million values a crop: the 1000 crops of a paper's cell would take 6 GB at once
        parts = [self.forward(crops[i : i + self.batch]) for i in range(0, len(crops), self.batch)]
        return self.finite(np.concatenate(parts) if parts else np.empty((0, self.classes), np.float32))

    def with_layer(self, crops: np.ndarray, layer: str) -> tuple[np.ndarray, np.ndarray]:
        """As a call, and the blob `layer` of the same passes, float32 (N, C): feature maps as their means.

        Raises UserError if the net has no blob of that name.
        """
        parts = [self.forward_with_layer(crops[i : i + self.batch], layer) for i in range(0, len(crops), self.batch)]
        prob, means = (np.concatenate(part) for part in zip(*parts, strict=True))
        return self.finite(prob), means

    def finite(self, prob: np.ndarray) -> np.ndarray:
        """The same probabilities, refused where they are none: finite weights can still overflow."""
        if not np.isfinite(prob).all():
            raise UserError(self.model, "finite probabilities", "NaN: its training diverged", "Train again.")
        return prob

    def view_input(self, mean: np.ndarray, crops: int = CROPS) -> ViewInput:
        """The engine made ready for whole views and `crops` of each; `mean` is float32 (3, 256, 256), BGR."""
        return CroppedInput(self, mean, crops)


class CroppedInput(ViewInput):
    """Views on their way into an engine: all cores cut their crops into one memory."""

    def __init__(self, engine: Engine, mean: np.ndarray, crops: int):
        self.engine, self.mean, self.crops = engine, mean, crops
        # whole views in a batch: a view's crops are averaged together
        self.at_once = max(1, engine.batch // crops)
        self.shape = (crops, 3, engine.crop, engine.crop)
        self._memory = super().memory(0)

    def fill(self, view: np.ndarray, place: np.ndarray) -> None:
        """Cut a view's crops, mean subtracted, into their place, float32 (crops, 3, crop, crop)."""
        crop_views(view[None], self.mean, self.engine.crop, self.crops, place)

    def memory(self, count: int) -> np.ndarray:
        """The same memory each time: new memory for so many pixels costs more than the crops."""
        if len(self._memory) < count:
            self._memory = super().memory(count)
        return self._memory[:count]

    def __call__(self, memory: np.ndarray) -> np.ndarray:
        """Probabilities of every view's crops, float32 (count, crops, K)."""
        prob = self.engine(memory.reshape(-1, *self.shape[1:]))
        return prob.reshape(len(memory), self.crops, -1)

    def with_layer(self, memory: np.ndarray, layer: str) -> tuple[np.ndarray, np.ndarray]:
        """As a call, and the layer's output for each view's centre crop, float32 (count, C)."""
        prob, shown = self.engine.with_layer(memory.reshape(-1, *self.shape[1:]), layer)
        return prob.reshape(len(memory), self.crops, -1), shown[:: self.crops]


def open_engine(
    deploy: Path | Deploy, model: Path, device: Device, batch: int | None = None, sha256: str | None = None
) -> Engine:
    """The engine that a device names, with a net's weights in it; `sha256` is of their bytes, where it is known.

    Raises UserError if the engine is unknown or not installed, or lacks that precision here; for a net that may not
    be built, and weights that are not its own.
    """
    # TF32 is how a GPU computes in float32, not a precision that an engine is asked for
    require_engine(device.engine, "float32" if device.precision == "tf32" else device.precision)
    # imported here, since each engine's packages may be missing
    if device.engine == "caffe":
        from deeppap.engines.caffe_engine import CaffeEngine as Kind
    else:
        from deeppap.engines.onnx_engine import OnnxEngine as Kind
    return Kind(deploy, model, device, batch, sha256)
