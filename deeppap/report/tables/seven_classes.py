"""The overall error of seven-class nets, beside the paper's and the earlier methods'."""

from collections.abc import Mapping, Sequence
from typing import Any

from deeppap.report.notes import labels, table_notes
from deeppap.report.paper import paper
from deeppap.report.tables.ranges import interval_notes, shown
from deeppap.report.tables.table import Table
from deeppap.scoring.results import RunResult
from deeppap.stats.by_class import seven_errors, seven_intervals
from deeppap.stats.metrics import mean_and_std, percent

COLUMNS = ["method", "cells", "as reported (%)", "seven-way error (%)", "collapsed error (%)"]
CAVEAT = (
    "the paper's 1.6 % is below its own two-class error of 1.7 %, so it is most likely counted after "
    "collapsing to two classes; compare it with 'collapsed'"
)
COLLAPSED = "collapsed: the most likely class, counted as normal or abnormal"


def seven_classes_table(runs: Sequence[RunResult]) -> Table | None:
    """Errors of seven-class nets (paper: "Quantitative Results", overall error); None without one."""
    runs = [run for run in runs if run.classes == 7 and run.has_class7 and run.folds]
    if not runs:
        return None
    rows, data = _cited_rows(), {}
    for label, run in zip(labels(runs), runs, strict=True):
        of_folds, pooled = [seven_errors(fold) for fold in run.folds], seven_errors(run)
        spread = {name: mean_and_std([errors[name] for errors in of_folds]) for name in pooled}
        limits = seven_intervals(run)
        data[label] = {"pooled": pooled, "over_folds": spread, "interval": limits}
        cells = len(run.ids)
        texts = [shown(pooled[name], limits[name]) for name in pooled]
        rows.append([f"{label}: pooled, {run.fold_text()}", cells, None, *texts])
        means = [_mean_text(value) for value in spread.values()]
        rows.append([f"{label}: mean ± std, {run.fold_text()}", cells, None, *means])
    notes = table_notes(runs, CAVEAT, _later(), COLLAPSED, *interval_notes(runs))
    return Table("seven_classes", "Seven classes: overall error", COLUMNS, rows, notes, {"runs": data})


def _cited_rows() -> list[list]:
    rows: list[list] = [["paper (cited)", None, f"{percent(paper()['seven_class_error'])} (see note)", None, None]]
    for number, error in enumerate(paper()["seven_class_error_earlier"], 1):
        rows.append([f"earlier method {number} (cited)", None, percent(error), None, None])
    return rows


def _mean_text(spread: Mapping[str, Any]) -> str:
    return percent(spread["mean"]) + (f" ± {percent(spread['std'])}" if spread["std"] is not None else "")


def _later() -> str:
    later = paper()["later"][0]
    error = percent(1 - later["seven_class_acc"])
    return f"later work has far more: {later['name']}, seven-way error {error} % (cited)"
