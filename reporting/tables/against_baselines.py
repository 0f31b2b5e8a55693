"""Whether the net is better than what needs no net: tests on the same cells, which intervals side by side are not."""

from collections.abc import Sequence

from measures.baseline_metrics import net_against
from reporting.notes import scored, table_notes
from reporting.tables.baseline_titles import TITLES
from reporting.tables.comparison import NOTES, compared_cells
from reporting.tables.table import Table, filled
from scoring.results import RunResult

COLUMNS = ["run", "against", "cells", "groups", "right: the net only", "the other only", "P", "AUC the net", "other"]
COLUMNS += ["difference", "95 %", "P (AUC)"]


def against_baselines_table(runs: Sequence[RunResult]) -> Table | None:
    """One row for each baseline of each run; None where no run has any."""
    rows, data = [], {}
    for label, run in scored(runs):
        for name, title in TITLES.items():
            if found := net_against(run, name):
                data.setdefault(label, {})[name] = found
                rows.append([f"{label}, {run.fold_text()}", title, *compared_cells(found)])
    return filled("against_baselines", "The net against each baseline", COLUMNS, rows, table_notes(runs, *NOTES), data)
