"""A small net that Caffe trains in seconds to tell phantom cells whose class is painted in the nucleus alone."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.cells import Cell
from data_prep.herlev_classes import NUCLEUS
from data_prep.views import Grid, View, plan_view, render
from deeppap.engines.crops import crop_views
from deeppap.phantom.cell import PAP, PAP_BACKGROUND, draw_cell
from deeppap.scoring.cell_views import CellViews, ViewChoice

COLOURS = ((126, 116, 150), (52, 40, 70))  # of the nucleus, RGB: normal, abnormal; nothing else differs
MEAN = np.full((3, 256, 256), 150, np.float32)
VIEWS = 8  # of each cell that the net is trained on
LAYERS = """
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1" param { lr_mult: 1 } param { lr_mult: 2 }
  convolution_param { num_output: 12 kernel_size: 9 stride: 4 weight_filler { type: "xavier" } } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1"
  pooling_param { pool: AVE kernel_size: 3 stride: 2 } }
layer { name: "conv3" type: "Convolution" bottom: "pool1" top: "conv3" param { lr_mult: 1 } param { lr_mult: 2 }
  convolution_param { num_output: 16 kernel_size: 3 pad: 1 weight_filler { type: "xavier" } } }
layer { name: "relu3" type: "ReLU" bottom: "conv3" top: "conv3" }
layer { name: "pool3" type: "Pooling" bottom: "conv3" top: "pool3"
  pooling_param { pool: AVE kernel_size: 3 stride: 3 } }
layer { name: "fc7_t" type: "InnerProduct" bottom: "pool3" top: "fc7_t" param { lr_mult: 1 } param { lr_mult: 2 }
  inner_product_param { num_output: 16 weight_filler { type: "xavier" } } }
layer { name: "relu7" type: "ReLU" bottom: "fc7_t" top: "fc7_t" }
layer { name: "fc8_t" type: "InnerProduct" bottom: "fc7_t" top: "fc8_t" param { lr_mult: 1 } param { lr_mult: 2 }
  inner_product_param { num_output: 2 weight_filler { type: "xavier" } } }
"""
INPUT = """layer {{ name: "{0}" type: "Input" top: "{0}" input_param {{ shape {{ {1} }} }} }}"""
DATA = INPUT.format("data", "dim: 16 dim: 3 dim: 227 dim: 227")


class Painted(NamedTuple):
    """A drawn cell: image, uint8 (H, W, 3) BGR, its nucleus, bool (H, W), and its label."""

    image: np.ndarray
    nucleus: np.ndarray
    label: int

    @property
    def centre(self) -> tuple[float, float]:
        """Of the nucleus, (x, y)."""
        rows, columns = np.nonzero(self.nucleus)
        return float(columns.mean()), float(rows.mean())

    def views(self, count: int) -> CellViews:
        """The cell on its way to the engine."""
        cell = Cell(f"painted{self.label}", Path("<drawn>"), self.label, "", self.centre, None)
        return CellViews(cell, lambda: (self.image, self.centre), ViewChoice(Grid(10, 10), count, 1).of(cell.id))


def painted(rng: np.random.Generator, label: int) -> Painted:
    """Draw one cell."""
    style = PAP[3]._replace(colour=COLOURS[label])
    image, mask = draw_cell(style, rng, PAP_BACKGROUND, np.ones(3))
    return Painted(np.ascontiguousarray(image[..., ::-1]), (mask == NUCLEUS).all(axis=2), label)


def train(folder: Path, rng: np.random.Generator, cells: int = 60, iterations: int = 160) -> tuple[Path, Path]:
    """Train the net on drawn cells; its deploy prototxt, as in a checkout at `folder`, and .caffemodel."""
    import caffe

    caffe.set_mode_cpu()
    (folder / "prototxt").mkdir()
    deploy, solver, net = (folder / f"{name}.prototxt" for name in ("prototxt/deploy", "solver", "train"))
    prob = 'layer { name: "prob" type: "Softmax" bottom: "fc8_t" top: "prob" }'
    loss = 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc8_t" bottom: "label" top: "loss" }'
    deploy.write_text(f"{DATA}\n{LAYERS}\n{prob}\n", encoding="utf-8")
    net.write_text(f"{DATA}\n{INPUT.format('label', 'dim: 16')}\n{LAYERS}\n{loss}\n", encoding="utf-8")
    text = f'net: "{net}" base_lr: 0.0001 lr_policy: "fixed" momentum: 0.9 weight_decay: 0.001 random_seed: 3'
    solver.write_text(f"{text} solver_mode: CPU max_iter: {iterations} snapshot_prefix: '{folder}/s'", encoding="utf-8")
    learner = caffe.SGDSolver(str(solver))
    known = [painted(rng, index % 2) for index in range(cells)] * VIEWS
    labels = np.array([cell.label for cell in known])
    # rendered once: iterations draw from them
    views = np.stack([render(cell.image, cell.centre, _view(rng)) for cell in known])
    for _ in range(iterations):
        batch = rng.integers(0, len(known), 16)
        learner.net.blobs["data"].data[...] = crop_views(views[batch], MEAN, 227, 1)
        learner.net.blobs["label"].data[...] = labels[batch]
        learner.step(1)
    learner.net.save(str(folder / "nucleus.caffemodel"))
    return deploy, folder / "nucleus.caffemodel"


def _view(rng: np.random.Generator) -> View:
    return plan_view(str(rng.integers(1 << 30)), "train", Grid(10, 10), int(rng.integers(100)), 1)
