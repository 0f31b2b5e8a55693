"""Fig. 11: the abnormality scores of every class as box plots."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deeppap.report.figures.plan import LeftOutError, Plan, plan_of_run
from deeppap.report.figures.style import BLACK, KIND_BACKGROUNDS, RED, WIDE, clean, new_figure, styled, two_lines
from deeppap.scoring.results import RunResult
from deeppap.stats.classes import class_field, classes_of
from deeppap.stats.metrics import THRESHOLD, right

TITLE = "Fig. 11. Scores by class"
CAPTION = (
    "Abnormality scores of all scored cells by class: box from quartile to quartile, line at the median, "
    "whiskers to 1.5 times the box. Blue ground: normal, red: abnormal; the dashed line is the threshold "
    "0.5 and crosses are misclassified cells. Scored: "
)
SEED = 7  # of the sideways scatter of single cells

ClassScores = tuple[str, int, np.ndarray]  # name, label, scores


def plan(runs: Sequence[RunResult], number: int) -> Plan:
    """One box a class that has scored cells."""
    run = runs[number]
    caption = f"{CAPTION}{run.fold_text()}."
    return plan_of_run(runs, number, "fig11-scores", TITLE, caption, lambda: draw(_classes(run)))


def _classes(run: RunResult) -> list[ClassScores]:
    if not run.folds:
        raise LeftOutError("no fold is scored")
    index_of, scores = run.pooled(class_field(run)), run.pooled("scores")
    classes = [(name, label, scores[index_of == index]) for index, name, label in classes_of(run)]
    return [item for item in classes if len(item[2])]


@styled
def draw(classes: Sequence[ClassScores]) -> Figure:
    """Draw the scores of each class; the background is blue under normal classes, red under abnormal."""
    figure = new_figure(WIDE, 3.4, layout="constrained")
    axes = figure.subplots()
    jitter = np.random.default_rng(SEED)
    for place, (_, label, scores) in enumerate(classes):
        axes.axvspan(place - 0.5, place + 0.5, color=KIND_BACKGROUNDS[label], linewidth=0)
        is_right = right(label, scores)
        x = place + jitter.uniform(-0.22, 0.22, len(scores))
        axes.plot(x[is_right], scores[is_right], ".", color="#777777", markersize=2, alpha=0.6)
        axes.plot(x[~is_right], scores[~is_right], "x", color=BLACK, markersize=4)
    _boxes(axes, [scores for _, _, scores in classes])
    axes.axhline(THRESHOLD, color=BLACK, linestyle="--", linewidth=1)
    names = [f"{two_lines(clean(name, 40))}\n(n = {len(scores)})" for name, _, scores in classes]
    axes.set_xticks(range(len(classes)), names, fontsize=7.5)
    axes.set(xlim=(-0.5, len(classes) - 0.5), ylim=(-0.03, 1.03), ylabel="abnormality score")
    axes.grid(visible=False)
    return figure


def _boxes(axes: Axes, scores: Sequence[np.ndarray]) -> None:
    line = {"color": BLACK, "linewidth": 1.0}
    axes.boxplot(
        scores,
        positions=range(len(scores)),
        widths=0.6,
        showfliers=False,  # every cell is drawn already
        medianprops={"color": RED, "linewidth": 1.6},
        boxprops=line,
        whiskerprops=line,
        capprops=line,
    )
