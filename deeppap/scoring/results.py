"""A run folder read back: scores by fold, checked against the run's own split."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data_prep.classes import LABELS, SEVEN, CellClass, class_text, in_order, outputs_of
from deeppap.io.errors import CHECK_PATH, UserError
from deeppap.records import BlendRecord, ModelRecord, Recipe, RunRecord, ScoreRecord, SourceRecord, SplitRecord
from deeppap.records.record import read_record
from deeppap.scoring import score_files
from deeppap.scoring.score_files import Scores, ViewScores
from deeppap.training.caffe_log import LogRecord, parse

MADE_BY = "tools/cross_validate.py"
SHIFTS = (0, 5, 10)  # pixels (paper: Table 3)
CELL = ["id", "class7", "class_name", "label", "group", "x", "y"]  # columns of cells.csv


class CellRow(NamedTuple):
    """One line of cells.csv; `group` is None where the data set has none."""

    id: str
    class_name: str
    label: int
    group: str | None
    centre: tuple[float, float]


class Every(NamedTuple):
    """All cells of a fold, also those that are neither normal nor abnormal: for what a net says of each class.

    `kinds`, int64 (n,), are places in the run's `classes`; `probs` is float64 (n, K).
    """

    ids: tuple[str, ...]
    kinds: np.ndarray
    scores: np.ndarray
    probs: np.ndarray


@dataclass(frozen=True)
class FoldResult:
    """One fold's normal and abnormal cells and their scores; an array has one entry a cell, in the order of `ids`."""

    fold: int  # counted from 0
    folder: Path
    ids: tuple[str, ...]  # sorted
    labels: np.ndarray  # int64 (n,): 0 normal, 1 abnormal
    kinds: np.ndarray  # int64 (n,): places of the cells' classes in the run's `classes`
    scores: np.ndarray  # float64 (n,): mean P(abnormal) over views and crops (paper: "Testing")
    spread: np.ndarray  # float64 (n,): its standard deviation over views
    probs: np.ndarray  # float64 (n, K): mean probability of each class
    every: Every
    views: ViewScores | None
    # float64 (n,): scores with every true centre moved by up to 5 or 10 px (paper: Table 3)
    shift5: np.ndarray | None
    shift10: np.ndarray | None
    model: ModelRecord | None  # None for a snapshot that no rule selected, and for an external set
    begun: Recipe | None  # what a training by tools/train.py that has not ended started with
    made: dict[int, ScoreRecord]  # how the scores were made, by shift
    log: LogRecord | None  # what Caffe's log says of the training

    @property
    def recipe(self) -> Recipe | None:
        """What the net was trained with, ended or not; None where nobody wrote it."""
        return self.model.recipe if self.model else self.begun

    @property
    def source(self) -> SourceRecord | None:
        """The trained net that this one was adapted from, if any."""
        return self.recipe.source if self.recipe else None

    @property
    def blend(self) -> BlendRecord | None:
        """Which weights an adapted net kept; None if there was no choice."""
        return self.model.blend if self.model else None

    @property
    def not_adapted(self) -> bool:
        """Whether an adapted net kept its source's weights."""
        return self.blend is not None and not self.blend.share

    @property
    def doubt(self) -> str | None:
        """Why the scores give no evidence that the net has learned anything; None if they do."""
        return self.made[0].doubt

    def shifted(self, pixels: int) -> np.ndarray | None:
        """The scores under a shift of 0, 5 or 10 px."""
        return {0: self.scores, 5: self.shift5, 10: self.shift10}[pixels]


