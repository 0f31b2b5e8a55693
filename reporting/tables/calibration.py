"""Whether scores are probabilities."""

from collections.abc import Sequence

from measures.calibration import calibration_summary
from reporting.notes import scored, table_notes
from reporting.tables.table import Table, filled
from scoring.results import RunResult

COLUMNS = ["run", "cells", "ECE (10 bins)", "Brier", "mean score", "share abnormal"]
TITLE = "Calibration of the score as P(abnormal)"


def calibration_table(runs: Sequence[RunResult]) -> Table | None:
    """Expected calibration error and Brier score of every run; None without a scored one."""
    rows, data = [], {}
    for label, run in scored(runs):
        figures = data[label] = calibration_summary(run.pooled("labels"), run.pooled("scores"))
        values = [f"{figures[name]:.4f}" for name in ("ece", "brier", "mean_score", "abnormal")]
        rows.append([f"{label}, {run.fold_text()}", len(run.ids), *values])
    return filled("calibration", TITLE, COLUMNS, rows, table_notes(runs), data)
