"""The confusion matrix of a seven-class net."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from data_prep.herlev_classes import CLASSES, abnormal_outputs
from deeppap.report.figures.plan import LeftOutError, Plan, plan_of_run
from deeppap.report.figures.style import BLUE, clean, new_figure, styled, two_lines
from deeppap.scoring.results import RunResult
from deeppap.stats.by_class import confusion
from deeppap.stats.classes import classes_of

TITLE = "Seven classes: confusion matrix"
CAPTION = "True classes down, the net's across; percentages are of the row. The dashed lines part normal from abnormal."


def plan(runs: Sequence[RunResult], number: int) -> Plan:
    """Of a run whose net has seven outputs."""
    return plan_of_run(runs, number, "confusion", TITLE, CAPTION, lambda: _draw_run(runs[number]))


def _draw_run(run: RunResult) -> Figure:
    if not run.folds:
        raise LeftOutError("no fold is scored")
    if not run.has_class7:
        raise LeftOutError("no scored cell has one of the seven classes")
    names = {shown.index: shown.name for shown in classes_of(run)}
    in_order = [names.get(index, f"class {index + 1}") for index in range(len(CLASSES))]
    return draw(confusion(run), in_order, normal=min(abnormal_outputs(len(CLASSES))))


@styled
def draw(matrix: np.ndarray, names: Sequence[str], normal: int) -> Figure:
    """Draw counts (K, K), true classes down, coloured by the share of the row.

    The line parts the first `normal` classes from the abnormal ones.
    """
    share = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)  # a class without a cell has no share
    figure = new_figure(5.6, 4.9, layout="constrained")
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(matrix):
        colour = "white" if share[row, column] > 0.55 else "black" if count else "#999999"
        percent = f"\n{share[row, column]:.0%}" if count else ""
        axes.text(column, row, f"{count}{percent}", ha="center", va="center", fontsize=7.5, color=colour)
    labels = [two_lines(clean(name, 40)) for name in names]
    axes.set_xticks(range(len(names)), labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), labels)
    axes.set(xlabel="class said by the net", ylabel="true class")
    axes.grid(visible=False)
    for line in (axes.axhline, axes.axvline):
        line(normal - 0.5, color=BLUE, linewidth=1.2, linestyle="--")
    return figure
