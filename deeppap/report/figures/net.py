"""Figures of the net itself: its learning (Fig. 5), its first filters (Fig. 6), its activations (Fig. 7)."""

import re
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from deeppap.io.files import read_arrays
from deeppap.report.figures import style
from deeppap.report.figures.mosaic import grid
from deeppap.report.runs import Run
from deeppap.scoring.net_figures import FILE, LAYERS
from deeppap.scoring.results import FoldResult

COLUMNS = 12  # filters side by side
READ_AS = ("plain arrays", "Remove it; the report does without.")  # of a file: what was expected, and what to do
TEST_INTERVAL = re.compile(r"^\s*test_interval\s*:\s*([1-9]\d{0,8})\b", re.MULTILINE)


class Course(NamedTuple):
    """The course of one fold's training by epoch."""

    fold: int
    train: np.ndarray  # float64 (n, 2): middle of a stretch of iterations, and the mean training loss over it
    validation: np.ndarray  # float64 (m, 3): epoch, loss, accuracy on the validation patches
    chosen: float | None  # of the snapshot that was scored; None if none was, as of a mean with the source


@style.plot("fig5-learning", "Learning (paper: Fig. 5)")
def learning(run: Run) -> Figure:
    """(a) Training and validation loss and (b) validation accuracy by epoch, from Caffe's own log; one line style for
    each fold. The accuracy is that of single patches, not of cells. The ring is the snapshot that was scored. A net
    that kept weights of its source has no ring.
    """
    courses = [course for fold in run.folds if (course := read_course(fold))]
    if not courses:
        raise style.LeftOutError("no scored fold has a train.log with a validation and a known length of its epochs")
    figure = style.new_figure(style.WIDE, 2.9, layout="constrained")
    losses, accuracies = figure.subplots(1, 2)
    for number, course in enumerate(courses):
        line = {"linestyle": style.LINES[number % len(style.LINES)]}
        # a validation or two are points: a line between them would look like a course
        points = {"linestyle": "none", "marker": style.MARKERS[number % len(style.MARKERS)]}
        look = points if len(course.validation) < style.FEW_POINTS else line
        colour = style.COLOURS[number % len(style.COLOURS)] if len(courses) > 1 else style.RED
        epochs, loss, accuracy = course.validation.T
        names = ("training", "validation") if number == 0 else (None, None)
        few = len(course.train) < style.FEW_POINTS
        losses.plot(*course.train.T, color=style.BLUE, label=names[0], **(points if few else line))
        losses.plot(epochs, loss, color=style.RED, label=names[1], **look)
        accuracies.plot(epochs, accuracy, color=colour, label=f"fold {course.fold}", **look)
        if course.chosen is not None:
            nearest = np.abs(epochs - course.chosen).argmin()
            ring = {"marker": "o", "markersize": 9, "markerfacecolor": "none", "markeredgewidth": 1.4}
            losses.plot(epochs[nearest], loss[nearest], color=style.RED, **ring)
            accuracies.plot(epochs[nearest], accuracy[nearest], color=colour, **ring)
    losses.set(xlabel="epoch", ylabel="loss", title="(a) training and validation loss")
    losses.set_ylim(bottom=0)
    accuracies.set(xlabel="epoch", ylabel="accuracy of single patches", title="(b) validation accuracy")
    long = any(course.validation[-1, 0] >= 3 for course in courses)  # less needs ticks between whole epochs
    for axes in (losses, accuracies):
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=long))
        axes.legend()
    return figure


def read_course(fold: FoldResult) -> Course | None:
    """One fold's course of training; None without a log that shows a validation."""
    record = fold.log
    if record is None or not record.test:
        return None
    length = _epoch_iterations(fold, [row[0] for row in record.test])
    if length is None:
        return None
    train = np.array([row[:2] for row in record.train], float).reshape(-1, 2)
    train[:, 0] /= length
    # Caffe logs iterations; the paper's Fig. 5 counts epochs
    test = np.array(record.test, float)
    test[:, 0] /= length
    chosen = fold.model.epoch if fold.model and not (fold.blend and fold.blend.share < 1) else None
    return Course(fold.fold, _smoothed(train), test, chosen)


def _epoch_iterations(fold: FoldResult, tests: list[int]) -> float | None:
    """Iterations of an epoch, of which Caffe's log knows nothing."""
    if fold.model and fold.model.iteration and fold.model.epoch:
        return fold.model.iteration / fold.model.epoch
    later = [iteration for iteration in tests if iteration > 0]
    if later:  # the first validation after the start is one epoch in
        return later[0]
    # a training that was interrupted in its first epoch: the solver was told when to validate
    solver = fold.folder / "solver.prototxt"
    told = TEST_INTERVAL.search(solver.read_text(encoding="utf-8", errors="replace")) if solver.exists() else None
    return int(told[1]) if told else None


