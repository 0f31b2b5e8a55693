"""Tables by class: how many cells of each are right, and what nets of several classes say instead."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix

from data_prep.classes import LABELS, PLAIN, SEVEN, CellClass, grades_of
from deeppap.report.paper import paper
from deeppap.report.runs import Run, interval_notes, table_notes, table_of_runs
from deeppap.report.table import Rows, Table, range_text, with_interval
from deeppap.stats.by_class import class_errors, class_wrong, confusion, most_likely, right_per_class, share_intervals
from deeppap.stats.intervals import Interval, interval, share_interval, wilson
from deeppap.stats.metrics import THRESHOLD, mean_and_std, percent, right

SEVEN_ERRORS = (
    "the paper's 1.6 % is below its own two-class error of 1.7 %. It is most likely counted after collapsing to two "
    "classes: compare it with 'collapsed'"
)
COLLAPSED = "collapsed: the most likely class, counted as normal or abnormal"
MOST_LIKELY = "a cell is right here if its most likely class is its own, also one that is neither normal nor abnormal"
MACRO = "macro F1: the mean over the classes that have a test cell; a class without one has '-'"
Counts = tuple[int, int]  # right, cells


def table4(runs: Sequence[Run]) -> Table | None:
    """Cells on the right side of 0.5, per class (paper: Table 4); None without a run of seven-class cells."""
    runs = [run for run in runs if run.folds and run.has_seven]
    if not runs:
        return None
    # one column a run, unlike other tables: the paper's Table 4 is laid out so
    theirs = [tuple(pair) for pair in paper()["right_per_class"]]
    ours, ranges = [], []
    for run in runs:
        counts = right_per_class(run.kinds.tolist(), run.labels, run.scores)
        ours.append([counts.get(index, (0, 0)) for index in range(len(SEVEN))])
        limits = share_intervals(run.kinds.tolist(), right(run.labels, run.scores), run.groups)
        ranges.append([limits.get(index) for index in range(len(SEVEN))])
    rows = []
    for index, known in enumerate(SEVEN):
        own = [_share(side[index], limits[index]) for side, limits in zip(ours, ranges, strict=True)]
        rows.append([known.name, _share(theirs[index]), *own])
    rows.append(["all", *[_share(_total(side)) for side in (theirs, *ours)]])
    limits = [wilson(*_total(theirs)), *[run.limits["acc"] for run in runs]]
    rows.append(["95 % interval of all", *[range_text(one) + " %" * isinstance(one, tuple) for one in limits]])
    names = [run.label for run in runs]
    data = {"paper": theirs, "runs": dict(zip(names, ours, strict=True))}
    data["intervals"] = dict(zip(names, ranges, strict=True))
    title = "Cells of each of the seven classes that are right: normal or abnormal (paper: Table 4)"
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


def called(runs: Sequence[Run]) -> Table | None:
    """The confusion matrix of normal and abnormal at the threshold."""
    columns = ["run", "true class", "called normal", "called abnormal", "right (%)"]
    title = f"Confusion matrix: normal and abnormal at a threshold of {THRESHOLD:g}"
    return table_of_runs("called", title, columns, runs, _called, interval_notes(runs))


def _called(run: Run) -> tuple[Rows, dict[str, Any]]:
    # both labels are named, or one class alone would give a matrix of one cell
    counts = confusion_matrix(run.labels, run.scores >= THRESHOLD, labels=[0, 1])
    rows = []
    for label, metric in enumerate(("spec", "sens")):
        share = with_interval(run.summary["pooled"][metric], run.limits[metric])
        rows.append([run.title, LABELS[label], *map(int, counts[label]), share])
    return rows, {"counts": counts.tolist()}


def own_classes(runs: Sequence[Run]) -> Table | None:
    """One row a class of runs whose set names classes beyond the two, such as Bethesda's."""
    columns = ["run", "class", "side", "cells", "right", "%", "95 %", "median score"]
    title = "Right (normal or abnormal) of each of the set's own classes"
    # Table 4 has Herlev's, and a set of plain normal and abnormal cells has nothing to add to Table 5
    shown = [run for run in runs if run.folds and run.classes not in (SEVEN, PLAIN)]
    return table_of_runs("own_classes", title, columns, shown, _own_classes, interval_notes(shown))


def _own_classes(run: Run) -> tuple[Rows, dict[str, Any]]:
    rows, data = [], {}
    classes = [(one, [index]) for index, one in enumerate(run.classes)]
    for grade, places in grades_of(run.classes).items():
        if len(places) > 1:  # a grade of one class is that class
            names = ", ".join(run.classes[place].name for place in places)
            classes.append((CellClass(f"{grade} grade ({names})", run.classes[places[0]].label), places))
    for one, places in classes:
        of = np.isin(run.kinds, places)
        if not of.any():
            continue
        labels, scores = run.labels[of], run.scores[of]
        cells, is_right = int(of.sum()), int(right(labels, scores).sum())
        limits = interval(labels, scores, "acc", None if run.groups is None else run.groups[of])
        median = float(np.median(scores))
        found = {"label": LABELS.index(one.label), "cells": cells, "right": is_right, "interval": limits}
        data[one.name] = found | {"median": median}
        figures = [cells, is_right, percent(is_right / cells), range_text(limits), f"{median:.2f}"]
        rows.append([run.label, one.name, one.label, *figures])
    return rows, data


