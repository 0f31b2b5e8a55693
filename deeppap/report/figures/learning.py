"""Fig. 5: the course of the fine-tuning, from Caffe's own log."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from deeppap.report.figures.plan import LeftOutError, Plan, plan_of_run
from deeppap.report.figures.style import BLUE, COLOURS, LINES, RED, WIDE, new_figure, styled
from deeppap.scoring.results import FoldResult, RunResult
from deeppap.stats.course import Course
from deeppap.training.caffe_log import parse

TITLE = "Fig. 5. Learning"
CAPTION = (
    "(a) Training and validation loss and (b) validation accuracy by epoch, from Caffe's own log; "
    "line styles are folds. The accuracy is that of single patches, not of cells. The ring is the "
    "snapshot that was scored."
)


def plan(runs: Sequence[RunResult], number: int) -> Plan:
    """One curve a fold."""
    return plan_of_run(runs, number, "fig5-learning", TITLE, CAPTION, lambda: draw(_courses(runs[number])))


def _courses(run: RunResult) -> list[Course]:
    courses = [course for fold in run.folds if (course := read_course(fold))]
    if not courses:
        raise LeftOutError("no fold has a train.log with a validation in it")
    return courses


def read_course(fold: FoldResult) -> Course | None:
    """One fold's course of training; None without a log that shows a validation after the start."""
    path = fold.folder / "train.log"
    if not path.exists():
        return None
    record = parse(path)
    after_start = [row[0] for row in record.test if row[0] > 0]
    if not after_start:
        return None
    # Caffe's log knows no epochs: the snapshot tells their length, or else the first validation, one epoch in
    per_epoch = fold.model.iteration / fold.model.epoch if fold.model and fold.model.epoch else after_start[0]
    return Course(fold.fold, record.train, record.test, per_epoch, fold.model and fold.model.epoch)


@styled
def draw(courses: Sequence[Course]) -> Figure:
    """Draw (a) training and validation loss and (b) validation accuracy against the epoch."""
    figure = new_figure(WIDE, 2.9, layout="constrained")
    losses, accuracies = figure.subplots(1, 2)
    many = len(courses) > 1
    for number, course in enumerate(courses):
        style = LINES[number % len(LINES)]
        epochs, loss = course.train_by_epoch()
        rows = course.validation()
        losses.plot(epochs, loss, color=BLUE, linestyle=style, label="training" if number == 0 else None)
        losses.plot(rows[:, 0], rows[:, 1], color=RED, linestyle=style, label="validation" if number == 0 else None)
        colour = COLOURS[number % len(COLOURS)] if many else RED
        accuracies.plot(rows[:, 0], rows[:, 2], color=colour, linestyle=style, label=f"fold {course.fold}")
        _ring_chosen(losses, accuracies, rows, course.chosen_epoch, colour)
    losses.set(xlabel="epoch", ylabel="loss", title="(a) training and validation loss")
    losses.set_ylim(bottom=0)
    accuracies.set(xlabel="epoch", ylabel="accuracy of single patches", title="(b) validation accuracy")
    for axes in (losses, accuracies):
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=_spans_epochs(courses)))
        axes.legend()
    return figure


def _spans_epochs(courses: Sequence[Course]) -> bool:
    """Whether a fold trained for three epochs or more; fewer need ticks between whole epochs."""
    return any(len(course.validation()) and course.validation()[-1, 0] >= 3 for course in courses)


def _ring_chosen(losses: Axes, accuracies: Axes, rows: np.ndarray, epoch: float | None, colour: str) -> None:
    """Ring the validation nearest to the snapshot that was scored."""
    if epoch is None or not len(rows):
        return
    nearest = rows[np.abs(rows[:, 0] - epoch).argmin()]
    ring = {"marker": "o", "markersize": 9, "markerfacecolor": "none", "markeredgewidth": 1.4}
    losses.plot(nearest[0], nearest[1], color=RED, **ring)
    accuracies.plot(nearest[0], nearest[2], color=colour, **ring)
