"""Runs against each other on the very same cells."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from deeppap.report.notes import scored, table_notes
from deeppap.report.tables.table import Table, filled
from deeppap.scoring.results import RunResult
from deeppap.stats.compare import compare, paired

COLUMNS = ["runs", "cells", "groups", "right: first only", "second only", "P", "AUC first", "second"]
COLUMNS += ["difference", "95 %", "P (AUC)"]
TITLE = "Runs compared on the same cells"
NOTES = (
    "P: exact sign-flip test of cells that one side alone has right, groups kept whole; without groups it is McNemar's",
    "P (AUC): DeLong, with Obuchowski's variance for groups; two-sided, not adjusted for several comparisons",
    "the tests know nothing of how much a net changes from one training to the next",
)


def comparison_table(runs: Sequence[RunResult]) -> Table | None:
    """One row for every two runs of one data set; None where no two have scored the same cells."""
    rows, data = [], {}
    for (name, first), (other, second) in combinations(scored(runs), 2):
        cells = paired(first, second)
        if cells is None:
            continue
        label = f"{name} | {other}"
        found = data[label] = compare(cells.labels, cells.first, cells.second, cells.groups)
        rows.append([label, *compared_cells(found)])
    return filled("comparison", TITLE, COLUMNS, rows, table_notes(runs, *NOTES), data)


def compared_cells(found: dict[str, Any]) -> list:
    """What `compare` found, as this table's columns after the first."""
    counts = [found["cells"], found["groups"], found["only_first"], found["only_second"], chance(found["p_right"])]
    if found["auc"] is None:
        return [*counts, None, None, None, None, None]
    limits = " to ".join(f"{limit:+.4f}" for limit in found["interval"]) if found["interval"] else None
    areas = [f"{value:.4f}" for value in found["auc"]]
    return [*counts, *areas, f"{found['difference']:+.4f}", limits, chance(found["p_auc"])]


def chance(value: float | None) -> str | None:
    """A P as text: three decimals, or that it is below one in a thousand."""
    if value is None:
        return None
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
