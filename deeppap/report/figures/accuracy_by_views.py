"""Accuracy against the number of views averaged."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from deeppap.report.figures.plan import NO_VIEWS, LeftOutError, Plan
from deeppap.report.figures.style import NARROW, clean, curve_style, new_figure, percent_tick, styled
from deeppap.report.notes import scored
from deeppap.scoring.results import RunResult
from deeppap.stats.by_view import accuracy_by_views, centre_crop_accuracy

TITLE = "Accuracy against the number of views"
CAPTION = (
    "Accuracy when only so many views of a cell are averaged (mean over random choices of them). The "
    "open marker is one view's centre crop alone."
)

# name, numbers of views, accuracy at each, accuracy of one view's centre crop or None; fractions
Curve = tuple[str, Sequence[int], Sequence[float], float | None]


def plan(runs: Sequence[RunResult]) -> Plan:
    """One curve a run."""
    return Plan("views", TITLE, CAPTION, lambda: draw(_curves(runs)))


def _curves(runs: Sequence[RunResult]) -> list[Curve]:
    curves = []
    for name, run in scored(runs):
        rows, centre = accuracy_by_views(run), centre_crop_accuracy(run)
        if rows:
            counts, accuracies = [row["views"] for row in rows], [row["acc"] for row in rows]
            curves.append((name, counts, accuracies, centre and centre["one_view"]))
    if not curves:
        raise LeftOutError(NO_VIEWS)
    return curves


@styled
def draw(curves: Sequence[Curve]) -> Figure:
    """Draw one curve a run over the logarithm of the number of views."""
    figure = new_figure(NARROW, 3.0, layout="constrained")
    axes = figure.subplots()
    for number, (name, counts, accuracies, single) in enumerate(curves):
        style = curve_style(number)
        axes.plot(counts, accuracies, label=clean(name, 40), **style)
        if single is not None:
            axes.plot(1, single, style["marker"], color=style["color"], markersize=7, markerfacecolor="white")
    ticks = sorted({count for _, counts, _, _ in curves for count in counts})
    axes.set_xscale("log")
    axes.set_xticks(ticks, [str(count) for count in ticks])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(percent_tick)
    axes.set(xlabel="views averaged for one cell", ylabel="accuracy")
    axes.legend(loc="lower right")
    return figure
