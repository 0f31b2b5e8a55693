"""A learning curve's table and figure, from the run folders of its points."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from deeppap.io.errors import UserError
from deeppap.report.figures.style import DIAGONAL, NARROW, curve_style, log_ticks, new_figure, plot, save
from deeppap.report.runs import Run, notes_held
from deeppap.report.table import Table, gain_text, metric_text, range_text
from deeppap.scoring.results import RunResult, load_run
from deeppap.stats.learning_curve import METRICS, CurvePoint, Gain, Level, gains, levels
from deeppap.stats.metrics import binary_metrics

POINT = re.compile(r"seed(\d+)-(\d+)-([a-z]+)")  # a point's folder: seed, share, start
STARTS = {"adapted": "adapted from the source net", "alone": "from CaffeNet alone"}
COLUMNS = ["start", "groups (%)", "cells", "abnormal", "Sens (%)", "Spec (%)", "AUC", "AUC, each seed", "AUC gained"]
NOTES = (
    "cells learned from, and figures on the one test fold, are means over the seeds",
    "in brackets: 95 % interval over the groups of the test fold, the same resamples for all seeds; it does not cover "
    "other fields",
    "AUC gained: adapted less alone, on the same parts, paired",
)
APART = 1.03  # a factor by which the curves' intervals stand beside each other


class Curve(NamedTuple):
    """A curve's points with their runs, and the metrics of the source net as it is on the same cells, or None."""

    points: list[CurvePoint]
    runs: list[Run]
    before: dict[str, float | None] | None


def read_curve(home: Path, before: str) -> Curve:
    """All points of a curve that have scores; `before` is the folder of the source net's own.

    Raises UserError if there is none.
    """
    points, runs = [], []
    for folder in sorted(home.iterdir()):
        # a point whose training was interrupted has no scores yet
        if (name := POINT.fullmatch(folder.name)) and (run := load_run(folder)).folds:
            points.append(_point(int(name[1]), int(name[2]), name[3], run))
            runs.append(Run(run, run.name))
    if not points:
        raise UserError(home, "points of a learning curve", "none", "Run tools/learning_curve.py.")
    source = Run(load_run(home / before), before) if (home / before / "run.json").exists() else None
    found = binary_metrics(source.labels, source.scores) if source else {}
    return Curve(points, runs, {metric: found[metric] for metric in METRICS} if source else None)


def _point(seed: int, share: int, start: str, run: RunResult) -> CurvePoint:
    # everything else was trained on, also cells of neither label: the part left out belongs to the seed and share
    out = {*run.folds[0].every.ids, *(run.split.left_out or ())}
    learned = [cell.label for cell in run.cells.values() if cell.id not in out]
    labels, scores = run.pooled("labels"), run.pooled("scores")
    return CurvePoint(seed, share, start, len(learned), learned.count(1), labels, scores, run.groups())


def write_curve(curve: Curve, out: Path) -> tuple[Table, Path]:
    """Write the table (CSV, JSON) and the figure (PNG, SVG) into `out`; returns the table and the figure's PNG."""
    table = curve_table(curve)
    table.write(out)
    return table, save(curve_figure.draw(curve), out, curve_figure.name)[0]


def curve_table(curve: Curve) -> Table:
    """One row for each start and share; first the source net's own figures, without a single cell."""
    points, before = curve.points, curve.before
    # paired by seed: the same part of the cells for both starts
    gained = {gain.share: gain for gain in gains(points, "adapted", "alone")}
    found = levels(points)
    # the net before any adapting is the curve's origin: it has learned from no cell of this set
    rows = []
    if before is not None:
        texts = [metric_text(metric, before[metric]) for metric in METRICS]
        rows.append(["the source net as it is", 0, 0, 0, *texts, None, None])
    rows += [_row(level, gained.get(level.share) if level.start == "adapted" else None) for level in found]
    fold = curve.runs[0].folds[0]
    title = f"Learning curve: {len(fold.ids)} test cells of fold {fold.fold}, never trained on"
    data = {"levels": [level._asdict() for level in found], "gains": [gain._asdict() for gain in gained.values()]}
    holds = notes_held(zip(points, curve.runs, strict=True))
    of_runs = [f"{_whose(members, points)}{note}" for note, members in holds.items()]
    return Table("learning_curve", title, COLUMNS, rows, list(NOTES), of_runs, {**data, "before": before})


def _row(level: Level, gain: Gain | None) -> list:
    texts = {metric: metric_text(metric, level.values[metric]) for metric in METRICS}
    limits = level.limits["auc"]
    auc = texts["auc"] + (f" ({range_text(limits, 3)})" if limits else "")
    each = ", ".join(metric_text("auc", value) for value in level.each["auc"])
    counts = [level.share, round(level.cells), round(level.abnormal)]
    gained = gain_text("auc", (gain.value, gain.limits)) if gain else None
    return [STARTS.get(level.start, level.start), *counts, texts["sens"], texts["spec"], auc, each, gained]


def _whose(members: Sequence[CurvePoint], points: Sequence[CurvePoint]) -> str:
    """The nets that a note holds for: all, all of one start, or some."""
    if len(members) == len(points):
        return ""
    start = members[0].start
    if len({point.start for point in members}) == 1 and len(members) == sum(point.start == start for point in points):
        return f"{STARTS.get(start, start)}: "
    return f"{', '.join(f'seed {p.seed}, {p.share} %, {STARTS.get(p.start, p.start)}' for p in members)}: "


@plot("learning_curve", "Learning curve")
def curve_figure(curve: Curve) -> Figure:
    """AUC against the cells that were learned from."""
    figure = new_figure(NARROW + 1.2, 3.4, layout="constrained")
    axes = figure.subplots()
    found = [level for level in levels(curve.points) if level.values["auc"] is not None]
    for number, start in enumerate(dict.fromkeys(level.start for level in found)):
        own, style = [level for level in found if level.start == start], curve_style(number)
        # apart, or the bars of two starts would hide each other
        cells = [level.cells * APART**number for level in own]
        axes.plot(cells, [level.values["auc"] for level in own], label=STARTS.get(start, start), **style)
        for x, level in zip(cells, own, strict=True):
            if isinstance(level.limits["auc"], tuple):
                axes.plot((x, x), level.limits["auc"], color=style["color"], linewidth=1, alpha=0.6)
            axes.plot(level.sizes, level.each["auc"], ".", color=style["color"], markersize=3, alpha=0.6)
    before: Mapping[str, float | None] = curve.before or {}
    if before.get("auc") is not None:
        axes.axhline(before["auc"], color=DIAGONAL, linestyle=":", label="the source net as it is")
    log_ticks(axes, sorted({round(level.cells) for level in found}))
    axes.set(xlabel="labelled cells that were learned from (mean over seeds)", ylabel="AUC on the test fold")
    axes.legend(loc="lower right")
    return figure
