"""Table 4 of the paper: how many cells of each of the seven classes are right."""

from collections.abc import Iterable, Sequence

from data_prep.herlev_classes import CLASSES
from deeppap.report.notes import labels, table_notes
from deeppap.report.paper import paper
from deeppap.report.tables.ranges import interval_notes
from deeppap.report.tables.table import Table
from deeppap.scoring.results import RunResult
from deeppap.stats.by_class import interval_per_class, right_per_class
from deeppap.stats.intervals import interval
from deeppap.stats.metrics import percent
from deeppap.stats.resampling import Limits, wilson

Counts = tuple[int, int]  # right, cells


def right_per_class_table(runs: Sequence[RunResult]) -> Table | None:
    """Cells on the right side of 0.5, per class (paper: Table 4); None without a run of seven-class cells."""
    runs = [run for run in runs if run.has_class7 and run.folds]
    if not runs:
        return None
    names = labels(runs)
    ours, ranges = [_counts(run) for run in runs], [_ranges(run) for run in runs]
    theirs = [tuple(pair) for pair in paper()["right_per_class"]]
    rows = []
    for k, known in enumerate(CLASSES):
        own = [_share(side[k], limits.get(k)) for side, limits in zip(ours, ranges, strict=True)]
        rows.append([known.name, _share(theirs[k]), *own])
    rows.append(["all", *[_share(_total(side)) for side in (theirs, *ours)]])
    limits = [wilson(*_total(theirs)), *[_interval(run) for run in runs]]
    rows.append(["95 % interval of all", *[f"{percent(low)}-{percent(high)} %" for low, high in limits]])
    data = {"paper": theirs, "runs": dict(zip(names, ours, strict=True))}
    data["intervals"] = dict(zip(names, [[own.get(k) for k in range(len(CLASSES))] for own in ranges], strict=True))
    own_columns = [f"{name}, {run.fold_text()}" for name, run in zip(names, runs, strict=True)]
    notes = table_notes(runs, *interval_notes(runs))
    title = "Table 4: right (normal or abnormal) of each of the seven classes"
    return Table("table4", title, ["class", "paper (cited)", *own_columns], rows, notes, data)


def _counts(run: RunResult) -> list[Counts]:
    """One entry for each of the seven classes, (0, 0) for one without a scored cell."""
    counts = right_per_class(run.pooled("class7").tolist(), run.pooled("labels"), run.pooled("scores"))
    return [counts.get(index, (0, 0)) for index in range(len(CLASSES))]


def _ranges(run: RunResult) -> dict[int, Limits | None]:
    fields = [run.pooled(name) for name in ("labels", "scores")]
    return interval_per_class(run.pooled("class7").tolist(), *fields, run.groups())


def _total(pairs: Iterable[Counts]) -> Counts:
    right, cells = (sum(column) for column in zip(*pairs, strict=True))
    return right, cells


def _share(pair: Counts, limits: Limits | None = None) -> str:
    right, cells = pair
    between = f", {percent(limits[0])}-{percent(limits[1])}" if limits else ""
    return f"{right}/{cells} ({percent(right / cells)} %{between})" if cells else "no cells"


def _interval(run: RunResult) -> tuple[float, float]:
    """That of the accuracy; all of 0 to 1 where a single group says nothing of its spread."""
    return interval(run.pooled("labels"), run.pooled("scores"), "acc", run.groups()) or (0.0, 1.0)
