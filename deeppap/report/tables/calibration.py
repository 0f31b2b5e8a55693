"""Whether scores are probabilities."""

from collections.abc import Sequence

from deeppap.report.notes import scored, table_notes
from deeppap.report.tables.ranges import interval_notes, shown
from deeppap.report.tables.table import Table, filled
from deeppap.scoring.results import RunResult
from deeppap.stats.calibration import calibration_intervals, calibration_summary

COLUMNS = ["run", "cells", "ECE (10 bins)", "Brier", "mean score", "share abnormal"]
ECE = "ECE is a sum of absolute values: chance alone lifts it, and a resampling lifts it once more"
TITLE = "Calibration of the score as P(abnormal)"


def calibration_table(runs: Sequence[RunResult]) -> Table | None:
    """Expected calibration error and Brier score of every run; None without a scored one."""
    rows, data = [], {}
    for label, run in scored(runs):
        labels, scores = run.pooled("labels"), run.pooled("scores")
        figures, limits = calibration_summary(labels, scores), calibration_intervals(labels, scores, run.groups())
        data[label] = {**figures, "interval": limits}
        values = [shown(figures[name], limits[name], 4) for name in ("ece", "brier", "mean_score", "abnormal")]
        rows.append([f"{label}, {run.fold_text()}", len(run.ids), *values])
    return filled("calibration", TITLE, COLUMNS, rows, table_notes(runs, ECE, *interval_notes(runs)), data)
