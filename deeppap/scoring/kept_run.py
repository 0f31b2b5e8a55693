"""A run as results/ keeps it: a few small files, from which every table can be made again.

run.json       the records of the run, of its folds' nets and of their scores (`KeptRun`)
split.json     the frozen folds
scores.csv.gz  a row for each cell and shift: fold, facts of the cell, scores, predictions of the baselines
views.csv.gz   view_scores.csv of all folds, if they were kept
curve.csv      losses and validation accuracies of the trainings, from Caffe's logs
"""

import io
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np

from data_prep.classes import SEVEN, CellClass, outputs_of
from deeppap.io.files import packed, write_bytes, write_text
from deeppap.io.names import CsvWriter
from deeppap.records import ModelRecord, Recipe, RunRecord, ScoreRecord, SplitRecord
from deeppap.records.record import Record, without_paths
from deeppap.scoring.results import CELL, SHIFTS, CellRow, FoldResult, RunResult, cell_of_row, classes_of, fold_result
from deeppap.scoring.score_files import (
    VIEW,
    ViewScores,
    as_text,
    integer,
    number,
    prob_columns,
    read_rows,
    read_scores,
    read_views,
    scores_name,
)
from deeppap.training.caffe_log import LogRecord

SCORES, VIEWS, CURVE = "scores.csv.gz", "views.csv.gz", "curve.csv"
POINT = ["fold", "iteration", "loss", "lr", "val_loss", "val_accuracy"]
ANSWERS = ("label", "class7", "chance")  # of a baseline: columns such as nucleus_area:label


class KeptFold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fold with scores: its model.json or training.json, and the record of each of its score files by shift."""

    fold: int
    model: ModelRecord | None
    begun: Recipe | None
    made: dict[int, ScoreRecord]
    has_views: bool


class KeptRun(Record, frozen=True, kw_only=True):
    """The records of a run and of its folds."""

    FILE: ClassVar[str] = "run.json"
    MADE_BY: ClassVar[str] = "experiments/keep_results.py"

    run: RunRecord
    folds: list[KeptFold]
    # baselines.json; predictions and chances are replaced by True, since scores.csv.gz has them
    baselines: dict[str, dict[str, Any]] | None


def is_kept(folder: Path) -> bool:
    """Whether a folder holds a kept run, not a run as the tools make it."""
    return (folder / SCORES).exists()


def write_kept_run(run: RunResult, out: Path) -> None:
    """Write the files of a run, as `load_run` read it from its own folder, into an existing folder.

    Paths outside the project are cut to their last name.
    """
    folds = [KeptFold(f.fold, f.model, f.begun, f.made, f.views is not None) for f in run.folds]
    baselines = None
    if run.baselines is not None:
        kept = dict.fromkeys(("predictions", "chances"), True)
        baselines = {name: b | {part: True for part in kept if part in b} for name, b in run.baselines.items()}
    without_paths(KeptRun(run=run.record, folds=folds, baselines=baselines)).write(out)
    write_text(out / SplitRecord.FILE, msgspec.json.encode(run.split).decode() + "\n")  # on one line: half the size
    _write_csv(out / SCORES, _columns(run.outputs, baselines), _score_rows(run, baselines))
    if any(fold.views for fold in run.folds):
        _write_csv(out / VIEWS, VIEW, _view_rows(run.folds))
    if any(fold.log for fold in run.folds):
        _write_csv(out / CURVE, POINT, _curve_rows(run.folds))


def read_kept_run(folder: Path) -> RunResult:
    """Read a kept run.

    UserError if a file is missing or malformed.
    """
    kept, split = KeptRun.read(folder), SplitRecord.read(folder)
    outputs = outputs_of(kept.run)
    names = ["score", "spread", *prob_columns(outputs)]
    rows = read_rows(folder / SCORES, _columns(outputs, kept.baselines))
    cells: dict[str, CellRow] = {}
    values: dict[tuple[str, int], list[float]] = {}
    for line, row in rows:
        where = f"{folder / SCORES}:{line}"
        cells[row["id"]] = cell_of_row(where, row)
        # one row for each cell and shift: with the folds not scored, all cells of the run are there once
        if row["shift"]:  # blank for a cell whose fold has no scores
            shift = integer(where, "shift", row["shift"], SHIFTS[-1] + 1)
            values[row["id"], shift] = [number(where, name, row[name]) for name in names]
    views = _read_views(folder / VIEWS, kept, split, cells)
    logs = _read_curve(folder / CURVE)
    folds, classes = [], classes_of(kept.run, cells)
    for one in kept.folds:
        ids = sorted(split.folds[one.fold])
        numbers = {shift: np.array([values[cell, shift] for cell in ids]) for shift in one.made}
        facts = {name: getattr(one, name) for name in ("fold", "model", "begun", "made")}
        # there is no such folder: the fold's other files were not kept
        facts |= {"folder": folder / f"fold{one.fold}", "log": logs.get(one.fold)}
        folds.append(replace(fold_result(ids, cells, classes, numbers, None, **facts), views=views.get(one.fold)))
    baselines = _baselines(kept, [row for _, row in rows])
    return RunResult(folder.resolve().name, folder, kept.run, split, cells, tuple(folds), baselines)


def _columns(outputs: Sequence[CellClass], baselines: dict[str, dict[str, Any]] | None) -> list[str]:
    """The columns of scores.csv.gz."""
    answers = [f"{name}:{part}" for name in _predicted(baselines) for part in ANSWERS]
    return ["fold", "shift", *CELL, "score", "spread", *prob_columns(outputs), *answers]


def _predicted(baselines: dict[str, dict[str, Any]] | None) -> list[str]:
    """The baselines that predict a label for each cell."""
    return [name for name, one in (baselines or {}).items() if "predictions" in one]


def _score_rows(run: RunResult, baselines: dict[str, dict[str, Any]] | None) -> Iterable[list]:
    fold_of = {cell: fold for fold, ids in enumerate(run.split.folds) for cell in ids}
    scores = {fold.fold: _scores_of(fold, run.outputs) for fold in run.folds}
    number = {one.name: index for index, one in enumerate(SEVEN)} if run.has_seven else {}
    # neighbouring rows are alike, so the file compresses well
    for cell in sorted(run.cells.values(), key=lambda cell: (fold_of.get(cell.id, -1), cell.id)):
        fold, kind = fold_of.get(cell.id, ""), cell.class_name
        facts = [cell.id, number.get(kind), kind, cell.label, cell.group, *map(as_text, cell.centre)]
        answers = []
        for one in (run.baselines[name] for name in _predicted(baselines)):
            # there is none for a cell that is left out
            answers += [*one["predictions"].get(cell.id, ["", ""]), one.get("chances", {}).get(cell.id, "")]
        for shift, numbers in scores.get(fold, {}).items():
            yield [fold, shift, *facts, *map(as_text, numbers[cell.id]), *answers]
        if fold not in scores:
            yield [fold, "", *facts, *[""] * (2 + len(run.outputs)), *answers]


def _scores_of(fold: FoldResult, outputs: Sequence[CellClass]) -> dict[int, dict[str, np.ndarray]]:
    """By shift and cell: score, spread and probabilities, from the fold's own files."""
    found = {}
    for shift in sorted(fold.made):
        scores = read_scores(fold.folder / scores_name(shift), list(fold.every.ids), outputs)
        found[shift] = dict(zip(fold.every.ids, scores.numbers, strict=True))
    return found


