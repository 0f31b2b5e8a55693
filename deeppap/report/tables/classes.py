"""Tables by class: how many cells of each are right, and what seven-class nets say instead."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from data_prep.herlev_classes import CLASSES
from deeppap.report.paper import paper
from deeppap.report.runs import KINDS, Run, interval_notes, table_notes, table_of_runs
from deeppap.report.table import Rows, Table, range_text, with_interval
from deeppap.stats.by_class import (
    confusion,
    most_likely,
    right_per_class,
    seven_class_errors,
    seven_class_wrong,
    share_intervals,
)
from deeppap.stats.intervals import Interval, interval, share_interval, wilson
from deeppap.stats.metrics import mean_and_std, percent, right

SEVEN_ERRORS = (
    "the paper's 1.6 % is below its own two-class error of 1.7 %, so it is most likely counted after collapsing to two "
    "classes; compare it with 'collapsed'"
)
COLLAPSED = "collapsed: the most likely class, counted as normal or abnormal"
Counts = tuple[int, int]  # right, cells


def table4(runs: Sequence[Run]) -> Table | None:
    """Cells on the right side of 0.5, per class (paper: Table 4); None without a run of seven-class cells."""
    runs = [run for run in runs if run.folds and run.class7 is not None]
    if not runs:
        return None
    # one column a run, unlike other tables: the paper's Table 4 is laid out so
    theirs = [tuple(pair) for pair in paper()["right_per_class"]]
    ours, ranges = [], []
    for run in runs:
        counts = right_per_class(run.class7.tolist(), run.labels, run.scores)
        ours.append([counts.get(index, (0, 0)) for index in range(len(CLASSES))])
        limits = share_intervals(run.class7.tolist(), right(run.labels, run.scores), run.groups)
        ranges.append([limits.get(index) for index in range(len(CLASSES))])
    rows = []
    for index, known in enumerate(CLASSES):
        own = [_share(side[index], limits[index]) for side, limits in zip(ours, ranges, strict=True)]
        rows.append([known.name, _share(theirs[index]), *own])
    rows.append(["all", *[_share(_total(side)) for side in (theirs, *ours)]])
    limits = [wilson(*_total(theirs)), *[interval(run.labels, run.scores, "acc", run.groups) for run in runs]]
    rows.append(["95 % interval of all", *[range_text(one) + " %" * isinstance(one, tuple) for one in limits]])
    names = [run.label for run in runs]
    data = {"paper": theirs, "runs": dict(zip(names, ours, strict=True))}
    data["intervals"] = dict(zip(names, ranges, strict=True))
    title = "Table 4: right (normal or abnormal) of each of the seven classes"
    columns = ["class", "paper (cited)", *[run.title for run in runs]]
    return Table("table4", title, columns, rows, interval_notes(runs), table_notes(runs), data)


def _total(pairs: Iterable[Counts]) -> Counts:
    is_right, cells = (sum(column) for column in zip(*pairs, strict=True))
    return is_right, cells


def _share(pair: Counts, limits: Interval = None) -> str:
    is_right, cells = pair
    if not cells:
        return "no cells"
    between = f", {range_text(limits)}" if limits else ""
    return f"{is_right}/{cells} ({percent(is_right / cells)} %{between})"


def own_classes(runs: Sequence[Run]) -> Table | None:
    """One row a class of runs whose set names classes beyond the two, such as Bethesda's."""
    columns = ["run", "class", "side", "cells", "right", "%", "95 %", "median score"]
    title = "Right (normal or abnormal) of each of the set's own classes"
    # a set of plain normal and abnormal cells has nothing to add to Table 5
    shown = [run for run in runs if _own_names(run)]
    return table_of_runs("own_classes", title, columns, shown, _own_classes, interval_notes(shown))


def _own_names(run: Run) -> set[str]:
    if not run.folds or run.class7 is not None:
        return set()
    return {run.result.cells[cell].class_name for cell in run.result.ids} - set(KINDS)