@dataclass(frozen=True)
class RunResult:
    """A whole run: its record, its cells and the folds that have scores."""

    name: str
    folder: Path
    record: RunRecord
    split: SplitRecord
    cells: dict[str, CellRow]
    folds: tuple[FoldResult, ...]
    baselines: dict[str, Any] | None

    @property
    def n_folds(self) -> int:
        """Folds of the split, scored or not."""
        return len(self.split.folds)

    @property
    def missing_folds(self) -> tuple[int, ...]:
        """Folds of the split without scores."""
        return tuple(sorted(set(range(self.n_folds)) - {fold.fold for fold in self.folds}))

    @property
    def outputs(self) -> tuple[CellClass, ...]:
        """What the outputs of the net stand for."""
        return outputs_of(self.record)

    @cached_property
    def classes(self) -> tuple[CellClass, ...]:
        """The classes of the cells, in order; a net's outputs where it tells more than normal from abnormal."""
        return classes_of(self.record, self.cells)

    @property
    def has_seven(self) -> bool:
        """Whether these are Herlev's seven."""
        return self.classes == SEVEN

    @property
    def says_classes(self) -> bool:
        """Whether the net's outputs are the classes of the cells, and more than normal and abnormal."""
        return self.record.classes != 2 and self.outputs == self.classes

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of all scored cells, fold after fold: the order of `pooled`."""
        return tuple(cell for fold in self.folds for cell in fold.ids)

    def pooled(self, field: str) -> np.ndarray:
        """A FoldResult's array, such as "scores", over all folds that have it."""
        parts = [getattr(fold, field) for fold in self.folds]
        return np.concatenate([part for part in parts if part is not None])

    def groups(self, folds: Sequence[FoldResult] | None = None) -> np.ndarray | None:
        """Each scored cell's group, in the order of `pooled`; None where a cell of the data set has none."""
        if any(cell.group is None for cell in self.cells.values()):
            return None
        ids = [cell for fold in (self.folds if folds is None else folds) for cell in fold.ids]
        return np.array([self.cells[cell].group for cell in ids])

    def folds_with(self, field: str) -> tuple[FoldResult, ...]:
        """The folds that have an optional array: "shift5", "shift10", "views"."""
        return tuple(fold for fold in self.folds if getattr(fold, field) is not None)

    def fold_text(self, folds: Sequence[FoldResult] | None = None) -> str:
        """'5 folds', or 'folds 0,2 of 5' where some are missing."""
        if self.record.protocol == "external":
            return "external"
        numbers = [fold.fold for fold in (self.folds if folds is None else folds)]
        if len(numbers) == self.n_folds:
            return f"{self.n_folds} folds"
        return f"fold{'s' * (len(numbers) != 1)} {','.join(map(str, numbers))} of {self.n_folds}"


def load_run(path: Path) -> RunResult:
    """Read a run folder, or one kept in results/.

    UserError if a file is missing or malformed, or scores do not belong to the run's split.
    """
    from deeppap.scoring.kept_run import is_kept, read_kept_run  # it gives a RunResult too

    folder = Path(path)
    if not folder.is_dir():
        raise UserError(folder, "a run folder", "no such folder", CHECK_PATH)
    if (folder / "fold.json").exists() and not (folder / "run.json").exists():
        raise UserError(folder, "a run's folder", "a fold of one", f"Give {folder.resolve().parent}.")
    if is_kept(folder):
        return read_kept_run(folder)
    record, split = RunRecord.read(folder), SplitRecord.read(folder)
    # the run's own list, not the data set: a run is read after its images are gone
    cells = read_cells(folder / "cells.csv")
    if strange := next((cell for fold in split.folds for cell in fold if cell not in cells), None):
        raise _wrong(folder / SplitRecord.FILE, "ids that are in cells.csv", f"{strange!r}")
    scored = [k for k in range(len(split.folds)) if (folder / f"fold{k}" / "scores.csv").exists()]
    folds = tuple(_load_fold(folder / f"fold{k}", k, record, split.folds[k], cells) for k in scored)
    path = folder / "baselines.json"
    baselines = read_record(path, dict, MADE_BY) if path.exists() else None
    return RunResult(folder.resolve().name, folder, record, split, cells, folds, baselines)


def read_cells(path: Path) -> dict[str, CellRow]:
    """Read cells.csv: one row per cell of the data set, by id."""
    cells = {}
    for line, row in score_files.read_rows(path, CELL):
        where = f"{path}:{line}"
        if row["id"] in cells:
            raise _wrong(where, "unique ids", f"{row['id']} twice")
        cells[row["id"]] = cell_of_row(where, row)
    return cells