def seven_classes(runs: Sequence[Run]) -> Table | None:
    """Errors of seven-class nets (paper: "Quantitative Results", overall error); None without one."""
    runs = [run for run in runs if run.folds and run.says_classes and run.has_seven]
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
    of_folds = [class_errors(fold.probs, fold.kinds, run.classes) for fold in run.folds]
    pooled = class_errors(run.probs, run.kinds, run.classes)
    spread = {name: mean_and_std([errors[name] for errors in of_folds]) for name in pooled}
    wrong = class_wrong(run.probs, run.kinds, run.classes)
    limits = {name: share_interval(wrong[name], run.groups) for name in wrong}
    cells, folds = len(run.scores), run.result.fold_text()
    rows = [
        [f"{run.label}: pooled, {folds}", cells, None, *[with_interval(pooled[name], limits[name]) for name in pooled]],
    ]
    if len(run.folds) > 1:
        rows.append([f"{run.label}: mean ± std, {folds}", cells, None, *map(_mean_text, spread.values())])
    return rows, {"pooled": pooled, "over_folds": spread, "interval": limits}


def _mean_text(spread: Mapping[str, Any]) -> str:
    return percent(spread["mean"]) + (f" ± {percent(spread['std'])}" if spread["std"] is not None else "")


def each_class(runs: Sequence[Run]) -> Table | None:
    """Recall and F1 of each class of nets of several classes, and their mean; None without one."""
    columns = ["run", "class", "side", "cells", "recall (%)", "F1 (%)"]
    runs = [run for run in runs if run.folds and run.says_classes]
    notes = [MOST_LIKELY, MACRO, *interval_notes(runs)]
    return table_of_runs("each_class", "Each class by the most likely class", columns, runs, _each_class, notes)


def _each_class(run: Run) -> tuple[Rows, dict[str, Any]]:
    found, cells = run.class_figures, len(run.every.ids)
    rows = []
    for index, one in enumerate(run.classes):
        recall = with_interval(found.recall[index], found.recall_interval[index])
        f1 = with_interval(found.f1[index], found.f1_interval[index])
        rows.append([run.label, one.name, one.label, found.cells[index], recall, f1])
    wrong = class_wrong(run.every.probs, run.every.kinds, run.classes)["each_class"]
    accuracy = with_interval(float(1 - wrong.mean()), share_interval(~wrong, run.every_group))
    macro = with_interval(found.macro_f1, found.macro_f1_interval)
    rows.append([run.label, "all (right; macro F1)", None, cells, accuracy, macro])
    return rows, {"classes": [one.name for one in run.classes], **found._asdict(), "acc": float(1 - wrong.mean())}


def confusion_tables(runs: Sequence[Run]) -> list[Table]:
    """One confusion matrix for each net of several classes, named confusion, confusion2, ...

    A net of Bethesda's classes has a second one, of their grades: a grade's probability is the sum over its classes.
    """
    shown = [run for run in runs if run.folds and run.says_classes]
    tables: list[Table] = []
    for number, run in enumerate(shown, 1):
        suffix, names, every = str(number) if number > 1 else "", [one.name for one in run.classes], run.every
        title = f"True class (rows) by most likely class (columns), {run.title}"
        tables.append(_confusion(run, (f"confusion{suffix}", title), names, every.probs, every.kinds))
        if grades := grades_of(run.classes):
            rest = sorted(set(range(len(names))) - {place for places in grades.values() for place in places})
            sums = {**grades, "other": rest} if rest else grades
            probs = np.stack([every.probs[:, places].sum(axis=1) for places in sums.values()], axis=1)
            kinds = np.array(
                [next(k for k, places in enumerate(sums.values()) if kind in places) for kind in every.kinds]
            )
            title = (
                f"True grade (rows) by most likely grade (columns): low is ASC-US and LSIL, high is above, {run.title}"
            )
            tables.append(_confusion(run, (f"grades{suffix}", title), list(sums), probs, kinds))
    return tables


def _confusion(run: Run, heading: tuple[str, str], names: Sequence[str], probs: np.ndarray, kinds: np.ndarray) -> Table:
    """The matrix of one net: `heading` is the table's name and title, `names` are those of `probs` (n, K)."""
    counts, shares = (
        confusion(probs, kinds),
        share_intervals(kinds.tolist(), most_likely(probs) == kinds, run.every_group),
    )
    rows = []
    for index, row in enumerate(counts):
        share = with_interval(row[index] / row.sum() if row.sum() else None, shares.get(index))
        rows.append([names[index], *map(int, row), share])
    data = {"classes": list(names), "counts": counts.tolist(), "interval": shares}
    columns = ["true class", *names, "right (%)"]
    return Table(*heading, columns, rows, interval_notes([run]), table_notes([run]), data)
