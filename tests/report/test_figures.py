"""Figures on synthetic runs: what they show of the scores, the net and the training (paper: Fig. 5-7, 11)."""

import warnings
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgba

from data_prep.classes import LABELS
from deeppap.report.figures import curves, net
from deeppap.report.figures.mosaic import Picture, Row, flow
from deeppap.report.figures.style import KIND_BACKGROUNDS, save
from deeppap.report.runs import named
from deeppap.scoring.results import load_run
from deeppap.stats.calibration import calibration_curve_intervals
from deeppap.stats.operating_point import operating_point
from tests.support.figures import RNG, cell_image, texts
from tests.support.synthetic_run import recipe, write_synthetic_run


@pytest.fixture
def result(tmp_path):
    return load_run(write_synthetic_run(tmp_path / "run", cells=42, folds=2, classes=7))


@pytest.fixture
def run(result):
    return named([result])[0]


def with_arrays(fold, **arrays):
    np.savez(fold.folder / net.FILE, **arrays)


def test_box_plot_marks_errors_backgrounds_and_threshold(run):
    axes = curves.scores_by_class.draw(run).axes[0]
    crosses = [y for line in axes.lines if line.get_marker() == "x" for y in line.get_ydata()]
    wrong = (run.scores >= 0.5) != run.labels
    assert sorted(crosses) == sorted(run.scores[wrong])
    grounds = [patch.get_facecolor() for patch in axes.patches]
    assert grounds == [to_rgba(KIND_BACKGROUNDS[LABELS.index(kind.label)]) for kind in run.classes]
    assert any(line.get_linestyle() == "--" and set(line.get_ydata()) == {0.5} for line in axes.lines)


def test_roc_marks_the_operating_point(run):
    point = operating_point(run.labels, run.scores)
    for axes in curves.roc.draw([run]).axes:
        marks = [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines if line.get_markersize() == 7]
        assert marks == [(pytest.approx(1 - point["spec"]), point["sens"])]


def test_views_and_angles_show_the_numbers_of_the_tables(run):
    line = curves.accuracy_against_views.draw([run]).axes[0].lines[0]
    assert line.get_xdata().tolist() == [row["views"] for row in run.by_count]
    assert line.get_ydata().tolist() == [row["acc"] for row in run.by_count]
    figure = curves.by_angle.draw([run])
    assert figure.axes[1].lines[0].get_ydata().tolist() == [row["spec"] for row in run.by_angle]
    labels = [float(word[:-2]) for word in texts(figure).split(" | ") if word.endswith(" %")]
    assert max(labels) <= 100


def test_a_curve_of_fewer_than_four_points_is_not_joined(run):
    run.by_count = run.by_count[:3]
    assert curves.accuracy_against_views.draw([run]).axes[0].lines[0].get_linestyle() == "None"
    assert curves.by_angle.draw([run]).axes[0].lines[0].get_linestyle() == "-"


def test_calibration_draws_the_interval_of_each_bin(run):
    axes = curves.calibration.draw([run]).axes[0]
    bars = [tuple(line.get_ydata()) for line in axes.lines if len(set(line.get_xdata())) == 1]
    wanted = calibration_curve_intervals(run.labels, run.scores, run.groups)
    assert bars == [limits for limits in wanted if isinstance(limits, tuple)]
    assert bars


def test_confusion_writes_counts_and_takes_an_empty_class(result):
    first = result.folds[0]
    few = first.kinds != 2
    arrays = {name: getattr(first, name)[few] for name in ("labels", "scores", "probs", "kinds")}
    folds = (replace(first, ids=tuple(np.array(first.ids)[few]), views=None, **arrays),)
    (run,) = named([replace(result, folds=folds)])
    said = texts(curves.confusion.draw(run))
    said_of_last = run.probs[run.kinds == 6].argmax(axis=1)
    for answer in set(said_of_last):
        assert f"{(said_of_last == answer).sum()}\n{(said_of_last == answer).mean():.0%}" in said