def _smoothed(train: np.ndarray) -> np.ndarray:
    """Rows (epoch, loss) averaged over whole epochs, or over less where there are fewer than three."""
    if not len(train):
        return train
    epochs, last = train[:, 0], train[-1, 0]
    # the loss of single batches jumps too much to be read
    step = 1.0 if last >= 3 else max(last / 10, 1e-9)
    # the last iteration closes its stretch and does not begin another
    stretch_of = np.minimum(epochs // step, np.ceil(last / step) - 1).clip(0)
    used = np.unique(stretch_of)
    return np.column_stack([(used + 0.5) * step, [train[stretch_of == one, 1].mean() for one in used]])


@style.plot("fig6-filters", "Filters of the first layer (paper: Fig. 6)", true_colours=True)
def filters(run: Run) -> Figure:
    """The 96 filters of conv1 (11 × 11 × 3), from the first scored fold; change: the difference between the two, on a
    scale of its own.
    """
    arrays = read_net_arrays(run)
    before, after = arrays.get("conv1_before"), arrays["conv1_after"]
    if before is None:
        figure = style.new_figure(style.WIDE / 2, style.WIDE / 3, layout="constrained")
        _panel(figure.subplots(), grid(style.stretch(_rgb_tiles(after)), COLUMNS), "after training")
        return figure
    # one scale for both, or a change of strength could not be seen
    low, high = float(min(before.min(), after.min())), float(max(before.max(), after.max()))
    change = _rgb_tiles(after.astype(float) - before)
    peak = float(np.abs(change).max())
    share = float(np.linalg.norm(change) / max(np.linalg.norm(before), 1e-12))
    figure = style.new_figure(style.WIDE, style.WIDE / 4.5 + 0.35, layout="constrained")
    axes = figure.subplots(1, 3)
    _panel(axes[0], grid(style.stretch(_rgb_tiles(before), low, high), COLUMNS), "before fine-tuning")
    _panel(axes[1], grid(style.stretch(_rgb_tiles(after), low, high), COLUMNS), "after fine-tuning")
    _panel(axes[2], grid(style.stretch(change, -peak, peak), COLUMNS), f"change, {share:.2%} of the norm")
    return figure


def _rgb_tiles(weights: np.ndarray) -> np.ndarray:
    """BGR filters (N, 3, h, w) as RGB tiles (N, h, w, 3)."""
    return weights[:, ::-1].transpose(0, 2, 3, 1)


@style.plot("fig7-activations", "Activations (paper: Fig. 7)", true_colours=True)
def activations(run: Run) -> Figure:
    """Feature maps of pool1, pool2 and pool5 for one crop of a cell. Brightness is the square root of the activation;
    each layer has its own scale.
    """
    arrays = read_net_arrays(run)
    figure = style.new_figure(style.WIDE, style.WIDE * 0.31, layout="constrained")
    first, *others = figure.subplots(1, 1 + len(LAYERS))
    blob = arrays["input"]
    # a BGR blob, mean subtracted, as an RGB picture
    picture = style.stretch(blob[::-1].transpose(1, 2, 0).astype(float))
    _panel(first, picture, f"{style.clean(arrays['cell_id'], 26)}\n{_size(blob)}")
    for axes, name in zip(others, LAYERS, strict=True):
        maps = arrays[name]
        columns = int(np.ceil(np.sqrt(len(maps))))
        # the root keeps weak maps visible beside the strongest
        picture = grid(np.sqrt(style.stretch(maps, 0)), columns, fill=np.nan)
        _panel(axes, picture, f"{name}\n{_size(maps)}", cmap="viridis")
    return figure


def _size(maps: np.ndarray) -> str:
    return f"{maps.shape[0]} @ {maps.shape[1]} × {maps.shape[2]}"


def read_net_arrays(run: Run) -> dict[str, np.ndarray]:
    """The arrays of the first fold with the file; LeftOutError if no fold has it."""
    for fold in run.folds:
        if (fold.folder / FILE).exists():
            return read_arrays(fold.folder / FILE, *READ_AS)
    raise style.LeftOutError(f"no fold has {FILE}")


def _panel(axes: Axes, picture: np.ndarray, title: str, **options) -> None:
    """Show an array pixel for pixel, without axes."""
    axes.imshow(picture, interpolation="nearest", **options)
    axes.set_title(title)
    axes.axis("off")
