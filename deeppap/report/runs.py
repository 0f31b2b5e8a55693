"""Runs as a report has them: each with the name and the notes that stand beside its figures; tables of runs."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np

from deeppap.report.notes import run_notes
from deeppap.report.table import KINDS, Rows, Table
from deeppap.scoring.results import FoldResult, RunResult
from deeppap.stats.by_view import accuracy_by_views, centre_crop_accuracy, metrics_by_angle

BY_GROUP = (
    "95 % intervals: whole groups of cells are resampled (bootstrap, BCa where it holds); a share without any error, "
    "or without any hit, has Wilson's interval of the groups; '-' or none: no resample changes the figure"
)
BY_CELL = (
    "95 % intervals: Wilson for shares of cells, else bootstrap over cells; '-' or none: no resample changes the "
    "figure; no groups are known, and cells are taken as independent"
)
T = TypeVar("T")


class CellClass(NamedTuple):
    """A class that a run's cells fall into; `index` is 0..6 of the seven, or the label if the set has only two."""

    index: int
    name: str
    label: int


class Run:
    """A run in a report.

    Attributes
    ----------
    label : str
        What tables call it: its folder's name, numbered if two share it.
    notes : list of str
        What must be known before one of its figures is used.
    title : str
        The label, and which folds its figures are of.
    labels, scores, probs, class7, groups : ndarray
        Of all scored cells, fold after fold, if there are any; `class7` and `groups` are None if the data set has
        none.
    view_folds : tuple of FoldResult
        The folds that have kept the scores of their views.
    """

    def __init__(self, result: RunResult, label: str):
        self.result, self.label = result, label
        self.record, self.folds = result.record, result.folds
        self.notes = run_notes(result)  # once: they count cells and siblings

        self.title = f"{label}, {result.fold_text()}"
        if self.folds:
            self.labels, self.scores, self.probs = map(result.pooled, ("labels", "scores", "probs"))
            self.class7 = result.pooled("class7") if result.has_class7 else None
            self.groups = result.groups()
        self.view_folds = result.folds_with("views")

    @property
    def says_seven(self) -> bool:
        """Whether the net has seven outputs and its scored cells seven classes."""
        return bool(self.folds) and self.record.classes == 7 and self.class7 is not None

    # a table and a figure show each of these three; their intervals take seconds

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

    @cached_property
    def classes(self) -> list[CellClass]:
        """The classes of the data set that have cells, in order."""
        seven, found = self.result.has_class7, {}
        for cell in self.result.cells.values():
            index = cell.class7 if seven else cell.label
            # with two classes each may hold cells of several kinds, as a manifest names them
            found[index] = CellClass(index, cell.class_name if seven else KINDS[cell.label], cell.label)
        return [found[index] for index in sorted(found)]

    def class_of(self, cell_id: str) -> int:
        """The index of a cell's class."""
        cell = self.result.cells[cell_id]
        return cell.class7 if self.result.has_class7 else cell.label

    def ids_of_class(self, index: int) -> list[str]:
        """The cells of one class, scored or not, sorted."""
        return sorted(cell for cell in self.result.cells if self.class_of(cell) == index)


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

    Parameters
    ----------
    build : callable
        Gives a run's rows and the same figures for JSON; None to leave the run out.
    notes : iterable of str
        The table's own, before those of its runs.
    cited : list of list
        Rows of other people's figures, before the runs'.
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
