"""ROC curves, whole and their top left corner."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deeppap.report.figures.plan import LeftOutError, Plan
from deeppap.report.figures.style import BLACK, DIAGONAL, WIDE, clean, curve_style, new_figure, styled
from deeppap.report.notes import scored
from deeppap.scoring.results import RunResult
from deeppap.stats.metrics import binary_metrics
from deeppap.stats.operating_point import SENSITIVITY, operating_point, roc_points

TITLE = "ROC curve"
CAPTION = (
    "Sensitivity against 1 − specificity over all thresholds, all scored cells pooled. The open "
    "marker is the highest threshold that still finds 99 % of the abnormal cells."
)


class Curve(NamedTuple):
    """One run's curve; `point` is (false, true positive rate) of the operating point."""

    name: str
    false_rate: np.ndarray
    true_rate: np.ndarray
    area: float
    point: tuple[float, float] | None


def plan(runs: Sequence[RunResult]) -> Plan:
    """One curve a run."""
    return Plan("roc", TITLE, CAPTION, lambda: draw(_curves(runs)))


def _curves(runs: Sequence[RunResult]) -> list[Curve]:
    curves = []
    for name, run in scored(runs):
        labels, scores = run.pooled("labels"), run.pooled("scores")
        points, best = roc_points(labels, scores), operating_point(labels, scores)
        if points and best:
            area = binary_metrics(labels, scores)["auc"]
            curves.append(Curve(name, points["fpr"], points["tpr"], area, (1 - best["spec"], best["sens"])))
    if not curves:
        raise LeftOutError("no run has both normal and abnormal cells")
    return curves


@styled
def draw(curves: Sequence[Curve]) -> Figure:
    """Draw every curve on the left, and on the right the corner that all operating points are in."""
    figure = new_figure(WIDE, 3.6, layout="constrained")
    whole, corner = figure.subplots(1, 2)
    for number, curve in enumerate(curves):
        for axes in (whole, corner):
            _draw_curve(axes, curve, number)
    whole.plot([0, 1], [0, 1], color=DIAGONAL, linewidth=0.8)
    whole.set(xlim=(-0.01, 1), ylim=(0, 1.01), title="whole curve", ylabel="sensitivity")
    span = _corner_span(curves)
    corner.set(xlim=(-0.02 * span, span), ylim=(1 - span, 1 + 0.02 * span), title="top left corner")
    wanted = corner.axhline(SENSITIVITY, color=BLACK, linestyle=":", linewidth=1, label="99 % sensitivity")
    corner.legend(handles=[wanted])
    for axes in (whole, corner):
        axes.set_xlabel("1 − specificity")
    whole.legend(loc="lower right")
    return figure


def _draw_curve(axes: Axes, curve: Curve, number: int) -> None:
    style = curve_style(number)
    colour, label = style["color"], f"{clean(curve.name, 34)}: AUC {curve.area:.4f}"
    axes.plot(curve.false_rate, curve.true_rate, color=colour, linestyle=style["linestyle"], label=label)
    if curve.point:
        axes.plot(*curve.point, style["marker"], color=colour, markersize=7, markerfacecolor="white")


def _corner_span(curves: Sequence[Curve]) -> float:
    """Side of the corner: a quarter more than the farthest operating point is away, from a tenth to the whole."""
    low = min((min(curve.point[1], 1 - curve.point[0]) for curve in curves if curve.point), default=0.9)
    return min(1.0, max(0.1, 1.25 * (1 - low)))
