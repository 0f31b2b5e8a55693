"""Whether the net is better than what needs no net: tests on the same cells, which intervals side by side are not."""

from collections.abc import Sequence

from deeppap.report.notes import scored, table_notes
from deeppap.report.tables.baseline_titles import TITLES
from deeppap.report.tables.comparison import NOTES, compared_cells
from deeppap.report.tables.table import Table, filled
from deeppap.scoring.results import RunResult
from deeppap.stats.baseline_metrics import net_against

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
