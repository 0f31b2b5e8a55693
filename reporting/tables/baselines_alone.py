"""A data set's baselines without any run beside them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from data_prep.cells import Dataset
from measures.intervals import interval
from measures.metrics import percent
from reporting.tables.baseline_titles import TITLES
from reporting.tables.table import Table

COLUMNS = ["method", "Acc (%)", "95 %", "Sens (%)", "Spec (%)", "AUC", "95 % ", "seven-way Acc (%)"]
BY_GROUP = "95 % intervals: whole groups resampled"
BY_CELL = "95 % intervals: the data set has no groups, cells are taken as independent"


def baselines_alone_table(dataset: Dataset, baselines: Mapping[str, Any], protocol: str) -> Table:
    """One row a baseline, its interval by group where the cells have groups; what is skipped says why."""
    rows, notes = [], []
    groups = {cell.id: cell.group for cell in dataset.cells}
    labels = {cell.id: cell.label for cell in dataset.cells}
    known = None not in groups.values()
    for name, title in TITLES.items():
        entry = baselines[name]
        if "skipped" in entry:
            notes.append(f"{title}: skipped, {entry['skipped']}")
            continue
        rows.append([title, *_figures(entry, labels, groups if known else None)])
    siblings = baselines["sibling_share"]
    if "share" in siblings:
        notes.append(f"{percent(siblings['share'])} % of test cells have one of their group in training")
    title = f"Baselines without a net: {dataset.name}, {protocol} folds, {len(dataset.cells)} cells"
    return Table("baselines", title, COLUMNS, rows, [BY_GROUP if known else BY_CELL, *notes])


def _figures(entry: Mapping[str, Any], labels: Mapping[str, int], groups: Mapping[str, str] | None) -> list:
    ids = list(entry["predictions"])
    truth = [labels[cell] for cell in ids]
    units = None if groups is None else [groups[cell] for cell in ids]
    called = np.array([entry["predictions"][cell][0] for cell in ids], float)
    found, acc, auc = entry["two_class"], interval(truth, called, "acc", units), None
    if "chances" in entry:
        auc = interval(truth, [entry["chances"][cell] for cell in ids], "auc", units)
    seven = entry["seven_class"]
    return [
        percent(found["acc"]),
        "-" if acc is None else f"{percent(acc[0])}-{percent(acc[1])}",
        percent(found["sens"]),
        percent(found["spec"]),
        f"{found['auc']:.3f}" if auc else None,
        f"{auc[0]:.3f}-{auc[1]:.3f}" if auc else None,
        percent(seven["acc"] if seven else None),
    ]
