"""Pictures and a net's arrays for a synthetic run, so that its report has every figure: for tests alone."""

from pathlib import Path

import cv2
import numpy as np
from msgspec.structs import replace

from data_prep.dataset import open_dataset
from data_prep.herlev_classes import CLASSES, NUCLEUS
from data_prep.views import read_neighbourhood
from deeppap.records import RunRecord
from deeppap.scoring.results import read_cells

SIDES = (70, 110)  # pixels of a cell's image, least and most


def write_cell_pictures(run: Path, data: Path, seed: int = 1) -> Path:
    """Draw a Herlev-shaped folder with the run's own cells and make the run point at it.

    Every cell is a disc on a ground of noise; its mask is right, so the readers accept it.
    """
    rng, names = np.random.default_rng(seed), [known.name for known in CLASSES]
    for known in CLASSES:
        (data / known.folder).mkdir(parents=True)
    for row in read_cells(run / "cells.csv").values():
        class7 = names.index(row.class_name)
        folder = data / CLASSES[class7].folder
        height, width = (int(side) for side in rng.integers(*SIDES, 2))
        centre = (width // 2 + int(rng.integers(-8, 9)), height // 2)
        image = rng.normal(200, 6, (height, width, 3)).clip(0, 255).astype(np.uint8)
        mask = np.zeros_like(image)
        mask[:] = (0, 0, 255)  # BGR: background red
        radius = 8 + 3 * class7
        cv2.circle(image, centre, radius, (120 - 10 * class7, 60, 100), -1)
        cv2.circle(mask, centre, radius, NUCLEUS[::-1], -1)
        cv2.imwrite(str(folder / f"{row.id}.BMP"), image)
        cv2.imwrite(str(folder / f"{row.id}-d.bmp"), mask)
    (data / "phantom.json").write_text("{}\n", encoding="utf-8")  # of any size, and called a drawing
    record = RunRecord.read(run)
    facts = replace(record.dataset, path=str(data), dataset_sha=open_dataset(data).dataset_sha())
    replace(record, dataset=facts).write(run)
    return data


def write_net_arrays(run: Path, fold: int = 0, seed: int = 1) -> Path:
    """Leave net_figures.npz in a fold as the evaluator does, with random numbers of the right shapes."""
    rng = np.random.default_rng(seed)
    before = rng.normal(0, 0.1, (96, 3, 11, 11)).astype(np.float32)
    shapes = {"input": (3, 227, 227), "pool1": (96, 27, 27), "pool2": (256, 13, 13), "pool5": (256, 6, 6)}
    arrays = {name: rng.exponential(size=shape).astype(np.float32) for name, shape in shapes.items()}
    path = run / f"fold{fold}" / "net_figures.npz"
    change = rng.normal(0, 0.002, before.shape).astype(np.float32)
    conv1 = {"conv1_before": before, "conv1_after": before + change}
    np.savez(path, cell_id=np.array("a-b-1"), **conv1, **arrays)
    return path


def write_heats(run: Path, data: Path, fold: int = 0, seed: int = 1) -> Path:
    """Leave heatmaps.npz in a fold as the evaluator does, with random heat of the pictures' own shapes."""
    rng, arrays = np.random.default_rng(seed), {}
    known = open_dataset(data).by_id()
    ids = [line.split(",")[0] for line in (run / f"fold{fold}/scores.csv").read_text(encoding="utf-8").splitlines()[1:]]
    for number, name in enumerate(ids[:3]):
        shape = read_neighbourhood(known[name])[0].shape[:2]
        arrays |= {f"id_{number}": np.array(name), f"heat_{number}": rng.normal(size=shape).astype(np.float16)}
    np.savez(run / f"fold{fold}" / "heatmaps.npz", **arrays)
    return run / f"fold{fold}" / "heatmaps.npz"
