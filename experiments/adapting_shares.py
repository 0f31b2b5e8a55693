"""Adapt a net's last layers with few and with many cells, and judge each share of the adapted weights.

    .venv/bin/python experiments/adapting_shares.py --from runs/herlev-cell-quick/fold0 --data my_cells/cells.csv

A third of the groups is held back, and judges. Of the other cells so many are chosen at random as a person would have
labelled (--cells). A fifth of them, by groups, is left out as the test cells of `train --from` would be, a fifth of the
rest are inner cells. conv1 to conv5 do not learn (prototxt/adapt), so Caffe computes their output once for all trials.
The three layers above are trained here, with the numbers of prototxt/adapt/solver.prototxt. That takes a small part of
the time of `train --from`. Each view has one random crop, the same in every iteration. adapting_shares.csv gets a row
for each trial and share. The means over the seeds are printed; "chosen" is what the inner cells choose.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from adapting_study import severe_found, split_of, write
from sklearn.model_selection import StratifiedGroupKFold

from data_prep.cells import Cell
from data_prep.dataset import open_dataset
from data_prep.mean_image import MeanImage
from data_prep.views import render
from deeppap.cli.options import whole_numbers
from deeppap.cli.tool import run
from deeppap.engines.caffe_net import CaffeNet
from deeppap.engines.weights_file import blob_array, layers_of
from deeppap.io.caffe_messages import ROOT, read_binary, read_prototxt
from deeppap.io.progress import progress
from deeppap.scoring.cell_views import cells_of_data_set
from deeppap.scoring.trained_model import TrainedModel
from deeppap.stats.metrics import binary_metrics
from deeppap.studies.external import as_seen
from deeppap.training.blend import SHARES, chosen

VIEWS = 4  # of each cell
BATCH = 64  # half of each label
LAYERS = ("fc6_t", "fc7_t", "fc8_t")
OUT = Path("adapting_shares.csv")
CHOSEN = "chosen"  # in place of a share
SOLVER = read_prototxt(ROOT / "prototxt/adapt/solver.prototxt", "SolverParameter")
Head = list[np.ndarray]  # weights (out, in) and biases (out,) of each of LAYERS, in turn


def iterations(cells: int) -> int:
    """About as many as the profile quick takes; few cells get more epochs."""
    return max(240, round(0.6 * cells))


def features(model: TrainedModel, cells: Sequence[Cell], mean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """pool5 of VIEWS views of each cell, a random crop of each, float16 (n, VIEWS, 9216)."""
    net = CaffeNet(model.deploy, weights=model.weights)
    found, crop = [], net.blobs["data"].data.shape[-1]
    views = cells_of_data_set(cells, model.views(VIEWS))
    for item in progress(views, total=len(cells), desc="conv1 to pool5", unit="cell"):
        region, centre = item.read()
        data = net.input("data", (VIEWS, 3, crop, crop))
        for place, (_, view) in zip(data, item.views, strict=True):
            row, column = rng.integers(0, mean.shape[-1] - crop + 1, 2)
            image = render(region, centre, view).transpose(2, 0, 1) - mean
            image = image[:, row : row + crop, column : column + crop]
            place[...] = image[..., ::-1] if rng.random() < 0.5 else image
        found.append(net.forward("pool5").reshape(VIEWS, -1).astype(np.float16))
    return np.stack(found)


def mean_of_cells(model: TrainedModel, cells: Sequence[Cell]) -> np.ndarray:
    """The mean of one view of each cell, float32 (3, 256, 256): the mean image of a set that a net is adapted to."""
    mean = MeanImage()
    for item in cells_of_data_set(cells, model.views(1)):
        region, centre = item.read()
        mean.add(render(region, centre, item.views[0][1]).transpose(2, 0, 1), 1)
    return mean.value()


def head_of(model: TrainedModel) -> Head:
    """The weights and biases of a net's last three layers."""
    layers = layers_of(read_binary(model.weights, "NetParameter", "Train it again."))
    head = []
    for name in LAYERS:
        weights, biases = (blob_array(blob).astype(np.float32) for blob in layers[name])
        head += [weights.reshape(biases.size, -1), biases.ravel()]
    return head


def scores(head: Head, inputs: np.ndarray) -> np.ndarray:
    """P(abnormal), the mean over a cell's views, float64 (n,), of pool5 (n, VIEWS, 9216)."""
    return np.array([_forward(head, views.astype(np.float32))[-1][:, 1].mean() for views in inputs])


def _forward(head: Head, x: np.ndarray, keep: Sequence[np.ndarray] = (1.0, 1.0)) -> tuple[np.ndarray, ...]:
    """Outputs of fc6_t, fc7_t and softmax; `keep` is what dropout multiplies the first two by."""
    first = np.maximum(x @ head[0].T + head[1], 0) * keep[0]
    second = np.maximum(first @ head[2].T + head[3], 0) * keep[1]
    third = second @ head[4].T + head[5]
    powers = np.exp(third - third.max(axis=1, keepdims=True))
    return first, second, powers / powers.sum(axis=1, keepdims=True)


