"""A run folder as the tools leave it, with seeded random scores in place of a net's: for tests alone."""

import csv
import json
import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from msgspec.structs import replace

from data_prep.herlev_classes import CLASSES
from deeppap.io.files import sha256_file
from deeppap.records import DatasetRecord, ModelRecord, Recipe, RunRecord, ScoreRecord, SplitRecord, WeightsRecord
from deeppap.scoring.score_files import scores_name
from tests.support.records import MACHINE

N_FOLDS = 5
ANGLES = [36.0 * step for step in range(10)]
SCORE_COLUMNS = ["id", "class7", "label", "score", "spread"]
VIEW_COLUMNS = ["id", "view", "angle", "dx", "dy", "score", "score_centre"]


def _write_csv(path: Path, columns: list[str], rows: list[list]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([[f"{v:.9g}" if isinstance(v, float) else v for v in row] for row in rows])


def _write_json(path: Path, value) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def _cells(rng: np.random.Generator, count: int, seven: bool) -> list[dict]:
    """Cells in the seven classes (or only normal and abnormal); no field mixes normal and abnormal."""
    cells = []
    for index in range(count):
        class7 = index % 7
        label = int(class7 >= 3) if seven else index % 2
        field = 148000000 + 1000 * (index // 7) + 100000 * label
        cells.append(
            {
                "id": f"{field}-{field + 7 * int(rng.integers(1, 4))}-{index:03d}",
                "class7": class7 if seven else "",
                "class_name": CLASSES[class7].name if seven else ("normal", "abnormal")[label],
                "label": label,
                "group": str(field),
                "x": float(rng.uniform(30, 90)),
                "y": float(rng.uniform(30, 90)),
            }
        )
    return sorted(cells, key=lambda cell: cell["id"])


def _folds(cells: list[dict], protocol: str) -> list[list[str]]:
    """Five folds: by cell class after class, or by whole fields."""
    folds: list[list[str]] = [[] for _ in range(N_FOLDS)]
    groups = sorted({cell["group"] for cell in cells})
    ordered = sorted(cells, key=lambda cell: (str(cell["class7"]), cell["label"], cell["id"]))
    for index, cell in enumerate(ordered):
        fold = groups.index(cell["group"]) if protocol == "field" else index
        folds[fold % N_FOLDS].append(cell["id"])
    return [sorted(fold) for fold in folds]


def _view_scores(rng: np.random.Generator, labels: np.ndarray, noise: float) -> np.ndarray:
    """Scores (cells, 100, 2) of all crops and of the centre crop; a few cells are on the wrong side."""
    towards = rng.normal(2.5, noise, len(labels)) * (2 * labels - 1)
    logits = towards[:, None, None] + rng.normal(0, 0.8, (len(labels), 100, 2))
    return 1 / (1 + np.exp(-logits))


def _probabilities(rng: np.random.Generator, cell: dict, score: float, classes: int) -> list[float]:
    """P of each class; for seven, the abnormal four share the score, mostly in the cell's own class."""
    if classes == 2:
        return [1 - score, score]
    weight = rng.uniform(0.1, 0.6, 7)
    weight[cell["class7"]] += 0.25
    normal, abnormal = weight[:3] / weight[:3].sum(), weight[3:] / weight[3:].sum()
    return [float(v) for v in (*((1 - score) * normal), *(score * abnormal))]


def _score_rows(rng, cells: list[dict], views: np.ndarray, classes: int) -> list[list]:
    rows = []
    for cell, view in zip(cells, views[:, :, 0], strict=True):
        score = float(view.mean())
        probabilities = _probabilities(rng, cell, score, classes)
        rows.append([cell["id"], cell["class7"], cell["label"], score, float(view.std()), *probabilities])
    return rows


def _view_rows(rng: np.random.Generator, cells: list[dict], views: np.ndarray) -> list[list]:
    rows = []
    for cell, view in zip(cells, views, strict=True):
        shifts = rng.integers(-10, 11, (100, 2))
        for index in range(100):
            dx, dy = (int(v) for v in shifts[index])
            score, centre = (float(v) for v in view[index])
            rows.append([cell["id"], index, ANGLES[index // 10], dx, dy, score, centre])
    return rows


def _caffe_log(rng: np.random.Generator, epochs: int = 4, per_epoch: int = 20) -> str:
    """What Caffe would have logged: a loss every ten iterations, a test every epoch."""
    head = "I0102 03:04:05.678901  4242 solver.cpp:"
    lines = ["Log file created at: 2024/01/02 03:04:05"]
    for iteration in range(0, epochs * per_epoch + 1, 10):
        loss = 0.7 * np.exp(-iteration / 30) + 0.02 * rng.random()
        if iteration % per_epoch == 0:
            accuracy = 1 - 0.5 * np.exp(-iteration / 20)
            lines += [
                f"{head}347] Iteration {iteration}, Testing net (#0)",
                f"{head}414]     Test net output #0: accuracy = {accuracy:.6g}",
                f"{head}414]     Test net output #1: loss = {loss + 0.05:.6g} (* 1 = {loss + 0.05:.6g} loss)",
            ]
        lines += [
            f"{head}239] Iteration {iteration} (2.5 iter/s, 4s/10 iters), loss = {loss:.6g}",
            f"{head}258]     Train net output #0: loss = {loss:.6g} (* 1 = {loss:.6g} loss)",
            "I0102 03:04:05.678901  4242 sgd_solver.cpp:112] " + f"Iteration {iteration}, lr = 0.01",
        ]
    return "\n".join(lines) + "\n"


def _write_fold(folder: Path, rng: np.random.Generator, cells: list[dict], classes: int, shift: bool) -> None:
    folder.mkdir()
    labels = np.array([cell["label"] for cell in cells])
    columns = SCORE_COLUMNS + [f"prob_{k}" for k in range(classes)]
    views = _view_scores(rng, labels, 1.2)
    _write_csv(folder / "scores.csv", columns, _score_rows(rng, cells, views, classes))
    _write_csv(folder / "view_scores.csv", VIEW_COLUMNS, _view_rows(rng, cells, views))
    for pixels in (5, 10) if shift else ():
        shifted = _view_scores(rng, labels, 1.2 + pixels / 20)
        _write_csv(folder / f"scores_shift{pixels}.csv", columns, _score_rows(rng, cells, shifted, classes))
    for name in ("train_val", "solver", "deploy"):
        (folder / f"{name}.prototxt").write_text(f'# synthetic {name}\nname: "ConvNet-T"\n', encoding="utf-8")
    (folder / "train.log").write_text(_caffe_log(rng), encoding="utf-8")
    model_record().write(folder)
    for pixels in (0, 5, 10) if shift else (0,):
        score_record(folder, pixels, len(cells)).write_beside(folder / scores_name(pixels))


def recipe(**changes) -> Recipe:
    """What every synthetic net was trained with."""
    name = "bvlc_reference_caffenet.caffemodel"
    weights = WeightsRecord(path=f"models/{name}", name=name, weights_sha="1" * 64)
    parts = {"solver": "a" * 64, "train_val": "b" * 64, "deploy": "c" * 64, "batch_size": 0, "epochs": 0}
    return replace(Recipe(**parts, weights=weights, recipe_sha="2" * 64), **changes)


def model_record(**changes) -> ModelRecord:
    """A synthetic net's model.json."""
    model = ModelRecord(
        snapshot="snapshots/convnet_t_iter_60.caffemodel",
        iteration=60,
        epoch=3.0,
        select="paper",
        val_loss=0.119,
        val_accuracy=0.972,
        weights_sha="0" * 64,
        fold_sha="d" * 64,
        recipe=recipe(),
    )
    return replace(model, **changes)


def score_record(fold: Path, shift: int = 0, cells: int = 1) -> ScoreRecord:
    """The record of a file of scores as it is now."""
    return ScoreRecord(
        cells=cells,
        views=100,
        crops=10,
        shift=shift,
        engine="caffe",
        precision="float32",
        device="CPU, synthetic",
        caffe="BVLC Caffe, synthetic",
        machine=MACHINE,
        seconds_per_cell=40.0,
        crops_per_second=25.0,
        weights="snapshots/convnet_t_iter_60.caffemodel",
        weights_sha="0" * 64,
        fold_sha="d" * 64,
        csv_sha=sha256_file(fold / scores_name(shift)),
    )


def _run_record(protocol: str, dataset: str, classes: int, seed: int, labels: list[int]) -> RunRecord:
    own = dataset == "herlev"
    data = DatasetRecord(
        name=dataset,
        path=f"data/{dataset}",
        dataset_sha="f" * 64,
        cells=len(labels),
        view_plan="balanced",
        pixel_um=0.201 if own else None,
        paper="herlev" if own else None,
        phantom="phantom" in dataset,
        labels=(labels.count(0), labels.count(1)),
    )
    return RunRecord(
        command=["tools/cross_validate.py", "--profile", "quick"],
        profile="quick",
        protocol=protocol,
        seed=seed,
        classes=classes,
        select="paper",
        dataset=data,
        started="2024-01-02T03:04:05+00:00",
        machine=MACHINE,
        versions={"caffe": "1.0.0", "python": "3.11", "numpy": "2"},
    )


def write_synthetic_run(
    folder: Path,
    folds: int | Sequence[int] = N_FOLDS,
    classes: int = 2,
    protocol: str = "cell",
    dataset: str = "phantom",
    shift: bool = True,
    cells: int = 84,
    seed: int = 1,
) -> Path:
    """Write a run folder of `cells` cells whose `folds` (so many, or these) are scored, and return it.

    `dataset` "herlev" or a name with "phantom" has the seven classes, unless it ends in "manifest";
    any other has only normal and abnormal. The same arguments give the same bytes.
    """
    scored = tuple(range(folds)) if isinstance(folds, int) else tuple(folds)
    made = _written(scored, classes, protocol, dataset, shift, cells, seed)
    return Path(shutil.copytree(Path(made.name) / "run", folder))


@cache
def _written(
    folds: tuple[int, ...], classes: int, protocol: str, dataset: str, shift: bool, cells: int, seed: int
) -> TemporaryDirectory:
    """A folder with that run in it; writing it takes longer than many tests of it."""
    rng, place = np.random.default_rng(seed), TemporaryDirectory()
    folder = Path(place.name) / "run"
    folder.mkdir()
    seven = (dataset == "herlev" or "phantom" in dataset) and not dataset.endswith("manifest")
    rows = _cells(rng, cells, seven)
    parts = _folds(rows, protocol)
    _run_record(protocol, dataset, classes, seed, [row["label"] for row in rows]).write(folder)
    SplitRecord.of(protocol, seed, "f" * 64, parts).write(folder)
    columns = ["id", "class7", "class_name", "label", "group", "x", "y"]
    _write_csv(folder / "cells.csv", columns, [[cell[c] for c in columns] for cell in rows])
    _write_json(folder / "baselines.json", _baselines(rows, parts))
    for fold in folds:
        inside = [cell for cell in rows if cell["id"] in set(parts[fold])]
        _write_fold(folder / f"fold{fold}", rng, inside, classes, shift)
    return place


def _baselines(rows: list[dict], parts: list[list[str]]) -> dict:
    """The real baselines of these cells, with nucleus areas that overlap between the classes."""
    from data_prep.cells import Cell, Dataset
    from deeppap.stats.baselines import all_baselines

    cells = []
    for row in rows:
        cells.append(Cell(row["id"], Path("none"), row["label"], row["class_name"], (row["x"], row["y"]), row["group"]))
    areas = {cell.id: 500 + 400 * cell.label + 17 * (index * 7919 % 41) for index, cell in enumerate(cells)}
    return all_baselines(Dataset("synthetic", Path("none"), tuple(cells)), parts, areas)
