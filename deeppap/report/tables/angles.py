"""Whether the net learnt cells or how their views were turned: metrics by rotation angle."""

from collections.abc import Sequence

from deeppap.report.notes import scored, table_notes
from deeppap.report.tables.ranges import interval_notes, shown
from deeppap.report.tables.table import Table, filled
from deeppap.scoring.results import RunResult
from deeppap.stats.by_view import metrics_by_angle

COLUMNS = ["run", "angle (degrees)", "views", "Sens (%)", "Spec (%)", "Acc (%)"]
NOTE = "figures that change with the angle mean that the net learnt how views were turned, not cells"


def angles_table(runs: Sequence[RunResult]) -> Table | None:
    """Sensitivity and specificity from the views of one rotation angle at a time; None without view scores."""
    rows, data = [], {}
    for label, run in scored(runs):
        data[label] = metrics_by_angle(run)
        what = f"{label}, {run.fold_text(run.folds_with('views'))}"
        for item in data[label]:
            shares = [shown(item[name], item["interval"][name]) for name in ("sens", "spec", "acc")]
            rows.append([what, f"{item['angle']:g}", item["views"], *shares])
    return filled("angles", "By rotation angle", COLUMNS, rows, table_notes(runs, NOTE, *interval_notes(runs)), data)
