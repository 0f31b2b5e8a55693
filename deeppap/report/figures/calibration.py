"""Calibration: the share of abnormal cells against their score."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from deeppap.report.figures.plan import LeftOutError, Plan
from deeppap.report.figures.style import DIAGONAL, NARROW, clean, curve_style, new_figure, styled
from deeppap.report.notes import scored
from deeppap.scoring.results import RunResult
from deeppap.stats.calibration import calibration_curve

TITLE = "Calibration"
CAPTION = (
    "Share of cells that are abnormal against their mean score, in ten bins of equal width; on the "
    "grey line a score is a probability. Below: the cells in each bin."
)

# name, mean score, share abnormal, count: one entry a bin, empty bins left out
Curve = tuple[str, np.ndarray, np.ndarray, np.ndarray]


def plan(runs: Sequence[RunResult]) -> Plan:
    """One curve a run."""
    return Plan("calibration", TITLE, CAPTION, lambda: draw(_curves(runs)))


def _curves(runs: Sequence[RunResult]) -> list[Curve]:
    curves = []
    for name, run in scored(runs):
        bins = calibration_curve(run.pooled("labels"), run.pooled("scores"))
        curves.append((name, bins["score"], bins["abnormal"], bins["count"]))
    if not curves:
        raise LeftOutError("no fold is scored")
    return curves


@styled
def draw(curves: Sequence[Curve]) -> Figure:
    """Draw the share of abnormal cells against the mean score of each bin, and how many cells a bin has."""
    figure = new_figure(NARROW, 4.0, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], color=DIAGONAL, linewidth=0.8)
    for number, (name, mean, share, count) in enumerate(curves):
        style = curve_style(number)
        above.plot(mean, share, label=clean(name, 40), **style)
        below.plot(mean, count, **style)
    above.set(ylabel="share of abnormal cells", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    above.legend(loc="upper left")
    below.set(xlabel="mean abnormality score of the bin", ylabel="cells", yscale="log")
    below.yaxis.set_major_formatter("{x:g}")
    below.yaxis.set_minor_formatter("")
    return figure
