"""A cell's score as the mean over softmax's outputs and as the mean over fc8's, side by side."""

from typing import Protocol

import numpy as np

from deeppap.report.tables.table import Table
from deeppap.stats.metrics import METRICS, binary_metrics, percent

COLUMNS = ["mean over", "cells", "Sens (%)", "Spec (%)", "Acc (%)", "H-mean (%)", "F (%)", "AUC"]
TITLE = "The same crops averaged after softmax and before it"


class Both(Protocol):
    """Labels (n,) and P(abnormal) (n,) under both means."""

    labels: np.ndarray
    over_softmax: np.ndarray
    over_fc8: np.ndarray


def means_table(both: Both) -> Table:
    """Two rows of measures; the notes count the cells that change sides and give the largest change."""
    rows = []
    for name, scores in (("softmax (here)", both.over_softmax), ("fc8, then softmax", both.over_fc8)):
        found = binary_metrics(both.labels, scores)
        shares = [percent(found[metric]) for metric in METRICS if metric != "auc"]
        rows.append([name, len(scores), *shares, "-" if found["auc"] is None else f"{found['auc']:.4f}"])
    moved = int(((both.over_softmax >= 0.5) != (both.over_fc8 >= 0.5)).sum())
    notes = [
        f"{moved} cell(s) change sides of 0.5",
        f"largest change of a score: {np.abs(both.over_softmax - both.over_fc8).max():.3f}",
    ]
    return Table("means", TITLE, COLUMNS, rows, notes)
