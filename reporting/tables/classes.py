"""Table 4 of the paper (right per class) and the seven-class net's errors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix

from data_prep.herlev_classes import CLASSES
from measures.intervals import wilson
from measures.metrics import mean_and_std, percent
from reporting.notes import labels, table_notes
from reporting.paper import paper
from reporting.tables.table import Table
from scoring.results import FoldResult, RunResult

CAVEAT = (
    "the paper's 1.6 % is below its own two-class error of 1.7 %, so it is most likely counted after "
    "collapsing to two classes; compare it with 'collapsed'"
)


def table4(runs: Sequence[RunResult]) -> Table | None:
    """Cells on the right side of 0.5, per class (paper: Table 4); None without a Herlev-shaped run."""
    runs = [run for run in runs if run.has_class7 and run.folds]
    if not runs:
        return None
    names = labels(runs)
    ours = [_right_per_class(run) for run in runs]
    theirs = [tuple(pair) for pair in paper()["right_per_class"]]
    rows = [[known.name, _share(theirs[k]), *[_share(found[k]) for found in ours]] for k, known in enumerate(CLASSES)]
    rows.append(["all", *[_share(_total(found)) for found in (theirs, *ours)]])
    rows.append(["95 % interval of all (Wilson)", *[_interval(_total(found)) for found in (theirs, *ours)]])
    data = {"paper": theirs, "runs": dict(zip(names, ours, strict=True))}
    columns = [
        "class",
        "paper (cited)",
        *[f"{name}, {r.fold_text()}" for name, r in zip(names, runs, strict=True)],
    ]
    title = "Table 4: right (normal or abnormal) of each of the seven classes"
    return Table("table4", title, columns, rows, table_notes(runs), data)


def seven_table(runs: Sequence[RunResult]) -> Table | None:
    """Errors of seven-class nets (paper: "Quantitative Results", overall error); None without one."""
    runs = [run for run in runs if run.classes == 7 and run.has_class7 and run.folds]
    if not runs:
        return None
    rows: list[list] = [["paper (cited)", None, f"{percent(paper()['seven_class_error'])} (see note)", None, None]]
    rows += [[f"earlier method {k + 1} (cited)", None, percent(error), None, None] for k, error in _earlier()]
    data = {}
    for label, run in zip(labels(runs), runs, strict=True):
        found = [seven_errors(fold) for fold in run.folds]
        pooled = seven_errors(run)
        spread = {name: mean_and_std([errors[name] for errors in found]) for name in pooled}
        data[label] = {"pooled": pooled, "over_folds": spread}
        cells = len(run.ids)
        rows.append([f"{label}: pooled, {run.fold_text()}", cells, None, *map(percent, pooled.values())])
        means = [_mean_std(value) for value in spread.values()]
        rows.append([f"{label}: mean ± std, {run.fold_text()}", cells, None, *means])
    columns = ["method", "cells", "as reported (%)", "seven-way error (%)", "collapsed error (%)"]
    notes = table_notes(runs, CAVEAT, _later(), "collapsed: the most likely class, counted as normal or abnormal")
    return Table("seven_classes", "Seven classes: overall error", columns, rows, notes, {"runs": data})


def seven_errors(result: FoldResult | RunResult) -> dict[str, float]:
    """Shares of cells whose most likely class is wrong: of seven, and after collapsing to two."""
    probs, class7 = _field(result, "probs"), _field(result, "class7")
    found = probs.argmax(axis=1)
    return {
        "seven_way": float((found != class7).mean()),
        "collapsed": float(((found >= 3) != (class7 >= 3)).mean()),
    }


def confusion(run: RunResult) -> np.ndarray:
    """Cells by true class (row) and most likely class (column): int64 (7, 7), all scored folds pooled."""
    return confusion_matrix(run.pooled("class7"), run.pooled("probs").argmax(axis=1), labels=range(7))


def confusion_tables(runs: Sequence[RunResult]) -> list[Table]:
    """One confusion matrix for each seven-class net."""
    tables: list[Table] = []
    for label, run in zip(labels(runs), runs, strict=True):
        if run.classes != 7 or not run.has_class7 or not run.folds:
            continue
        stem = f"confusion{len(tables) + 1 if tables else ''}"
        title = f"Seven classes: true class (rows) by most likely class (columns), {label}, {run.fold_text()}"
        counts = confusion(run)
        rows = [_confusion_row(k, row) for k, row in enumerate(counts)]
        columns = ["true class", *[known.name for known in CLASSES], "right (%)"]
        tables.append(Table(stem, title, columns, rows, table_notes([run]), {"counts": counts.tolist()}))
    return tables


def _confusion_row(k: int, row: np.ndarray) -> list:
    total = int(row.sum())
    return [CLASSES[k].name, *map(int, row), percent(row[k] / total if total else None)]


def _field(result: FoldResult | RunResult, name: str) -> np.ndarray:
    return result.pooled(name) if isinstance(result, RunResult) else getattr(result, name)


def _right_per_class(run: RunResult) -> list[tuple[int, int]]:
    right = (run.pooled("scores") >= 0.5) == run.pooled("labels")
    class7 = run.pooled("class7")
    return [(int(right[class7 == k].sum()), int((class7 == k).sum())) for k in range(7)]


def _total(pairs: Sequence[tuple[int, int]]) -> tuple[int, int]:
    right, cells = (sum(column) for column in zip(*pairs, strict=True))
    return right, cells


def _share(pair: tuple[int, int]) -> str:
    right, cells = pair
    return f"{right}/{cells} ({percent(right / cells)} %)" if cells else "no cells"


def _interval(pair: tuple[int, int]) -> str:
    low, high = wilson(*pair)
    return f"{percent(low)}-{percent(high)} %"


def _mean_std(found: dict[str, Any]) -> str:
    return percent(found["mean"]) + (f" ± {percent(found['std'])}" if found["std"] is not None else "")


def _earlier() -> list[tuple[int, float]]:
    return list(enumerate(paper()["seven_class_error_earlier"]))


def _later() -> str:
    later = paper()["later"][0]
    error = percent(1 - later["seven_class_acc"])
    return f"later work has far more: {later['name']}, seven-way error {error} % (cited)"
