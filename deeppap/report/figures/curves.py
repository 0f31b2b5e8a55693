"""Figures of scores: ROC, calibration, views and angles of several runs; classes and confusion of one."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from data_prep.classes import LABELS
from deeppap.report.figures import style
from deeppap.report.runs import Run
from deeppap.report.tables.comparison import ADAPTED, BEFORE, Adapting, Net
from deeppap.stats.by_class import confusion as confusion_matrix
from deeppap.stats.calibration import calibration_curve, calibration_curve_intervals
from deeppap.stats.metrics import THRESHOLD, binary_metrics, right
from deeppap.stats.operating_point import SENSITIVITY, operating_point, roc_points

SEED = 7  # of the sideways scatter of single cells
PANELS = {"sens": "sensitivity", "spec": "specificity", "auc": "AUC"}


@style.plot("roc", "ROC curve")
def roc(runs: Sequence[Run]) -> Figure:
    """Sensitivity against 1 − specificity over all thresholds, all scored cells pooled. The open marker is the highest
    threshold that still finds 99 % of the abnormal cells.
    """
    figure = style.new_figure(style.WIDE, 3.6, layout="constrained")
    whole, corner = figure.subplots(1, 2)
    span = 0.1
    judged = [run for run in runs if run.folds and 0 < run.labels.sum() < len(run.labels)]
    for number, run in enumerate(_some(judged, "no run has both normal and abnormal cells")):
        points, best = roc_points(run.labels, run.scores), operating_point(run.labels, run.scores)
        look, false_rate = style.curve_style(number), 1 - best["spec"]
        # a quarter more than the farthest operating point is away
        span = max(span, min(1.0, 1.25 * (1 - min(best["sens"], best["spec"]))))
        area = binary_metrics(run.labels, run.scores)["auc"]
        line = {"color": look["color"], "linestyle": look["linestyle"]}
        for axes in (whole, corner):
            axes.plot(points["fpr"], points["tpr"], label=f"{style.clean(run.label, 34)}: AUC {area:.4f}", **line)
            marker = {"color": look["color"], "markersize": 7, "markerfacecolor": "white"}
            axes.plot(false_rate, best["sens"], look["marker"], **marker)
            axes.set_xlabel("1 − specificity")
    whole.plot([0, 1], [0, 1], color=style.DIAGONAL, linewidth=0.8)
    whole.set(xlim=(-0.01, 1), ylim=(0, 1.01), title="whole curve", ylabel="sensitivity")
    corner.set(xlim=(-0.02 * span, span), ylim=(1 - span, 1 + 0.02 * span), title="top left corner")
    wanted = corner.axhline(SENSITIVITY, color=style.BLACK, linestyle=":", linewidth=1, label="99 % sensitivity")
    corner.legend(handles=[wanted])
    whole.legend(loc="lower right")
    return figure


def _some(runs: list[Run], why: str) -> list[Run]:
    if not runs:
        raise style.LeftOutError(why)
    return runs


def _scored(runs: Sequence[Run]) -> list[Run]:
    return _some([run for run in runs if run.folds], "no fold is scored")


def _with_views(runs: Sequence[Run]) -> list[Run]:
    return _some([run for run in runs if run.view_folds], "no run has view_scores.csv")


@style.plot("calibration", "Calibration")
def calibration(runs: Sequence[Run]) -> Figure:
    """Share of abnormal cells against the mean score, in ten bins of equal width. On the grey line a score is a
    probability. Bars: 95 % intervals; a bin of too few groups has none. Below: the cells in each bin.
    """
    figure = style.new_figure(style.NARROW, 4.4, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], color=style.DIAGONAL, linewidth=0.8)
    most = 1
    for number, run in enumerate(_scored(runs)):
        bins = calibration_curve(run.labels, run.scores)
        look = style.point_style(number, len(bins["score"]))
        above.plot(bins["score"], bins["abnormal"], label=style.clean(run.label, 40), **look)
        intervals = calibration_curve_intervals(run.labels, run.scores, run.groups)
        for x, limits in zip(bins["score"], intervals, strict=True):
            if isinstance(limits, tuple):
                above.plot((x, x), limits, color=look["color"], linewidth=1)
        below.plot(bins["score"], bins["count"], **look)
        most = max(most, int(bins["count"].max()))
    ticks = np.linspace(0, 1, 11)
    above.set(xticks=ticks, yticks=ticks)
    above.set(ylabel="share of abnormal cells", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    above.legend(loc="upper left")
    below.set(xlabel="mean abnormality score of the bin", ylabel="cells", yscale="log")
    # whole decades, so that a small set has ticks too
    decades = 10 ** np.arange(np.ceil(np.log10(most)) + 1).astype(int)
    below.set(yticks=decades, ylim=(0.7, 1.4 * decades[-1]))
    below.yaxis.set_major_formatter("{x:g}")
    below.yaxis.set_minor_formatter("")
    return figure


@style.plot("views", "Accuracy against the number of views")
def accuracy_against_views(runs: Sequence[Run]) -> Figure:
    """Accuracy when only so many views of a cell are averaged (mean over random choices of them). The open marker is
    one view's centre crop alone.
    """
    figure = style.new_figure(style.NARROW, 3.0, layout="constrained")
    axes = figure.subplots()
    ticks = set()
    for number, run in enumerate(_with_views(runs)):
        counts = [row["views"] for row in run.by_count]
        look = style.point_style(number, len(counts))
        axes.plot(counts, [row["acc"] for row in run.by_count], label=style.clean(run.label, 40), **look)
        marker = {"color": look["color"], "markersize": 7, "markerfacecolor": "white"}
        axes.plot(1, run.centre_crop["one_view"], look["marker"], **marker)
        ticks |= set(counts)
    style.log_ticks(axes, sorted(ticks))
    axes.yaxis.set_major_formatter(style.percent_tick)
    axes.set(xlabel="views averaged for one cell", ylabel="accuracy")
    axes.legend(loc="lower right")
    return figure


@style.plot("angles", "Sensitivity and specificity by rotation angle")
def by_angle(runs: Sequence[Run]) -> Figure:
    """Only the views of one angle averaged. A net that had learned the angle of rotation and not the cell would show it
    here as peaks and dips.
    """
    figure = style.new_figure(style.WIDE, 2.7, layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for number, run in enumerate(_with_views(runs)):
        angles = [row["angle"] for row in run.by_angle]
        for axes, metric in zip(panels, ("sens", "spec"), strict=True):
            # matplotlib leaves a gap at NaN: an angle without normal cells has no specificity
            values = [np.nan if row[metric] is None else row[metric] for row in run.by_angle]
            axes.plot(angles, values, label=style.clean(run.label, 40), **style.point_style(number, len(angles)))
    for axes, title in zip(panels, ("sensitivity", "specificity"), strict=True):
        axes.set(xlabel="rotation of the view (degrees)", title=title)
        axes.set_xticks(range(0, 361, 72))
        axes.yaxis.set_major_formatter(style.percent_tick)
    # room above 100 % for the markers of perfect rates
    panels[0].set_ylim(top=1 + 0.04 * (1 - panels[0].get_ylim()[0]))
    panels[0].legend(loc="lower right")
    return figure


@style.plot("fig11-scores", "Scores by class (paper: Fig. 11)")
def scores_by_class(run: Run) -> Figure:
    """Abnormality scores of all scored cells by class: box from quartile to quartile, line at the median, whiskers to
    1.5 times the box. Blue background: normal, orange: abnormal, grey: neither; dashed line: the threshold 0.5;
    crosses: misclassified cells.
    """
    _scored([run])
    every = run.every
    classes = [(one.name, LABELS.index(one.label), every.scores[every.kinds == k]) for k, one in enumerate(run.classes)]
    classes = [item for item in classes if len(item[2])]
    figure = style.new_figure(style.WIDE, 3.4, layout="constrained")
    axes = figure.subplots()
    jitter = np.random.default_rng(SEED)
    for place, (_, label, scores) in enumerate(classes):
        axes.axvspan(place - 0.5, place + 0.5, color=style.KIND_BACKGROUNDS[label], linewidth=0)
        is_right = right(label, scores)
        x = place + jitter.uniform(-0.22, 0.22, len(scores))
        axes.plot(x[is_right], scores[is_right], ".", color="#777777", markersize=2, alpha=0.6)
        axes.plot(x[~is_right], scores[~is_right], "x", color=style.BLACK, markersize=4)
    line = {"color": style.BLACK, "linewidth": 1.0}
    axes.boxplot(
        [scores for _, _, scores in classes],
        positions=range(len(classes)),
        widths=0.6,
        showfliers=False,  # every cell is drawn already
        medianprops={"color": style.RED, "linewidth": 1.6},
        boxprops=line,
        whiskerprops=line,
        capprops=line,
    )
    axes.axhline(THRESHOLD, color=style.BLACK, linestyle="--", linewidth=1)
    names = [f"{style.two_lines(style.clean(name, 40))}\n(n = {len(scores)})" for name, _, scores in classes]
    axes.set_xticks(range(len(classes)), names, fontsize=7.5)
    axes.set(xlim=(-0.5, len(classes) - 0.5), ylim=(-0.03, 1.03), ylabel="abnormality score")
    axes.grid(visible=False)
    return figure


@style.plot("confusion", "Confusion matrix of the classes")
def confusion(run: Run) -> Figure:
    """True classes down, the net's across; percentages are of the row. Dashed lines part normal, abnormal, neither."""
    _scored([run])
    matrix = confusion_matrix(run.every.probs, run.every.kinds)
    share = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)  # a class without a cell has no share
    figure = style.new_figure(5.6, 4.9, layout="constrained")
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(matrix):
        colour = "black" if count else "#999999"
        # dark blue needs white letters
        if share[row, column] > 0.55:
            colour = "white"
        percent = f"\n{share[row, column]:.0%}" if count else ""
        axes.text(column, row, f"{count}{percent}", ha="center", va="center", fontsize=7.5, color=colour)
    labels = [style.two_lines(style.clean(one.name, 40)) for one in run.classes]
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="class said by the net", ylabel="true class")
    axes.grid(visible=False)
    sides = [one.label for one in run.classes]
    for place in (index for index in range(1, len(sides)) if sides[index] != sides[index - 1]):
        for line in (axes.axhline, axes.axvline):
            line(place - 0.5, color=style.BLUE, linewidth=1.2, linestyle="--")
    return figure


