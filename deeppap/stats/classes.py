"""The classes that the cells of a run fall into: the seven, or normal and abnormal."""

from typing import NamedTuple

from deeppap.scoring.results import CellRow, RunResult

KINDS = ("normal", "abnormal")


class CellClass(NamedTuple):
    """One of them; `index` is 0..6 of the seven, or the label where the data set has only two."""

    index: int
    name: str
    label: int


def classes_of(run: RunResult) -> list[CellClass]:
    """The classes of a run's data set that have cells, in order."""
    # of two, each may hold cells of several kinds, as a manifest names them
    of_index = {
        index: CellClass(index, row.class_name if run.has_class7 else KINDS[row.label], row.label)
        for row in run.cells.values()
        for index in [_index(run, row)]
    }
    return [of_index[index] for index in sorted(of_index)]


def ids_of_class(run: RunResult, index: int) -> list[str]:
    """The cells of one class, scored or not, sorted."""
    return sorted(row.id for row in run.cells.values() if _index(run, row) == index)


def class_field(run: RunResult) -> str:
    """The name of the array that holds each scored cell's class index."""
    return "class7" if run.has_class7 else "labels"


def _index(run: RunResult, row: CellRow) -> int | None:
    return row.class7 if run.has_class7 else row.label
