"""How many cells of each of a set's own classes, such as Bethesda's, are right."""

from collections.abc import Sequence

import numpy as np

from deeppap.report.notes import scored, table_notes
from deeppap.report.tables.ranges import interval_notes
from deeppap.report.tables.table import Table, filled
from deeppap.scoring.results import RunResult
from deeppap.stats.intervals import interval
from deeppap.stats.metrics import percent, right

COLUMNS = ["run", "class", "side", "cells", "right", "%", "95 %", "median score"]
TITLE = "Right (normal or abnormal) of each of the set's own classes"


def own_classes_table(runs: Sequence[RunResult]) -> Table | None:
    """One row a class of runs whose set names classes beyond the two; None without such a run."""
    rows, data, shown = [], {}, []
    for label, run in scored(runs):
        names = np.array([run.cells[cell].class_name for cell in run.ids])
        if run.has_class7 or not set(names.tolist()) - {"normal", "abnormal"}:
            continue
        shown.append(run)
        data[label] = _classes(run, names)
        rows += [[label, name, *_row(counts)] for name, counts in data[label].items()]
    return filled("own_classes", TITLE, COLUMNS, rows, table_notes(shown, *interval_notes(shown)), data)


def _classes(run: RunResult, names: np.ndarray) -> dict[str, dict]:
    labels, scores, groups = run.pooled("labels"), run.pooled("scores"), run.groups()
    found = {}
    for name in sorted(set(names.tolist()), key=lambda name: (labels[names == name][0], name)):
        mask = names == name
        inside = None if groups is None else groups[mask]
        found[name] = {
            "label": int(labels[mask][0]),
            "cells": int(mask.sum()),
            "right": int(right(labels[mask], scores[mask]).sum()),
            "interval": interval(labels[mask], scores[mask], "acc", inside),
            "median": float(np.median(scores[mask])),
        }
    return found


def _row(counts: dict) -> list:
    limits = counts["interval"]
    text = "-" if limits is None else f"{percent(limits[0])}-{percent(limits[1])}"
    share = percent(counts["right"] / counts["cells"])
    side = ("normal", "abnormal")[counts["label"]]
    return [side, counts["cells"], counts["right"], share, text, f"{counts['median']:.2f}"]