def _baselines(kept: KeptRun, rows: Sequence[dict[str, str]]) -> dict[str, Any] | None:
    """baselines.json again."""
    if kept.baselines is None:
        return None
    found = {}
    for name, one in kept.baselines.items():
        found[name] = dict(one)
        label, kind, chance = (f"{name}:{part}" for part in ANSWERS)
        answered = [row for row in rows if row.get(label)]
        if "predictions" in one:
            kinds = {row["id"]: int(row[kind]) if row[kind] else None for row in answered}
            found[name]["predictions"] = {row["id"]: [int(row[label]), kinds[row["id"]]] for row in answered}
        if "chances" in one:
            found[name]["chances"] = {row["id"]: float(row[chance]) for row in answered}
    return found


def _view_rows(folds: Iterable[FoldResult]) -> Iterable[list]:
    for fold in folds:
        if fold.views:
            for cell, views in zip(fold.ids, np.stack(fold.views, axis=2), strict=True):
                for index, numbers in enumerate(views):
                    yield [cell, index, *map(as_text, numbers)]


def _read_views(path: Path, kept: KeptRun, split: SplitRecord, cells: dict[str, CellRow]) -> dict[int, ViewScores]:
    """By fold, the scores of its views."""
    ids = {fold: [cell for cell in sorted(of) if cells[cell].label < 2] for fold, of in enumerate(split.folds)}
    folds = {one.fold: ids[one.fold] for one in kept.folds if one.has_views}
    if not folds:
        return {}
    together = read_views(path, [cell for ids in folds.values() for cell in ids])
    ends = np.cumsum([len(ids) for ids in folds.values()])[:-1]
    parts = zip(*(np.split(array, ends) for array in together), strict=True)
    return {fold: ViewScores(*arrays) for fold, arrays in zip(folds, parts, strict=True)}


def _curve_rows(folds: Iterable[FoldResult]) -> Iterable[list]:
    for fold in folds:
        if fold.log:
            train = {iteration: (loss, lr) for iteration, loss, lr in fold.log.train}
            test = {iteration: (loss, accuracy) for iteration, loss, accuracy in fold.log.test}
            for iteration in sorted(train.keys() | test.keys()):
                numbers = [*train.get(iteration, ("", "")), *test.get(iteration, ("", ""))]
                yield [fold.fold, iteration, *numbers]


def _read_curve(path: Path) -> dict[int, LogRecord]:
    """By fold, what its training's log said."""
    logs: dict[int, LogRecord] = {}
    for line, row in read_rows(path, POINT) if path.exists() else ():
        where = f"{path}:{line}"
        log = logs.setdefault(integer(where, "fold", row["fold"], 10**6), LogRecord())
        iteration = integer(where, "iteration", row["iteration"], 10**9)
        if row["loss"]:
            log.train.append((iteration, float(row["loss"]), float(row["lr"])))  # either may be nan
        if row["val_loss"]:
            log.test.append((iteration, float(row["val_loss"]), float(row["val_accuracy"])))
    return logs


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[list]) -> None:
    text = io.StringIO()
    CsvWriter(text).writerows([columns, *rows])
    data = text.getvalue().encode()
    write_bytes(path, packed(data) if path.suffix == ".gz" else data)
