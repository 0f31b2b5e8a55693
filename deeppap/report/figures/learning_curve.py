"""How many cells it takes: the area under the curve against the cells that were learned from."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deeppap.report.figures.style import DIAGONAL, NARROW, curve_style, new_figure, styled
from deeppap.report.tables.learning_curve import STARTS
from deeppap.stats.learning_curve import CurvePoint, Level, levels

APART = 1.03  # a factor by which the curves' intervals stand beside each other


@styled
def draw(points: Sequence[CurvePoint], before: Mapping[str, float | None] | None) -> Figure:
    """One curve a start: the mean over seeds, the test groups' 95 % interval, and a small mark for each net."""
    figure = new_figure(NARROW + 1.2, 3.4, layout="constrained")
    axes = figure.subplots()
    found = [level for level in levels(points) if level.values["auc"] is not None]
    for number, start in enumerate(dict.fromkeys(level.start for level in found)):
        _curve(axes, [level for level in found if level.start == start], number)
    if before and before["auc"] is not None:
        axes.axhline(before["auc"], color=DIAGONAL, linestyle=":", label="the source net as it is")
    axes.set_xscale("log")
    ticks = sorted({round(level.cells) for level in found})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set(xlabel="labelled cells that were learned from (mean over seeds)", ylabel="AUC on the test fold")
    axes.legend(loc="lower right")
    return figure


def _curve(axes: Axes, own: Sequence[Level], number: int) -> None:
    """One start: a line through the means, a bar for each interval, a dot for each net."""
    style = curve_style(number)
    cells = [level.cells * APART**number for level in own]
    label = STARTS.get(own[0].start, own[0].start)
    axes.plot(cells, [level.values["auc"] for level in own], label=label, **style)
    for x, level in zip(cells, own, strict=True):
        if level.limits["auc"]:
            axes.plot((x, x), level.limits["auc"], color=style["color"], linewidth=1, alpha=0.6)
        axes.plot(level.sizes, level.each["auc"], ".", color=style["color"], markersize=3, alpha=0.6)
