"""Figures made of scores: box plots (paper: Fig. 11), ROC, calibration, views, angles, confusion."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from reporting.plots.style import (
    ABNORMAL_BACKGROUND,
    BLACK,
    BLUE,
    COLOURS,
    LINES,
    MARKERS,
    NARROW,
    NORMAL_BACKGROUND,
    RED,
    WIDE,
    clean,
    new_figure,
    styled,
)

THRESHOLD = 0.5
SEED = 7  # of the sideways scatter of single cells


@styled
def scores_by_class(classes: Sequence[tuple[str, int, np.ndarray]], threshold: float = THRESHOLD) -> Figure:
    """Draw the abnormality scores of each class as box plots (paper: Fig. 11).

    `classes` holds (name, label, scores); the background is blue under normal classes, red under abnormal.
    """
    figure = new_figure(WIDE, 3.4, layout="constrained")
    axes = figure.subplots()
    jitter = np.random.default_rng(SEED)
    for place, (_, label, scores) in enumerate(classes):
        axes.axvspan(place - 0.5, place + 0.5, color=(NORMAL_BACKGROUND, ABNORMAL_BACKGROUND)[label], linewidth=0)
        wrong = (scores >= threshold) != bool(label)
        x = place + jitter.uniform(-0.22, 0.22, len(scores))
        axes.plot(x[~wrong], scores[~wrong], ".", color="#777777", markersize=2, alpha=0.6)
        axes.plot(x[wrong], scores[wrong], "x", color=BLACK, markersize=4)
    line = {"color": BLACK, "linewidth": 1.0}
    axes.boxplot(
        [scores for _, _, scores in classes],
        positions=range(len(classes)),
        widths=0.6,
        showfliers=False,
        medianprops={"color": RED, "linewidth": 1.6},
        boxprops=line,
        whiskerprops=line,
        capprops=line,
    )
    axes.axhline(threshold, color=BLACK, linestyle="--", linewidth=1)
    names = [f"{_wrap(clean(name, 40))}\n(n = {len(scores)})" for name, _, scores in classes]
    axes.set_xticks(range(len(classes)), names, fontsize=7.5)
    axes.set(xlim=(-0.5, len(classes) - 0.5), ylim=(-0.03, 1.03), ylabel="abnormality score")
    axes.grid(visible=False)
    return figure


def _wrap(name: str) -> str:
    """Break a long class name at the space nearest its middle, so that neighbours do not touch."""
    spaces = [index for index, letter in enumerate(name) if letter == " "]
    if len(name) < 12 or not spaces:
        return name
    at = min(spaces, key=lambda index: abs(index - len(name) / 2))
    return f"{name[:at]}\n{name[at + 1 :]}"


@styled
def roc(curves: Sequence[tuple[str, np.ndarray, np.ndarray, float, tuple[float, float] | None]]) -> Figure:
    """Draw ROC curves, whole and their top left corner.

    Parameters
    ----------
    curves : list of (name, false positive rate, true positive rate, AUC, operating point)
        The operating point is (false positive rate, true positive rate) at 99 % sensitivity, or None.
    """
    figure = new_figure(WIDE, 3.6, layout="constrained")
    whole, corner = figure.subplots(1, 2)
    for number, (name, false_rate, true_rate, area, point) in enumerate(curves):
        colour, line = COLOURS[number % len(COLOURS)], LINES[number % len(LINES)]
        for axes in (whole, corner):
            axes.plot(
                false_rate,
                true_rate,
                color=colour,
                linestyle=line,
                label=f"{clean(name, 34)}: AUC {area:.4f}",
            )
            if point:
                axes.plot(
                    *point,
                    MARKERS[number % len(MARKERS)],
                    color=colour,
                    markersize=7,
                    markerfacecolor="white",
                )
    whole.plot([0, 1], [0, 1], color="#AAAAAA", linewidth=0.8)
    whole.set(xlim=(-0.01, 1), ylim=(0, 1.01), title="whole curve", ylabel="sensitivity")
    low = min((min(point[1], 1 - point[0]) for *_, point in curves if point), default=0.9)
    span = min(1.0, max(0.1, 1.25 * (1 - low)))
    corner.set(xlim=(-0.02 * span, span), ylim=(1 - span, 1 + 0.02 * span), title="top left corner")
    corner.legend(handles=[corner.axhline(0.99, color=BLACK, linestyle=":", linewidth=1, label="99 % sensitivity")])
    for axes in (whole, corner):
        axes.set_xlabel("1 − specificity")
    whole.legend(loc="lower right")
    return figure


@styled
def calibration(curves: Sequence[tuple[str, np.ndarray, np.ndarray, np.ndarray]]) -> Figure:
    """Draw the share of abnormal cells against the mean score of each bin, and how many cells a bin has.

    `curves` holds (name, mean score, share abnormal, count), one entry a bin; empty bins left out.
    """
    figure = new_figure(NARROW, 4.0, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], color="#AAAAAA", linewidth=0.8)
    for number, (name, mean, share, count) in enumerate(curves):
        colour, line = COLOURS[number % len(COLOURS)], LINES[number % len(LINES)]
        marker = MARKERS[number % len(MARKERS)]
        above.plot(mean, share, color=colour, linestyle=line, marker=marker, label=clean(name, 40))
        below.plot(mean, count, color=colour, linestyle=line, marker=marker)
    above.set(ylabel="share of abnormal cells", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    above.legend(loc="upper left")
    below.set(xlabel="mean abnormality score of the bin", ylabel="cells", yscale="log")
    below.yaxis.set_major_formatter("{x:g}")
    below.yaxis.set_minor_formatter("")
    return figure


def _percent(value: float, _position: int | None = None) -> str:
    """An axis label; nothing above 100 %, where the axis leaves room for a marker."""
    return f"{round(100 * value, 3):g} %" if value <= 1.000001 else ""


@styled
def accuracy_by_views(curves: Sequence[tuple[str, Sequence[int], Sequence[float], float | None]]) -> Figure:
    """Draw accuracy against the number of views averaged.

    `curves` holds (name, views, accuracy, accuracy of one view's centre crop or None); fractions.
    """
    figure = new_figure(NARROW, 3.0, layout="constrained")
    axes = figure.subplots()
    for number, (name, counts, accuracies, single) in enumerate(curves):
        colour, line = COLOURS[number % len(COLOURS)], LINES[number % len(LINES)]
        marker = MARKERS[number % len(MARKERS)]
        axes.plot(counts, accuracies, color=colour, linestyle=line, marker=marker, label=clean(name, 40))
        if single is not None:
            axes.plot(1, single, marker, color=colour, markersize=7, markerfacecolor="white")
    ticks = sorted({count for _, counts, _, _ in curves for count in counts})
    axes.set_xscale("log")
    axes.set_xticks(ticks, [str(count) for count in ticks])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(_percent)
    axes.set(xlabel="views averaged for one cell", ylabel="accuracy")
    axes.legend(loc="lower right")
    return figure


@styled
def by_angle(curves: Sequence[tuple[str, Sequence[float], Sequence[float], Sequence[float]]]) -> Figure:
    """Draw sensitivity and specificity of single views against their angle of rotation.

    `curves` holds (name, angles in degrees, sensitivity, specificity); None where undefined.
    """
    figure = new_figure(WIDE, 2.7, layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for number, (name, angles, *rates) in enumerate(curves):
        colour, line = COLOURS[number % len(COLOURS)], LINES[number % len(LINES)]
        for axes, rate in zip(panels, rates, strict=True):
            values = np.array([np.nan if value is None else value for value in rate], float)
            marker = MARKERS[number % len(MARKERS)]
            axes.plot(angles, values, color=colour, linestyle=line, marker=marker, label=clean(name, 40))
    for axes, title in zip(panels, ("sensitivity", "specificity"), strict=True):
        axes.set(xlabel="rotation of the view (degrees)", title=title)
        axes.set_xticks(range(0, 361, 72))
        axes.yaxis.set_major_formatter(_percent)
    panels[0].set_ylim(top=1 + 0.04 * (1 - panels[0].get_ylim()[0]))
    panels[0].legend(loc="lower right")
    return figure


@styled
def confusion(matrix: np.ndarray, names: Sequence[str], normal: int = 3) -> Figure:
    """Draw a confusion matrix of counts (K, K), true classes down, coloured by the share of the row.

    The line parts the first `normal` classes from the abnormal ones.
    """
    matrix = np.asarray(matrix)
    share = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    figure = new_figure(5.6, 4.9, layout="constrained")
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(matrix):
        colour = "white" if share[row, column] > 0.55 else "black" if count else "#999999"
        percent = f"\n{share[row, column]:.0%}" if count else ""
        axes.text(column, row, f"{count}{percent}", ha="center", va="center", fontsize=7.5, color=colour)
    labels = [_wrap(clean(name, 40)) for name in names]
    axes.set_xticks(range(len(names)), labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), labels)
    axes.set(xlabel="class said by the net", ylabel="true class")
    axes.grid(visible=False)
    for draw in (axes.axhline, axes.axvline):
        draw(normal - 0.5, color=BLUE, linewidth=1.2, linestyle="--")
    return figure