def test_learning_means_the_training_loss_over_each_epoch(result):
    course = net.read_course(result.folds[0])
    assert course.validation[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert course.train[:, 0].tolist() == [0.5, 1.5, 2.5, 3.5]
    assert (np.diff(course.train[:, 1]) < 0).all()
    losses, accuracies = net.learning.draw(named([result])[0]).axes
    rings = [line.get_xdata()[0] for axes in (losses, accuracies) for line in axes.lines if line.get_markersize() == 9]
    assert rings == [3.0] * 4  # the chosen epoch, in each panel of each fold


def test_a_training_interrupted_in_its_first_epoch_shows_the_validation_that_its_log_has(result):
    """The report said that train.log has no validation in it."""
    fold = result.folds[0]
    log = (fold.folder / "train.log").read_text().splitlines(keepends=True)
    end = next(number for number, line in enumerate(log) if "Iteration 20," in line)
    (fold.folder / "train.log").write_text("".join(log[:end]))
    (fold.folder / "model.json").unlink()
    recipe().write(fold.folder)
    (fold.folder / "solver.prototxt").write_text('net: "train_val.prototxt"\ntest_iter: 1\ntest_interval: 20\n')
    result = load_run(result.folder)
    course = net.read_course(result.folds[0])
    assert course.validation[:, 0].tolist() == [0.0]
    assert course.train[-1, 0] <= 0.5 + 1e-9
    net.learning.draw(named([replace(result, folds=result.folds[:1])])[0]).canvas.draw()
    (fold.folder / "solver.prototxt").unlink()
    assert net.read_course(result.folds[0]) is None  # nobody says how long an epoch is


def test_filters_before_and_after_share_a_scale(result, run):
    before = RNG.normal(0, 0.1, (96, 3, 11, 11))
    with_arrays(result.folds[0], conv1_before=before, conv1_after=before * 2)
    left, right, change = (axes.images[0].get_array() for axes in net.filters.draw(run).axes)
    assert (right.min(), right.max()) == (0, 1)
    assert left.min() > 0
    assert left.shape == change.shape == (8 * 12 - 1, 12 * 12 - 1, 3)
    # BGR is drawn as RGB: a filter that likes red (last channel) is red
    red = np.zeros((96, 3, 11, 11))
    red[:, 2] = 1
    with_arrays(result.folds[0], conv1_after=red)
    assert np.array_equal(net.filters.draw(run).axes[0].images[0].get_array()[0, 0], [1, 0, 0])


def test_flow_keeps_one_scale_and_stays_on_the_page():
    pictures = [Picture(cell_image(40, 60 + 10 * i), "x\ny") for i in range(9)]
    figure = flow([Row("heading", pictures)], 3.0, 0.01)
    figure.canvas.draw()
    boxes = [axes.get_position() for axes in figure.axes]
    width, height = figure.get_size_inches()
    for box, picture in zip(boxes, pictures, strict=True):
        assert box.width * width == pytest.approx(picture.image.shape[1] * 0.01)
        assert box.height * height == pytest.approx(picture.image.shape[0] * 0.01)
        assert min(box.x0, box.y0) >= 0
        assert max(box.x1, box.y1) <= 1
    for i, a in enumerate(boxes):
        assert not any(a.overlaps(b) for b in boxes[i + 1 :])


def test_saved_twice_are_the_same_bytes_and_settings_are_left_alone(run, tmp_path):
    settings = dict(mpl.rcParams)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        paths = [save(curves.calibration.draw([run]), tmp_path / str(i), "x") for i in range(2)]
    for first, second in zip(*paths, strict=True):
        assert first.read_bytes() == second.read_bytes()
    svg = paths[0][1].read_text()
    assert "<dc:date>" not in svg
    assert "<text" not in svg
    assert dict(mpl.rcParams) == settings
