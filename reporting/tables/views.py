"""Accuracy by the number of views averaged."""

from collections.abc import Sequence

from measures.by_view import accuracy_by_views, centre_crop_accuracy
from measures.metrics import percent
from reporting.notes import scored, table_notes
from reporting.paper import paper
from reporting.tables.table import Table, filled
from scoring.results import RunResult

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
        rows += [[what, item["views"], "all", percent(item["acc"]), percent(item["std"])] for item in by_count]
        total = max((item["views"] for item in by_count), default=0)
        rows.append([what, 1, "centre", percent(centre["one_view"]), None])
        rows.append([what, total, "centre", percent(centre["all_views"]), None])
    loss = percent(paper()["one_view_loss_of_accuracy"], 0)
    notes = (
        "std over 20 random choices of each cell's views",
        f"the paper says that one view instead of 100 costs about {loss} % of accuracy",
    )
    return filled("views", "Accuracy by the number of views", COLUMNS, rows, table_notes(runs, *notes), data)