def _own_classes(run: Run) -> tuple[Rows, dict[str, Any]]:
    names = np.array([run.result.cells[cell].class_name for cell in run.result.ids])
    rows, data = [], {}
    # normal classes first
    for name in sorted(set(names.tolist()), key=lambda name: (run.labels[names == name][0], name)):
        of = names == name
        labels, scores = run.labels[of], run.scores[of]
        label, cells, is_right = int(labels[0]), int(of.sum()), int(right(labels, scores).sum())
        limits = interval(labels, scores, "acc", None if run.groups is None else run.groups[of])
        median = float(np.median(scores))
        data[name] = {"label": label, "cells": cells, "right": is_right, "interval": limits, "median": median}
        figures = [cells, is_right, percent(is_right / cells), range_text(limits), f"{median:.2f}"]
        rows.append([run.label, name, KINDS[label], *figures])
    return rows, data


def seven_classes(runs: Sequence[Run]) -> Table | None:
    """Errors of seven-class nets (paper: "Quantitative Results", overall error); None without one."""
    runs = [run for run in runs if run.says_seven]
    cited = [["paper (cited)", None, f"{percent(paper()['seven_class_error'])} (see note)", None, None]]
    for number, error in enumerate(paper()["seven_class_error_earlier"], 1):
        cited.append([f"earlier method {number} (cited)", None, percent(error), None, None])
    later = paper()["later"][0]
    error = percent(1 - later["seven_class_acc"])
    more = f"later work has far more: {later['name']}, seven-way error {error} % (cited)"
    columns = ["method", "cells", "as reported (%)", "seven-way error (%)", "collapsed error (%)"]
    notes = [SEVEN_ERRORS, more, COLLAPSED, *interval_notes(runs)]
    return table_of_runs("seven_classes", "Seven classes: overall error", columns, runs, _seven_errors, notes, cited)


def _seven_errors(run: Run) -> tuple[Rows, dict[str, Any]]:
    of_folds = [seven_class_errors(fold.probs, fold.class7) for fold in run.folds]
    pooled = seven_class_errors(run.probs, run.class7)
    spread = {name: mean_and_std([errors[name] for errors in of_folds]) for name in pooled}
    wrong = seven_class_wrong(run.probs, run.class7)
    limits = {name: share_interval(wrong[name], run.groups) for name in wrong}
    cells, folds = len(run.scores), run.result.fold_text()
    rows = [
        [f"{run.label}: pooled, {folds}", cells, None, *[with_interval(pooled[name], limits[name]) for name in pooled]],
        [f"{run.label}: mean ± std, {folds}", cells, None, *map(_mean_text, spread.values())],
    ]
    return rows, {"pooled": pooled, "over_folds": spread, "interval": limits}


def _mean_text(spread: Mapping[str, Any]) -> str:
    return percent(spread["mean"]) + (f" ± {percent(spread['std'])}" if spread["std"] is not None else "")


def confusion_tables(runs: Sequence[Run]) -> list[Table]:
    """One confusion matrix for each seven-class net, named confusion, confusion2, ..."""
    tables: list[Table] = []
    columns = ["true class", *[known.name for known in CLASSES], "right (%)"]
    for run in runs:
        if not run.says_seven:
            continue
        counts = confusion(run.probs, run.class7)
        limits = share_intervals(run.class7.tolist(), most_likely(run.probs) == run.class7, run.groups)
        rows = []
        for index, row in enumerate(counts):
            total = int(row.sum())
            share = with_interval(row[index] / total if total else None, limits.get(index))
            rows.append([CLASSES[index].name, *map(int, row), share])
        name = f"confusion{len(tables) + 1 if tables else ''}"
        title = f"Seven classes: true class (rows) by most likely class (columns), {run.title}"
        data = {"counts": counts.tolist(), "interval": dict(sorted(limits.items()))}
        tables.append(Table(name, title, columns, rows, interval_notes([run]), table_notes([run]), data))
    return tables
