"""Runs as a report has them: each with the name and the notes that stand beside its figures; tables of runs."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np

from data_prep.classes import LABELS, CellClass
from deeppap.report.notes import run_notes
from deeppap.report.table import Rows, Table
from deeppap.scoring.results import Every, FoldResult, RunResult
from deeppap.stats.by_class import ClassFigures, class_figures
from deeppap.stats.by_view import accuracy_by_views, centre_crop_accuracy, metrics_by_angle
from deeppap.stats.intervals import FEWEST, TOO_FEW, Interval, summary

BY_GROUP = (
    "95 % intervals resample whole groups of cells (bootstrap, BCa where it can be computed). A share of 0 or 100 % "
    "has Wilson's interval over the groups. '-' or no interval: every resample gives the same figure. "
    f"'{TOO_FEW}': fewer than {FEWEST} groups have such cells"
)
BY_CELL = (
    "95 % intervals are Wilson's for shares of cells, and a bootstrap over cells for the rest. No groups are known, so "
    "cells are taken as independent. '-' or no interval: every resample gives the same figure. "
    f"'{TOO_FEW}': there are fewer than {FEWEST} such cells"
)
T = TypeVar("T")


class Run:
    """A run in a report."""

    def __init__(self, result: RunResult, label: str):
        # tables call it by its folder's name, numbered if two share it
        self.result, self.label = result, label
        self.record, self.folds = result.record, result.folds
        self.notes = run_notes(result)  # once: they count cells and siblings
        self.title = f"{label}, {result.fold_text()}"
        # of all scored normal and abnormal cells, fold after fold; groups are None if the data set has none
        if self.folds:
            self.labels, self.scores, self.probs, self.kinds = map(
                result.pooled, ("labels", "scores", "probs", "kinds")
            )
            self.groups = result.groups()
        self.classes, self.has_seven, self.says_classes = result.classes, result.has_seven, result.says_classes
        self.view_folds = result.folds_with("views")

    @cached_property
    def every(self) -> Every:
        """All scored cells, also those that are neither normal nor abnormal."""
        ids = tuple(cell for fold in self.folds for cell in fold.every.ids)
        return Every(
            ids, *(np.concatenate(parts) for parts in zip(*(fold.every[1:] for fold in self.folds), strict=True))
        )

    @cached_property
    def class_figures(self) -> ClassFigures:
        """What the net is worth class by class, if it says classes."""
        return class_figures(self.every.probs, self.every.kinds, self.every_group)

    @property
    def every_group(self) -> np.ndarray | None:
        """The group of each of `every`; None if the data set has none."""
        return None if self.groups is None else np.array([self.result.cells[cell].group for cell in self.every.ids])

    # the head of the page and tables, or a table and a figure, show each of these; their intervals take seconds

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The metrics of each fold, over the folds and pooled, at the true centres; see `intervals.summary`."""
        return summary(fold_scores(self.folds), self.groups)

    @property
    def limits(self) -> dict[str, Interval]:
        """The interval of each metric over all scored cells."""
        return self.summary["interval"]

    @cached_property
    def by_count(self) -> list[dict[str, Any]]:
        """Accuracy by the number of views averaged."""
        folds = [(fold.labels, fold.views.scores) for fold in self.view_folds]
        return accuracy_by_views(folds, self.result.groups(self.view_folds))

    @cached_property
    def centre_crop(self) -> dict[str, Any]:
        """Accuracy from the centre crops of the views alone."""
        folds = [(fold.labels, fold.views.centre) for fold in self.view_folds]
        return centre_crop_accuracy(folds, self.result.groups(self.view_folds))

    @cached_property
    def by_angle(self) -> list[dict[str, Any]]:
        """Metrics from the views of one rotation angle at a time."""
        return metrics_by_angle(
            np.concatenate([fold.labels for fold in self.view_folds]),
            [fold.views.scores for fold in self.view_folds],
            [fold.views.angles for fold in self.view_folds],
            self.result.groups(self.view_folds),
        )

    def ids_of_class(self, one: CellClass) -> list[str]:
        """The cells of one class, scored or not, sorted."""
        cells = self.result.cells.values()
        return sorted(c.id for c in cells if (c.class_name, LABELS[c.label]) == (one.name, one.label))


