"""Accuracy by the number of views averaged."""

from collections.abc import Sequence

from deeppap.report.notes import scored, table_notes
from deeppap.report.paper import paper
from deeppap.report.tables.ranges import interval_notes, shown
from deeppap.report.tables.table import Table, filled
from deeppap.scoring.results import RunResult
from deeppap.stats.by_view import accuracy_by_views, centre_crop_accuracy
from deeppap.stats.metrics import percent

COLUMNS = ["run", "views", "crops", "Acc (%)", "std (%)"]


def views_table(runs: Sequence[RunResult]) -> Table | None:
    """Rows of all crops, then of centre crops alone; None where no run has kept its view scores."""
    rows, data = [], {}
    for label, run in scored(runs):
        by_count, centre = accuracy_by_views(run), centre_crop_accuracy(run)
        if centre is None:
            continue
        data[label] = {"by_count": by_count, "centre_crop": centre}
        what = f"{label}, {run.fold_text(run.folds_with('views'))}"
        for item in by_count:
            rows.append([what, item["views"], "all", shown(item["acc"], item["interval"]), percent(item["std"])])
        total = max((item["views"] for item in by_count), default=0)
        for views, name in ((1, "one_view"), (total, "all_views")):
            rows.append([what, views, "centre", shown(centre[name], centre["interval"][name]), None])
    loss = percent(paper()["one_view_loss_of_accuracy"], 0)
    notes = table_notes(
        runs,
        "std over 20 random choices of each cell's views",
        f"the paper says that one view instead of 100 costs about {loss} % of accuracy",
        *interval_notes(runs),
    )
    return filled("views", "Accuracy by the number of views", COLUMNS, rows, notes, data)
