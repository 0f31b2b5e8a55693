"""The operating point of a screening: specificity where at least 99 % of the abnormal cells are found."""

from collections.abc import Sequence

from deeppap.report.notes import scored, table_notes
from deeppap.report.tables.ranges import interval_notes, shown
from deeppap.report.tables.table import Table, filled
from deeppap.scoring.results import RunResult
from deeppap.stats.operating_point import cross_fitted, operating_intervals, operating_point

COLUMNS = ["run", "threshold", "Sens (%)", "Spec (%)", "missed", "false alarms"]
TITLE = "Operating point: highest threshold with sensitivity of at least 99 %"
NOTE = "the pooled threshold is chosen on the scores it is judged by; the row from other folds is not"

HELD = "intervals hold the threshold, but for that of the pooled Spec: there each resampling chooses its own"


def operating_point_table(runs: Sequence[RunResult]) -> Table | None:
    """For every run with both classes: the pooled threshold, and thresholds chosen on the other folds."""
    rows, data = [], {}
    for label, run in scored(runs):
        pooled = operating_point(run.pooled("labels"), run.pooled("scores"))
        if pooled is None:
            continue
        limits = operating_intervals(run.pooled("labels"), run.pooled("scores"), run.groups())
        honest = cross_fitted(run.folds, run.groups())
        data[label] = {"pooled": {**pooled, "interval": limits}, "cross_fitted": honest}
        shares = [shown(pooled[name], limits[name]) for name in ("sens", "spec")]
        missed, alarms = f"{pooled['missed']}/{pooled['abnormal']}", f"{pooled['false_alarms']}/{pooled['normal']}"
        rows.append([f"{label}, {run.fold_text()}", f"{pooled['threshold']:.3f}", *shares, missed, alarms])
        if honest:
            shares = [shown(honest[name], honest["interval"][name]) for name in ("sens", "spec")]
            rows.append([f"{label}, threshold from the other folds", "varies", *shares, None, None])
    return filled("operating_point", TITLE, COLUMNS, rows, table_notes(runs, NOTE, HELD, *interval_notes(runs)), data)
