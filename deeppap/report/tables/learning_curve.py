"""How many cells it takes, in figures: one row for each start and share, and the gain of adapting at that share."""

from collections.abc import Mapping, Sequence

from deeppap.report.notes import notes_held
from deeppap.report.tables.performance_rows import metric_text
from deeppap.report.tables.table import Table
from deeppap.stats.learning_curve import METRICS, CurvePoint, Gain, Level, gains, levels

STARTS = {"adapted": "adapted from the source net", "alone": "from CaffeNet alone"}
COLUMNS = ["start", "groups (%)", "cells", "abnormal", "Sens (%)", "Spec (%)", "AUC", "AUC, each seed", "AUC gained"]
NOTES = (
    "cells learned from, and figures on the one test fold, are means over the seeds",
    "in brackets the 95 % interval over the test fold's groups, seeds alike; it knows nothing of other test fields",
    "AUC gained: adapted less alone, on the same parts, paired",
)


def learning_curve_table(points: Sequence[CurvePoint], before: Mapping[str, float | None] | None) -> Table:
    """The table; `before` has the source net's own figures, the row without a single cell."""
    gained = {gain.share: gain for gain in gains(points, "adapted", "alone")}
    found = levels(points)
    rows = [] if before is None else [["the source net as it is", 0, 0, 0, *_texts(before), None, None]]
    rows += [_row(level, gained.get(level.share)) for level in found]
    tested = len(points[0].run.ids)
    title = f"Learning curve: {tested} test cells of fold {points[0].run.folds[0].fold}, never trained on"
    notes = [*NOTES, *_notes(points)]
    data = {"levels": [level._asdict() for level in found], "gains": [gain._asdict() for gain in gained.values()]}
    return Table("learning_curve", title, COLUMNS, rows, notes, {**data, "before": before})


def _notes(points: Sequence[CurvePoint]) -> list[str]:
    """What must be said of the nets, each with those it holds for: all, all of one start, or some."""
    holds = notes_held((point, point.run) for point in points)
    return [f"{_whose(members, points)}{note}" for note, members in holds.items()]


def _whose(members: Sequence[CurvePoint], points: Sequence[CurvePoint]) -> str:
    if len(members) == len(points):
        return ""
    start = members[0].start
    if [point for point in points if point.start == start] == list(members):
        return f"{STARTS.get(start, start)}: "
    return f"{', '.join(f'seed {p.seed}, {p.share} %, {STARTS.get(p.start, p.start)}' for p in members)}: "


def _texts(values: Mapping[str, float | None]) -> list[str]:
    return [metric_text(metric, values[metric]) for metric in METRICS]


def _row(level: Level, gain: Gain | None) -> list:
    auc = metric_text("auc", level.values["auc"])
    if limits := level.limits["auc"]:
        auc += f" ({metric_text('auc', limits[0])}-{metric_text('auc', limits[1])})"
    each = ", ".join(metric_text("auc", value) for value in level.each["auc"])
    counts = [level.share, round(level.cells), round(level.abnormal)]
    gained = _gain(gain) if gain and level.start == "adapted" else None
    return [STARTS.get(level.start, level.start), *counts, *_texts(level.values)[:2], auc, each, gained]


def _gain(gain: Gain) -> str:
    limits = "" if gain.limits is None else f" ({gain.limits[0]:+.3f} to {gain.limits[1]:+.3f})"
    return f"{gain.value:+.3f}{limits}"