@style.plot("adapting", "Before and after adapting")
def adapting(found: Adapting) -> Figure:
    """Sensitivity and specificity at 0.5, and AUC, of each net on the same held-out cells. Bars: 95 % intervals over
    whole groups. The adapted net comes last.
    """
    nets = found.nets
    figure = style.new_figure(style.WIDE, 0.9 + 0.45 * len(nets), layout="constrained")
    panels = figure.subplots(1, len(PANELS), sharey=True)
    for axes, (metric, name) in zip(panels, PANELS.items(), strict=True):
        for number, net in enumerate(nets):
            _net(axes, net, metric, number)
        axes.set(title=name, ylim=(len(nets) - 0.5, -0.5), xlim=(-0.02, 1.02))
    labels = [net.kind if net.kind in (BEFORE, ADAPTED) else style.clean(net.label, 30) for net in nets]
    panels[0].set_yticks(range(len(nets)), labels)
    return figure


def _net(axes: Axes, net: Net, metric: str, number: int) -> None:
    value, limits, look = net.values[metric], net.limits[metric], style.curve_style(number)
    if value is None:
        return
    if isinstance(limits, tuple):
        axes.plot(limits, (number, number), color=look["color"], linewidth=2, alpha=0.6)
    axes.plot(value, number, look["marker"], color=look["color"], markersize=6)
    axes.annotate(f"{value:.3f}", (value, number), (0, 6), textcoords="offset points", ha="center", fontsize=7)
