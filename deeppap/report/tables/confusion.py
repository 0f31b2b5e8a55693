"""Which of the seven classes a seven-class net takes for which."""

from collections.abc import Sequence

import numpy as np

from data_prep.herlev_classes import CLASSES
from deeppap.report.notes import labels, table_notes
from deeppap.report.tables.ranges import interval_notes, shown
from deeppap.report.tables.table import Table
from deeppap.scoring.results import RunResult
from deeppap.stats.by_class import confusion, recall_intervals
from deeppap.stats.resampling import Limits

COLUMNS = ["true class", *[known.name for known in CLASSES], "right (%)"]


def confusion_tables(runs: Sequence[RunResult]) -> list[Table]:
    """One confusion matrix for each seven-class net, named confusion, confusion2, ..."""
    tables: list[Table] = []
    for label, run in zip(labels(runs), runs, strict=True):
        if run.classes != 7 or not run.has_class7 or not run.folds:
            continue
        name = f"confusion{len(tables) + 1 if tables else ''}"
        title = f"Seven classes: true class (rows) by most likely class (columns), {label}, {run.fold_text()}"
        counts, limits = confusion(run), recall_intervals(run)
        rows = [_row(index, row, limits.get(index)) for index, row in enumerate(counts)]
        notes = table_notes([run], *interval_notes([run]))
        tables.append(Table(name, title, COLUMNS, rows, notes, {"counts": counts.tolist(), "interval": limits}))
    return tables


def _row(index: int, counts: np.ndarray, limits: Limits | None) -> list:
    total = int(counts.sum())
    return [CLASSES[index].name, *map(int, counts), shown(counts[index] / total if total else None, limits)]