def cell_of_row(where: str, row: dict[str, str]) -> CellRow:
    """A cell from the columns `CELL`; `where` names the file and the line in an error."""
    label = score_files.integer(where, "label", row["label"], len(LABELS))
    centre = tuple(score_files.number(where, axis, row[axis]) for axis in "xy")
    return CellRow(row["id"], row["class_name"], label, row["group"] or None, centre)


def classes_of(run: RunRecord, cells: dict[str, CellRow]) -> tuple[CellClass, ...]:
    """The classes of a run's cells, see `RunResult.classes`."""
    found, outputs = in_order((cell.class_name, cell.label) for cell in cells.values()), outputs_of(run)
    return outputs if run.classes != 2 and set(found) <= set(outputs) else found


def fold_result(
    ids: Sequence[str],
    cells: dict[str, CellRow],
    classes: Sequence[CellClass],
    numbers: dict[int, np.ndarray],
    views: ViewScores | None,
    **facts: Any,
) -> FoldResult:
    """A fold from the score, spread and probabilities of its cells by shift, (n, 2 + K) each, and their views."""
    place = {(one.name, LABELS.index(one.label)): index for index, one in enumerate(classes)}
    labels = np.array([cells[cell].label for cell in ids], np.int64)
    kinds = np.array([place[cells[cell].class_name, cells[cell].label] for cell in ids], np.int64)
    # cells that are neither have no place in sensitivity or AUC, but in what is said of each class
    keep = labels < 2
    every = Every(tuple(ids), kinds, numbers[0][:, 0], numbers[0][:, 2:])
    return FoldResult(
        ids=tuple(cell for cell, keeps in zip(ids, keep, strict=True) if keeps),
        labels=labels[keep],
        kinds=kinds[keep],
        scores=every.scores[keep],
        spread=numbers[0][keep, 1],
        probs=every.probs[keep],
        every=every,
        views=ViewScores(*(array[keep] for array in views)) if views else None,
        shift5=numbers[5][keep, 0] if 5 in numbers else None,
        shift10=numbers[10][keep, 0] if 10 in numbers else None,
        **facts,
    )


def _load_fold(folder: Path, fold: int, run: RunRecord, ids: list[str], cells: dict[str, CellRow]) -> FoldResult:
    ids, outputs, model = sorted(ids), outputs_of(run), ModelRecord.read_if_there(folder)
    numbers, made = {}, {}
    for shift in SHIFTS:
        path = folder / score_files.scores_name(shift)
        if path.exists():
            scores = score_files.read_scores(path, ids, outputs)
            if not shift and not run.control:  # a control may have been scored against labels shuffled on purpose
                _check_labels(path, ids, scores, cells, outputs)
            numbers[shift] = scores.numbers
            made[shift] = ScoreRecord.beside(path)
            if (wrong := made[shift].mismatch(path, shift, model)) is not None:
                raise _wrong(path, "this fold's own scores", wrong)
    path, log = folder / "view_scores.csv", folder / "train.log"
    views = score_files.read_views(path, ids) if path.exists() else None
    facts = {"fold": fold, "folder": folder, "model": model, "made": made}
    facts |= {"begun": None if model else Recipe.read_if_there(folder), "log": parse(log) if log.exists() else None}
    return fold_result(ids, cells, classes_of(run, cells), numbers, views, **facts)


def _check_labels(
    path: Path, ids: list[str], scores: Scores, cells: dict[str, CellRow], outputs: Sequence[CellClass]
) -> None:
    for cell, label, kind in zip(ids, scores.labels, scores.classes, strict=True):
        known = cells[cell]
        if (known.label, str(class_text(known.class_name, outputs))) != (label, kind):
            raise _wrong(path, f"label and class of {cell} as in cells.csv", f"label {label}, class {kind or 'none'}")


def _wrong(where: str | Path, expected: str, found: str) -> UserError:
    return UserError(where, expected, found, f"Score the fold again with {MADE_BY}.")
