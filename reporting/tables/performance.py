"""Table 3 of the paper: our runs beside the paper's ConvNet-T and the earlier methods, on Herlev."""

from collections.abc import Sequence

from measures.metrics import binary_metrics, percent
from reporting.notes import labels, table_notes
from reporting.paper import accuracy_interval, paper, right_in_all
from reporting.tables.performance_rows import CITED, COLUMNS, INTERVALS, cited_row, our_rows
from reporting.tables.table import Table
from scoring.results import RunResult

EARLIER = "the earlier methods were judged in several ways (10-fold, leave-one-out): not strictly comparable"


def performance_table(runs: Sequence[RunResult]) -> Table | None:
    """Runs of seven-class cells beside the paper's ConvNet-T (paper: Table 3); None without such a run."""
    runs = [run for run in runs if run.has_class7 and run.folds]
    if not runs:
        return None
    ours, data = our_rows(runs)
    cells = right_in_all()[1]
    rows = [
        cited_row("paper: ConvNet-T", paper()["herlev"], cells),
        cited_row("paper: ConvNet-T, centres shifted by up to 10 px", paper()["herlev_shift10"], cells),
        *ours,
        *[cited_row(item["name"], item) for item in paper()["earlier_methods"]],
        *[cited_row(item["name"], item) for item in paper()["later"]],
    ]
    notes = table_notes(runs, CITED, EARLIER, INTERVALS, *_beside_the_papers_interval(runs))
    return Table("table3", "Table 3: performance (the paper's on Herlev)", COLUMNS, rows, notes, {"runs": data})


def _beside_the_papers_interval(runs: Sequence[RunResult]) -> list[str]:
    """For complete runs on Herlev's own cells: whether the accuracy is one the paper's would allow."""
    low, high = accuracy_interval()
    right, total = right_in_all()
    limits = f"{percent(low)}-{percent(high)}"
    notes = [f"the paper's {right}/{total} right has the 95 % interval {limits} (Wilson, ours)"]
    for label, run in zip(labels(runs), runs, strict=True):
        if run.run["dataset"].get("paper") != "herlev" or run.missing_folds or run.run["protocol"] != "cell":
            continue
        acc = binary_metrics(run.pooled("labels"), run.pooled("scores"))["acc"]
        place = "inside" if low <= acc <= high else "outside"
        notes.append(f"{label}: pooled Acc {percent(acc)} lies {place} it")
    return notes
