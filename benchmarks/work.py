"""What the benchmarks work on: a phantom, a model of ConvNet-T, and a folder for what they write."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.timing_nets import whole_model
from data_prep.dataset import Dataset, open_dataset
from data_prep.views import SIZE, Grid
from deeppap.io.caffe_messages import prototxt_folder
from deeppap.phantom.cell_set import make_phantom

CELLS = 60
GRID = Grid(10, 10)


@dataclass(frozen=True)
class Work:
    """Everything a benchmark needs."""

    folder: Path
    dataset: Dataset
    deploy: Path
    model: Path
    rounds: int


def flat_mean() -> np.ndarray:
    """A mean image of one grey, float32 (3, 256, 256): subtracting it costs what any does."""
    return np.full((3, SIZE, SIZE), 128, np.float32)


def prepare(folder: Path, rounds: int) -> Work:
    """Draw the phantom and write the model, both seeded; nothing else is needed."""
    folder = folder.absolute()  # a tool that is measured runs elsewhere
    folder.mkdir(parents=True, exist_ok=True)
    make_phantom(folder / "phantom", CELLS)
    model = whole_model(None, folder / "random.caffemodel")
    return Work(folder, open_dataset(folder / "phantom"), prototxt_folder(2) / "deploy.prototxt", model, rounds)
