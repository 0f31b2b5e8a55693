"""The course of the fine-tuning, from Caffe's own log (paper: Fig. 5)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reporting.plots.style import BLUE, COLOURS, LINES, RED, WIDE, new_figure, styled


@dataclass(frozen=True)
class Course:
    """One fold's training.

    Attributes
    ----------
    train : list of (iteration, loss, learning rate)
    test : list of (iteration, loss, accuracy), on the validation patches
    epoch_iterations : float
        Iterations of one epoch.
    chosen_epoch : float or None
        Epoch of the snapshot that was scored.
    """

    fold: int
    train: Sequence[tuple[int, float, float]]
    test: Sequence[tuple[int, float, float]]
    epoch_iterations: float
    chosen_epoch: float | None = None

    def train_by_epoch(self) -> tuple[np.ndarray, np.ndarray]:
        """Middle of each stretch of iterations (in epochs) and the mean training loss over it.

        A stretch is an epoch, or less where there are fewer than three epochs to show.
        """
        if not self.train:
            return np.empty(0), np.empty(0)
        rows = np.array([row[:2] for row in self.train], float)
        epochs = rows[:, 0] / self.epoch_iterations
        step = 1.0 if epochs[-1] >= 3 else max(epochs[-1] / 10, 1e-9)
        stretch = np.minimum(epochs // step, np.ceil(epochs[-1] / step) - 1).clip(0)
        used = np.unique(stretch)
        return (used + 0.5) * step, np.array([rows[stretch == s, 1].mean() for s in used])

    def validation(self) -> np.ndarray:
        """Rows (epoch, loss, accuracy)."""
        rows = np.array(self.test, float).reshape(-1, 3)
        return np.column_stack([rows[:, 0] / self.epoch_iterations, rows[:, 1:]])


@styled
def learning(courses: Sequence[Course]) -> Figure:
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
        _mark_chosen(losses, accuracies, rows, course.chosen_epoch, colour)
    losses.set(xlabel="epoch", ylabel="loss", title="(a) training and validation loss")
    losses.set_ylim(bottom=0)
    accuracies.set(xlabel="epoch", ylabel="accuracy of single patches", title="(b) validation accuracy")
    for axes in (losses, accuracies):
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=_long(courses)))
        axes.legend()
    return figure


def _long(courses: Sequence[Course]) -> bool:
    return any(len(course.validation()) and course.validation()[-1, 0] >= 3 for course in courses)


def _mark_chosen(losses, accuracies, rows: np.ndarray, epoch: float | None, colour: str) -> None:
    """Ring the validation nearest to the snapshot that was scored."""
    if epoch is None or not len(rows):
        return
    nearest = rows[np.abs(rows[:, 0] - epoch).argmin()]
    ring = {"marker": "o", "markersize": 9, "markerfacecolor": "none", "markeredgewidth": 1.4}
    losses.plot(nearest[0], nearest[1], color=RED, **ring)
    accuracies.plot(nearest[0], nearest[2], color=colour, **ring)