def adapted(head: Head, inputs: np.ndarray, labels: np.ndarray, seed: int) -> Head:
    """The head trained on cells, pool5 (n, VIEWS, 9216) and labels (n,), as Caffe's SGD would with the solver."""
    rng = np.random.default_rng(seed)
    head = [part.copy() for part in head]
    steps = [np.zeros_like(part) for part in head]
    sides = [np.flatnonzero(labels == label) for label in (0, 1)]
    for _ in range(iterations(len(labels))):
        cells = np.concatenate([rng.choice(side, BATCH // 2) for side in sides])
        x = inputs[cells, rng.integers(0, VIEWS, BATCH)].astype(np.float32)
        # dropout of one half, as in train_val.prototxt
        keep = [np.float32(2) * (rng.random((BATCH, len(head[layer]))) < 0.5) for layer in (0, 2)]
        first, second, prob = _forward(head, x, keep)
        third = prob.copy()
        third[np.arange(BATCH), labels[cells]] -= 1
        third /= BATCH
        # a unit that ReLU or dropout has set to 0 passes nothing back
        below = third @ head[4] * (second > 0) * keep[1]
        lowest = below @ head[2] * (first > 0) * keep[0]
        gradients = [lowest.T @ x, lowest.sum(0), below.T @ first, below.sum(0), third.T @ second, third.sum(0)]
        for place, (part, step, gradient) in enumerate(zip(head, steps, gradients, strict=True)):
            biases = place % 2
            if not biases:  # decay_mult is 0 for biases
                gradient = gradient + np.float32(SOLVER.weight_decay) * part
            step *= np.float32(SOLVER.momentum)
            step += np.float32(SOLVER.base_lr * (1 + biases)) * gradient  # lr_mult is 2 for biases
            part -= step
    return head


def parts(cells: Sequence[Cell], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Which of the labelled cells train and which are inner cells."""
    labels, groups = np.array([cell.label for cell in cells]), np.array([cell.group for cell in cells])
    split = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    rest = next(split.split(labels, labels, groups))[0]
    train, inner = next(split.split(rest, labels[rest], groups[rest]))
    return rest[train], rest[inner]


def figures(cells: Sequence[Cell], found: np.ndarray) -> dict[str, float]:
    """AUC, and the share of severe cells above the score that 85 % of the normal cells do not reach."""
    labels = np.array([cell.label for cell in cells])
    names = np.array([cell.kind for cell in cells])
    auc = binary_metrics(labels, found.clip(0, 1))["auc"]
    return {"auc": auc, "severe": severe_found(labels, names, found)}


def trials(args: argparse.Namespace) -> list[dict]:
    """A row for each number of cells, seed and share."""
    model = TrainedModel.open(args.source)
    data = as_seen(open_dataset(args.data), model.run, None)
    _, held_list = split_of(args.data, 1, 1)
    held_groups = {cell.group for cell in open_dataset(held_list).cells}
    held = [cell for cell in data.cells if cell.group in held_groups]
    others = [cell for cell in data.cells if cell.group not in held_groups]
    rng = np.random.default_rng(0)
    mean = mean_of_cells(model, others)
    # the source sees cells with its own mean image, an adapted net with that of the cells it is adapted to
    own, own_held = (features(model, cells, model.mean, rng) for cells in (others, held))
    new, new_held = (features(model, cells, mean, rng) for cells in (others, held))
    head, rows = head_of(model), []
    before = figures(held, scores(head, own_held))
    for count in args.cells:
        for seed in args.seeds:
            labelled = np.random.default_rng(seed).permutation(len(others))[:count]
            train, inner = (labelled[part] for part in parts([others[place] for place in labelled], seed))
            labels = np.array([cell.label for cell in others])
            after = adapted(head, new[train], labels[train], seed)
            found, judged = {0.0: scores(head, own[inner])}, {0.0: before}
            for share in SHARES:
                mixed = [(1 - share) * old + share * late for old, late in zip(head, after, strict=True)]
                found[share] = scores(mixed, new[inner])
                judged[share] = figures(held, scores(mixed, new_held))
            judged[CHOSEN] = judged[chosen(labels[inner], found)]
            rows += [{"cells": count, "seed": seed, "share": share, **row} for share, row in judged.items()]
            write(OUT, list(rows[0]), rows)
    return rows


def main() -> None:
    """Run all trials and print the means over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--from", dest="source", type=Path, required=True, help="a trained fold")
    parser.add_argument("--data", type=Path, required=True, help="a manifest with groups")
    parser.add_argument("--cells", type=whole_numbers, default=[50, 100, 200, 400, 800])
    parser.add_argument("--seeds", type=whole_numbers, default=[1, 2, 3, 4])
    args = parser.parse_args()
    rows = trials(args)
    for count in args.cells:
        for share in (0.0, *SHARES, CHOSEN):
            kept = [row for row in rows if (row["cells"], row["share"]) == (count, share)]
            aucs = [row["auc"] for row in kept]
            severe = np.mean([row["severe"] for row in kept])
            print(f"{count} cells, {share}: AUC {np.mean(aucs):.3f}, at least {min(aucs):.3f}; severe {severe:.2f}")


if __name__ == "__main__":
    run(main)
