"""Changing the records that our tools write."""

import json
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from data_prep.mean_image import MEAN, SOURCE_MEAN, read_mean, write_mean
from deeppap.io.files import sha256_file
from deeppap.records import DatasetRecord, FoldRecord, LmdbRecord, Machine, ModelRecord, RunRecord, ScoreRecord
from deeppap.records.record import Record
from deeppap.scoring.score_files import scores_name

MACHINE = Machine(processor="synthetic", cores=2, system="synthetic")


def run_record(dataset: dict | None = None, **changes: object) -> RunRecord:
    """A run of three cells; `dataset` and `changes` replace fields of its data set and of itself."""
    facts = {"name": "mine", "path": "/d", "dataset_sha": "f" * 64, "cells": 3, "view_plan": "unbalanced"}
    facts |= {"pixel_um": 0.25, "paper": None, "phantom": False, "labels": (1, 2)}
    data = DatasetRecord(**facts | (dataset or {}))
    made = {"command": ["tools/build_lmdb.py"], "started": "2024-01-02T03:04:05+00:00", "versions": {}}
    return RunRecord(dataset=data, machine=MACHINE, **made, **changes)


def fold_record(entries: int = 1, **changes: object) -> FoldRecord:
    """A fold of one cell in each LMDB, each of so many entries; `changes` replace its fields."""
    lmdb = LmdbRecord(entries=entries, bytes=1, sha256="0" * 64)
    facts = {"fold": 0, "fold_sha": "a" * 64, "split_sha": "b" * 64, "mean_sha": "c" * 64, "train_labels": [1, 1]}
    facts |= {"train_lmdb": lmdb, "val_lmdb": lmdb, "train_cells": 1, "val_cells": 1, "validation_views": 1}
    return FoldRecord(**facts | changes)


def change(kind: type[Record], folder: Path, **changes: object) -> None:
    """Rewrite a folder's record of a kind with changes."""
    replace(kind.read(folder), **changes).write(folder)


def with_sources_mean(fold: Path) -> np.ndarray:
    """Make a trained fold look as if it had kept its source, whose mean image is half of its own, which is returned."""
    own = read_mean(fold / MEAN)
    write_mean(fold / SOURCE_MEAN, own / 2)
    change(ModelRecord, fold, source_mean_sha=sha256_file(fold / SOURCE_MEAN))
    return own


def move_dataset(run: Path, path: Path) -> None:
    """Make a run look for its data set somewhere else."""
    change(RunRecord, run, dataset=replace(RunRecord.read(run).dataset, path=str(path)))


def change_scores(fold: Path, shift: int = 0, **changes: object) -> None:
    """Rewrite the record of a fold's scores as they are now, with changes."""
    path = fold / scores_name(shift)
    replace(ScoreRecord.beside(path), **{"csv_sha": sha256_file(path), **changes}).write_beside(path)


def rewrite(path: Path, **changes: object) -> None:
    """Give some keys of a JSON file other values, right or wrong."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
