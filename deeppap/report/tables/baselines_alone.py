"""A data set's baselines without any run beside them."""

from collections.abc import Mapping
from typing import Any

from data_prep.cells import Cell, Dataset
from deeppap.report.tables.baseline_titles import TITLES
from deeppap.report.tables.ranges import BY_CELL, BY_GROUP, shown
from deeppap.report.tables.table import Table
from deeppap.stats.baselines import scores_of
from deeppap.stats.intervals import interval
from deeppap.stats.metrics import percent
from deeppap.stats.resampling import share_interval

COLUMNS = ["method", "Acc (%)", "Sens (%)", "Spec (%)", "AUC", "seven-way Acc (%)"]


def baselines_alone_table(dataset: Dataset, baselines: Mapping[str, Any], protocol: str) -> Table:
    """One row a baseline, its interval by group where the cells have groups; what is skipped says why."""
    rows, notes, cells = [], [], dataset.by_id()
    known = all(cell.group is not None for cell in dataset.cells)
    for name, title in TITLES.items():
        entry = baselines[name]
        if "skipped" in entry:
            notes.append(f"{title}: skipped, {entry['skipped']}")
            continue
        rows.append([title, *_figures(entry, cells, known)])
    siblings = baselines["sibling_share"]
    if "share" in siblings:
        notes.append(f"{percent(siblings['share'])} % of test cells have one of their group in training")
    title = f"Baselines without a net: {dataset.name}, {protocol} folds, {len(dataset.cells)} cells"
    return Table("baselines", title, COLUMNS, rows, [BY_GROUP if known else BY_CELL, *notes])


def _figures(entry: Mapping[str, Any], cells: Mapping[str, Cell], grouped: bool) -> list:
    tested = [cells[cell] for cell in entry["predictions"]]
    truth, units = [cell.label for cell in tested], [cell.group for cell in tested] if grouped else None
    scores = scores_of(entry, [cell.id for cell in tested])
    two, seven = entry["two_class"], entry["seven_class"]
    texts = [shown(two[name], interval(truth, scores, name, units)) for name in ("acc", "sens", "spec")]
    texts.append(shown(two["auc"], interval(truth, scores, "auc", units), 3) if "chances" in entry else None)
    right7 = [entry["predictions"][cell.id][1] == cell.class7 for cell in tested]
    return [*texts, shown(seven["acc"], share_interval(right7, units)) if seven else None]
