"""Adapt a net's last layers with few and with many cells, and judge each share of the adapted weights.

    .venv/bin/python experiments/adapting_shares.py --from runs/herlev-cell-quick/fold0 --data my_cells/cells.csv

A third of the groups is held back, and judges. Of the other cells so many are labelled as --cells says: random ones, or
those that the gallery shows first in one of its orders (--orders). A fifth of them, by groups, is left out as the test
cells of `train --from` would be. conv1 to conv5 do not learn (prototxt/adapt), so Caffe computes their output once for
all trials. The three layers above are trained here, with the numbers of prototxt/adapt/solver.prototxt. That takes a
small part of the time of `train --from`. Each view has one random crop, always the same. adapting_shares.csv
gets a row for each trial and share. The means over the seeds are printed.
"""

import argparse
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
from adapting_study import GALLERY, RANDOM, as_screened, held_back, labelled_cells, severe_found, write
from sklearn.model_selection import StratifiedGroupKFold

from data_prep.cells import Cell, by_image
from data_prep.dataset import open_dataset
from data_prep.views import render
from deeppap.cli.options import whole_numbers
from deeppap.cli.tool import run
from deeppap.engines.caffe_net import CaffeNet
from deeppap.engines.weights_file import blob_array, layers_of
from deeppap.io.caffe_messages import ROOT, read_binary, read_prototxt
from deeppap.io.progress import progress
from deeppap.scoring.cell_views import cells_of_data_set
from deeppap.scoring.ood import LAYER
from deeppap.scoring.trained_model import TrainedModel
from deeppap.stats.metrics import binary_metrics
from deeppap.studies.external import as_seen
from deeppap.training.blend import SHARES

VIEWS = 4  # of each cell
BATCH = 64  # half of each label
LAYERS = ("fc6_t", "fc7_t", "fc8_t")
OUT = Path("adapting_shares.csv")
SOLVER = read_prototxt(ROOT / "prototxt/adapt/solver.prototxt", "SolverParameter")
Head = list[np.ndarray]  # weights (out, in) and biases (out,) of each of LAYERS, in turn


def iterations(cells: int) -> int:
    """About as many as the profile quick takes; few cells get more epochs."""
    return max(240, round(0.6 * cells))


