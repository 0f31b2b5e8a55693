"""The operating point of a screening: specificity where at least 99 % of the abnormal cells are found."""

from collections.abc import Sequence

from measures.metrics import percent
from measures.operating_point import cross_fitted, operating_point
from reporting.notes import scored, table_notes
from reporting.tables.table import Table, filled
from scoring.results import RunResult

COLUMNS = ["run", "threshold", "Sens (%)", "Spec (%)", "missed", "false alarms"]
TITLE = "Operating point: highest threshold with sensitivity of at least 99 %"
NOTE = "the pooled threshold is chosen on the scores it is judged by; the row from other folds is not"


def operating_point_table(runs: Sequence[RunResult]) -> Table | None:
    """For every run with both classes: the pooled threshold, and thresholds chosen on the other folds."""
    rows, data = [], {}
    for label, run in scored(runs):
        pooled = operating_point(run.pooled("labels"), run.pooled("scores"))
        if pooled is None:
            continue
        honest = cross_fitted(run.folds)
        data[label] = {"pooled": pooled, "cross_fitted": honest}
        shares = [percent(pooled["sens"]), percent(pooled["spec"])]
        missed, alarms = f"{pooled['missed']}/{pooled['abnormal']}", f"{pooled['false_alarms']}/{pooled['normal']}"
        rows.append([f"{label}, {run.fold_text()}", f"{pooled['threshold']:.3f}", *shares, missed, alarms])
        if honest:
            shares = [percent(honest["sens"]), percent(honest["spec"])]
            rows.append([f"{label}, threshold from the other folds", "varies", *shares, None, None])
    return filled("operating_point", TITLE, COLUMNS, rows, table_notes(runs, NOTE), data)
