"""Sensitivity and specificity by the angle that the views were turned by."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from deeppap.report.figures.plan import NO_VIEWS, LeftOutError, Plan
from deeppap.report.figures.style import WIDE, clean, curve_style, new_figure, percent_tick, styled
from deeppap.report.notes import scored
from deeppap.scoring.results import RunResult
from deeppap.stats.by_view import metrics_by_angle

TITLE = "Sensitivity and specificity by rotation angle"
CAPTION = (
    "Only the views of one angle averaged. A net that had learnt the angle of rotation and not the "
    "cell would show it here as peaks and dips."
)

# name, angles in degrees, sensitivity and specificity at each (fractions, None where undefined)
Curve = tuple[str, Sequence[float], Sequence[float | None], Sequence[float | None]]


def plan(runs: Sequence[RunResult]) -> Plan:
    """One curve a run in each panel."""
    return Plan("angles", TITLE, CAPTION, lambda: draw(_curves(runs)))


def _curves(runs: Sequence[RunResult]) -> list[Curve]:
    curves = []
    for name, run in scored(runs):
        rows = metrics_by_angle(run)
        if rows:
            angles, sens, spec = ([row[key] for row in rows] for key in ("angle", "sens", "spec"))
            curves.append((name, angles, sens, spec))
    if not curves:
        raise LeftOutError(NO_VIEWS)
    return curves


@styled
def draw(curves: Sequence[Curve]) -> Figure:
    """Draw sensitivity on the left and specificity on the right against the angle."""
    figure = new_figure(WIDE, 2.7, layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for number, (name, angles, *rates) in enumerate(curves):
        for axes, rate in zip(panels, rates, strict=True):
            values = np.array([np.nan if value is None else value for value in rate], float)
            axes.plot(angles, values, label=clean(name, 40), **curve_style(number))
    for axes, title in zip(panels, ("sensitivity", "specificity"), strict=True):
        axes.set(xlabel="rotation of the view (degrees)", title=title)
        axes.set_xticks(range(0, 361, 72))
        axes.yaxis.set_major_formatter(percent_tick)
    # room above 100 % for the markers of perfect rates
    panels[0].set_ylim(top=1 + 0.04 * (1 - panels[0].get_ylim()[0]))
    panels[0].legend(loc="lower right")
    return figure