def features(model: TrainedModel, cells: Sequence[Cell], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Of VIEWS views of each cell, a random crop of each: pool5, float16 (n, VIEWS, 9216), and what tells unlike cells.

    The latter are the means over the maps of conv3, float32 (n, VIEWS, 384).
    """
    net = CaffeNet(model.deploy, weights=model.weights)
    found, maps, crop = [], [], net.blobs["data"].data.shape[-1]
    views = cells_of_data_set(cells, model.views(VIEWS))
    for item in progress(views, total=len(cells), desc="conv1 to pool5", unit="cell"):
        region, centre = item.read()
        data = net.input("data", (VIEWS, 3, crop, crop))
        for place, (_, view) in zip(data, item.views, strict=True):
            row, column = rng.integers(0, model.mean.shape[-1] - crop + 1, 2)
            image = render(region, centre, view).transpose(2, 0, 1) - model.mean
            image = image[:, row : row + crop, column : column + crop]
            place[...] = image[..., ::-1] if rng.random() < 0.5 else image
        found.append(net.forward("pool5").reshape(VIEWS, -1).astype(np.float16))
        maps.append(net.channel_means(LAYER))
    return np.stack(found), np.stack(maps)


def head_of(model: TrainedModel) -> Head:
    """The weights and biases of a net's last three layers."""
    layers = layers_of(read_binary(model.weights, "NetParameter", "Train it again."))
    head = []
    for name in LAYERS:
        weights, biases = (blob_array(blob).astype(np.float32) for blob in layers[name])
        head += [weights.reshape(biases.size, -1), biases.ravel()]
    return head


def first_layer(head: Head, inputs: np.ndarray) -> np.ndarray:
    """fc6_t before its ReLU, float32 (n, VIEWS, 1024), of pool5 (n, VIEWS, 9216)."""
    return np.stack([views.astype(np.float32) @ head[0].T + head[1] for views in inputs])


def scores(head: Head, first: np.ndarray) -> np.ndarray:
    """P(abnormal), the mean over a cell's views, float64 (n,), of fc6_t before its ReLU (n, VIEWS, 1024)."""
    return _above(head, first)[-1][..., 1].mean(axis=1, dtype=np.float64)


def _above(head: Head, first: np.ndarray, keep: Sequence[np.ndarray] = (1.0, 1.0)) -> tuple[np.ndarray, ...]:
    """Outputs of fc6_t, fc7_t and softmax; `keep` is what dropout multiplies the first two by."""
    first = np.maximum(first, 0) * keep[0]
    second = np.maximum(first @ head[2].T + head[3], 0) * keep[1]
    third = second @ head[4].T + head[5]
    powers = np.exp(third - third.max(axis=-1, keepdims=True))
    return first, second, powers / powers.sum(axis=-1, keepdims=True)


def adapted(head: Head, inputs: np.ndarray, labels: np.ndarray, seed: int) -> Head:
    """The head trained on cells, pool5 (n, VIEWS, 9216) and labels (n,), as Caffe's SGD would with the solver."""
    rng = np.random.default_rng(seed)
    learned, steps = [part.copy() for part in head], [np.zeros_like(part) for part in head]
    sides = [np.flatnonzero(labels == label) for label in (0, 1)]
    for _ in range(iterations(len(labels))):
        cells = np.concatenate([rng.choice(side, BATCH // 2) for side in sides])
        x = inputs[cells, rng.integers(0, VIEWS, BATCH)].astype(np.float32)
        # dropout of one half, as in train_val.prototxt
        keep = [np.float32(2) * (rng.random((BATCH, len(learned[place]))) < 0.5) for place in (1, 3)]
        first, second, prob = _above(learned, x @ learned[0].T + learned[1], keep)
        third = (prob - np.eye(2, dtype=np.float32)[labels[cells]]) / BATCH
        # a unit that ReLU or dropout has set to 0 passes nothing back
        below = third @ learned[4] * (second > 0) * keep[1]
        lowest = below @ learned[2] * (first > 0) * keep[0]
        gradients = [lowest.T @ x, lowest.sum(0), below.T @ first, below.sum(0), third.T @ second, third.sum(0)]
        for place, (part, step, gradient) in enumerate(zip(learned, steps, gradients, strict=True)):
            is_bias = place % 2  # of weights lr_mult and decay_mult are 1, of biases 2 and 0
            decay = 0 if is_bias else np.float32(SOLVER.weight_decay)
            step *= np.float32(SOLVER.momentum)
            step += np.float32(SOLVER.base_lr * (1 + is_bias)) * (gradient + decay * part)
            part -= step
    return learned


def trained_cells(cells: Sequence[Cell], seed: int) -> np.ndarray:
    """Which of the labelled cells train: all but a fifth of them, by groups."""
    labels, groups = np.array([cell.label for cell in cells]), np.array([cell.group for cell in cells])
    split = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    return next(split.split(labels, labels, groups))[0]


def figures(cells: Sequence[Cell], found: np.ndarray) -> dict[str, float]:
    """What a net's scores (n,) of the held-back cells are worth.

    AUC, and the share of severe cells above the score that 85 % of the normal cells do not reach.
    """
    labels = np.array([cell.label for cell in cells])
    names = np.array([cell.kind for cell in cells])
    return {"auc": binary_metrics(labels, found.clip(0, 1))["auc"], "severe": severe_found(labels, names, found)}


def trials(args: argparse.Namespace) -> list[dict]:
    """A row for each order, number of cells, seed and share."""
    model = TrainedModel.open(args.source)
    data = as_seen(open_dataset(args.data), model.run, None)
    groups = held_back(cell.group for cell in data.cells)
    held = list(by_image(cell for cell in data.cells if cell.group in groups))
    others = list(by_image(cell for cell in data.cells if cell.group not in groups))
    labels, rng = np.array([cell.label for cell in others]), np.random.default_rng(0)
    head, rows = head_of(model), []
    (inputs, maps), (held_inputs, _) = (features(model, cells, rng) for cells in (others, held))
    early, early_held = (first_layer(head, found) for found in (inputs, held_inputs))
    before = scores(head, early)
    reference = model.ood_reference(print)
    ood = [reference.score(of_cell) if reference else np.nan for of_cell in maps]
    screened = [
        as_screened(cell.image.name, *cell.centre, score, unlike)
        for cell, score, unlike in zip(others, before, ood, strict=True)
    ]
    for order, count, seed in progress(list(product(args.orders, args.cells, args.seeds)), desc="trials", unit="trial"):
        chosen_cells = np.array(labelled_cells([cell.group for cell in others], count, seed, order, screened))
        train = chosen_cells[trained_cells([others[place] for place in chosen_cells], seed)]
        after = adapted(head, inputs[train], labels[train], seed)
        late = first_layer(after, held_inputs)
        judged = {}
        for share in (0.0, *SHARES):
            mixed = [(1 - share) * first + share * last for first, last in zip(head, after, strict=True)]
            judged[share] = scores(mixed, (1 - share) * early_held + share * late)
        trial = {"order": order, "cells": count, "seed": seed, "abnormal": int(labels[chosen_cells].sum())}
        rows += [{**trial, "share": share, **figures(held, scored)} for share, scored in judged.items()]
        write(OUT, list(rows[0]), rows)
    return rows


def main() -> None:
    """Run all trials and print the means over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--from", dest="source", type=Path, required=True, help="a trained fold")
    parser.add_argument("--data", type=Path, required=True, help="a manifest with groups")
    parser.add_argument("--cells", type=whole_numbers, default=[25, 50, 100, 200, 400, 800])
    parser.add_argument("--seeds", type=whole_numbers, default=[1, 2, 3, 4])
    parser.add_argument("--orders", nargs="+", choices=[RANDOM, *GALLERY], default=[RANDOM, *GALLERY])
    args = parser.parse_args()
    rows = trials(args)
    for order, count, share in product(args.orders, args.cells, (0.0, *SHARES)):
        of_these = [row for row in rows if (row["order"], row["cells"], row["share"]) == (order, count, share)]
        means = {name: np.mean([row[name] for row in of_these]) for name in ("auc", "severe", "abnormal")}
        line = f"{order}, {count} cells ({means['abnormal']:.0f} abnormal), {share}: AUC {means['auc']:.3f}, "
        print(f"{line}at least {min(row['auc'] for row in of_these):.3f}; severe {means['severe']:.2f}")


if __name__ == "__main__":
    run(main)