def named(results: Sequence[RunResult]) -> list[Run]:
    """Runs for a report, under labels that differ."""
    names = [result.name for result in results]
    # two runs in two folders may be called alike
    repeated = {name for name, count in Counter(names).items() if count > 1}
    labels = [f"{name} ({i + 1})" if name in repeated else name for i, name in enumerate(names)]
    return [Run(result, label) for result, label in zip(results, labels, strict=True)]


def fold_scores(folds: Iterable[FoldResult], shift: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """(labels, scores) of each fold, of scores whose centres were shifted by up to 0, 5 or 10 pixels."""
    return [(fold.labels, fold.shifted(shift)) for fold in folds]


class Common(NamedTuple):
    """Cells that several runs have scored: `labels` (n,), `scores` of each run (n,), `groups` (n,) or None."""

    labels: np.ndarray
    scores: list[np.ndarray]
    groups: np.ndarray | None


def common_cells(runs: Sequence[RunResult]) -> Common | None:
    """The cells that all runs have scored; None for runs of several data sets, or without a cell in common."""
    # equal ids of different data sets are different cells
    if len({run.record.dataset.dataset_sha for run in runs}) > 1 or not all(run.folds for run in runs):
        return None
    # runs may have split the same cells into other folds: cells are matched by id
    tables = [dict(zip(run.ids, run.pooled("scores"), strict=True)) for run in runs]
    ids = sorted(set.intersection(*map(set, tables)))
    if not ids:
        return None
    # one run may not know the groups: an external validation takes the images of a set without groups
    groups = [next((run.cells[cell].group for run in runs if run.cells[cell].group), None) for cell in ids]
    labels = np.array([runs[0].cells[cell].label for cell in ids])
    scores = [np.array([table[cell] for cell in ids]) for table in tables]
    return Common(labels, scores, None if None in groups else np.array(groups))


def table_notes(runs: Sequence[Run]) -> list[str]:
    """The notes of a table's runs, each once with the runs that it holds for."""
    return [f"{', '.join(names)}: {note}" for note, names in notes_held((run.label, run) for run in runs).items()]


def notes_held(runs: Iterable[tuple[T, Run]]) -> dict[str, list[T]]:
    """Each note of any of the runs once, with what stands for the runs that it holds for."""
    holds: dict[str, list[T]] = {}
    for name, run in runs:
        for note in run.notes:
            holds.setdefault(note, []).append(name)
    return holds


def table_of_runs(
    name: str,
    title: str,
    columns: list[str],
    runs: Sequence[Run],
    build: Callable[[Run], tuple[Rows, Any] | None],
    notes: Iterable[str] = (),
    cited: Rows = (),
) -> Table | None:
    """A table with some rows a run; None if no run has any.

    `build` gives a run's rows and the same figures for JSON; None to leave the run out. The table's own `notes` come
    before those of its runs, and `cited` rows, other people's, before theirs.
    """
    rows, data, shown = [], {}, []
    for run in runs:
        built = build(run) if run.folds else None
        if built is not None:
            rows += built[0]
            # a run without rows has no notes either: they would speak of nothing that is shown
            data[run.label] = built[1]
            shown.append(run)
    if not rows:
        return None
    return Table(name, title, columns, [*cited, *rows], list(notes), table_notes(shown), {"runs": data})


def interval_notes(runs: Sequence[Run]) -> list[str]:
    """One note for each way in which these runs' intervals were made, with the runs if both ways occur."""
    ways: dict[str, list[str]] = {}
    for run in runs:
        if run.folds:
            # in most reports all runs have groups, and one note without names is enough
            ways.setdefault(BY_CELL if run.groups is None else BY_GROUP, []).append(run.label)
    return list(ways) if len(ways) == 1 else [f"{', '.join(names)}: {way}" for way, names in ways.items()]
