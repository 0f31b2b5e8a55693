"""What adapting has bought, in figures: each net on the same cells, and how much better the adapted one is."""

from collections.abc import Sequence
from typing import Any

from deeppap.report.notes import scored, table_notes
from deeppap.report.tables.performance_rows import COLUMNS, metric_text
from deeppap.report.tables.table import Table, filled
from deeppap.scoring.results import RunResult
from deeppap.stats.adapting import ADAPTED, BEFORE, Adapting, Net, adapting
from deeppap.stats.intervals import Limits
from deeppap.stats.metrics import METRICS

TITLE = "Adapting a trained net: before and after, on the same cells"
KINDS = {BEFORE: "the source net as it is", ADAPTED: "adapted"}
NOTES = (
    "95 % intervals in brackets: whole groups resampled, where known; gains are paired, over the same resamplings",
    "gains in percentage points, of the AUC as such; an interval that holds 0 shows no difference",
    "no interval knows how much a net changes from one training to the next",
)


def adapting_table(runs: Sequence[RunResult]) -> Table | None:
    """A row for each net, then one for each gain of the adapted net; None without an adapted run beside another."""
    rows, data = [], {}
    for found in adapting(scored(runs)):
        label = found.nets[-1].label
        rows += [_row(net, found.cells) for net in found.nets]
        rows += [
            [f"{label}: gain over {other}", found.cells, *map(_gain, METRICS, gains.values())]
            for other, gains in found.gains.items()
        ]
        data[label] = _data(found)
    return filled("adapting", TITLE, COLUMNS, rows, table_notes(runs, *NOTES), data)


def _row(net: Net, cells: int) -> list:
    kind = KINDS.get(net.kind)
    values = [f"{metric_text(m, net.values[m])}{_limits(m, net.limits[m])}" for m in METRICS]
    return [f"{net.label} ({kind})" if kind else net.label, cells, *values]


def _limits(metric: str, limits: Limits | None) -> str:
    return "" if limits is None else f" ({metric_text(metric, limits[0])}-{metric_text(metric, limits[1])})"


def _gain(metric: str, found: tuple[float, Limits | None] | None) -> str:
    if found is None:
        return "-"
    value, limits = found
    return _signed(metric, value) + ("" if limits is None else f" ({' to '.join(_signed(metric, v) for v in limits)})")


def _signed(metric: str, value: float) -> str:
    return f"{value:+.3f}" if metric == "auc" else f"{100 * value:+.1f}"


def _data(found: Adapting) -> dict[str, Any]:
    nets = {net.label: {"kind": net.kind, "values": net.values, "interval": net.limits} for net in found.nets}
    return {"cells": found.cells, "groups": found.groups, "nets": nets, "gains": found.gains}
