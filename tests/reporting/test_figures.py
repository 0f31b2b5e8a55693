"""Figures on plain arrays: what is drawn, and that the same input gives the same bytes."""

import warnings

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgba

from reporting.plots import cells as figures_cells
from reporting.plots import net as figures_net
from reporting.plots import scores as figures_scores
from reporting.plots.learning import Course, learning
from reporting.plots.mosaic import Picture, Row, flow, grid
from reporting.plots.style import ABNORMAL_BACKGROUND, NORMAL_BACKGROUND, YELLOW, clean, new_figure, save, stretch

RNG = np.random.default_rng(3)


def cell_image(height=90, width=120):
    return RNG.integers(0, 255, (height, width, 3)).astype(np.uint8)


def texts(figure):
    """All text of a figure, titles and labels too."""
    figure.canvas.draw()
    return " | ".join(item.get_text() for item in figure.findobj(mpl.text.Text) if item.get_visible())


def dots(axes):
    return np.concatenate([c.get_offsets() for c in axes.collections if (c.get_facecolor() == to_rgba(YELLOW)).all()])


def test_grid_places_every_tile_and_fills_the_rest():
    tiles = np.arange(5, dtype=float).reshape(5, 1, 1) * np.ones((5, 2, 3))
    picture = grid(tiles, 3, gap=1, fill=-1)
    assert picture.shape == (5, 11)
    assert [picture[r, c] for r, c in ((0, 0), (0, 4), (0, 8), (3, 0), (3, 4))] == [0, 1, 2, 3, 4]
    assert (picture[2] == -1).all() and (picture[3:, 8:] == -1).all()


def test_flow_keeps_one_scale_and_stays_on_the_page():
    pictures = [Picture(cell_image(40, 60 + 10 * i), "x\ny") for i in range(9)]
    figure = flow([Row("heading", pictures)], 3.0, 0.01)
    figure.canvas.draw()
    boxes = [axes.get_position() for axes in figure.axes]
    width, height = figure.get_size_inches()
    for box, picture in zip(boxes, pictures, strict=True):
        assert box.width * width == pytest.approx(picture.image.shape[1] * 0.01)
        assert box.height * height == pytest.approx(picture.image.shape[0] * 0.01)
        assert box.x0 >= 0 and box.x1 <= 1 and box.y0 >= 0 and box.y1 <= 1
    for i, a in enumerate(boxes):
        assert not any(a.overlaps(b) for b in boxes[i + 1 :])


def views_of_cell(title="cell"):
    patches = np.stack([cell_image(128, 128) for _ in range(10)])
    shifted = [(50.0 + i, 40.0 - i) for i in range(10)]
    return figures_cells.ViewsOfCell(title, cell_image(), (50.0, 40.0), shifted, patches, patches)


def test_views_dot_the_shifted_centres_and_the_middle_of_each_patch():
    cell = views_of_cell()
    whole, _, shifted = figures_cells.views([cell]).axes
    assert np.array_equal(dots(whole), cell.shifted)
    assert len(dots(shifted)) == 10
    assert np.array_equal(dots(shifted)[:2], [[63.5, 63.5], [63.5 + 128 + 6, 63.5]])


def test_file_names_cannot_break_a_figure():
    """A name with a dollar sign is not a formula, and a control character is spelt out."""
    figure = figures_cells.views([views_of_cell("a$x^$_\x1b[2J")])
    assert "a$x^$_\\x1b[2J" in texts(figure)
    assert len(clean("x" * 500)) == 60


def test_examples_draw_what_fits_on_a_line_and_at_least_one():
    big, small = [cell_image(30, 900)] * 5, [cell_image(30, 100)] * 5
    figure = figures_cells.examples([("big", 0, big), ("small", 1, small), ("huge", 1, [cell_image(20, 2000)])])
    assert len(figure.axes) == 1 + 5 + 1
    assert "big (normal)" in texts(figure) and "20 µm" not in texts(figure)
    assert "20 µm" in texts(figures_cells.examples([("small", 0, small)], 0.201))


def test_misclassified_says_how_many_there_are():
    missed = [figures_cells.Missed(cell_image(), f"c{i}", "columnar", 0.9, 0) for i in range(2)]
    said = texts(figures_cells.misclassified(missed, (0, 7)))
    assert "abnormal called normal: 0" in said
    assert "normal called abnormal: 7, the 2 furthest from the threshold shown" in said
    assert "score 0.90" in said and "c1" in said


def test_scored_patches_show_scores_and_ids():
    figure = figures_cells.scored_patches([("light", [(cell_image(), "a-1", 0.994)]), ("severe", [])])
    assert all(part in texts(figure) for part in ("light", "score 0.99", "a-1"))


def test_learning_means_the_training_loss_over_each_epoch():
    course = Course(2, [(i, float(i // 10), 0.01) for i in range(40)], [(0, 2, 0.5), (40, 1, 0.9)], 10, 4)
    epochs, loss = course.train_by_epoch()
    assert np.allclose(epochs, [0.5, 1.5, 2.5, 3.5]) and np.allclose(loss, [0, 1, 2, 3])
    assert np.array_equal(course.validation(), [[0, 2, 0.5], [4, 1, 0.9]])
    losses, accuracies = learning([course]).axes
    ring = [line for line in losses.lines if line.get_markersize() == 9]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in ring] == [(4, 1)]
    assert len(accuracies.get_legend().get_texts()) == 1


@pytest.mark.parametrize("train", [[], [(0, 0.7, 0.01)], [(0, 0.7, 0.01), (5, float("nan"), 0.01)]])
def test_learning_takes_short_logs(train):
    learning([Course(0, train, [(0, 0.7, 0.5)], 100)]).canvas.draw()


def test_filters_before_and_after_share_a_scale():
    before = RNG.normal(0, 0.1, (96, 3, 11, 11))
    after = before * 2
    left, right, change = (axes.images[0].get_array() for axes in figures_net.filters(before, after).axes)
    assert right.min() == 0 and right.max() == 1 and left.min() > 0
    assert left.shape == (8 * 12 - 1, 12 * 12 - 1, 3)
    # BGR is drawn as RGB: a filter that likes red (last channel) is red
    red = np.zeros((96, 3, 11, 11))
    red[:, 2] = 1
    assert np.array_equal(figures_net.filters(None, red).axes[0].images[0].get_array()[0, 0], [1, 0, 0])
    assert change.shape == left.shape


def test_activations_draw_each_layer():
    layers = {"pool1": RNG.random((96, 27, 27)), "pool5": np.zeros((256, 6, 6))}
    said = texts(figures_net.activations(RNG.normal(size=(3, 227, 227)), layers, "a-1"))
    assert "a-1" in said and "96 @ 27 × 27" in said and "256 @ 6 × 6" in said


def test_box_plot_marks_errors_backgrounds_and_threshold():
    classes = [("superficial", 0, np.array([0.1, 0.2, 0.7])), ("severe dysplasia", 1, np.array([0.5, 0.9]))]
    axes = figures_scores.scores_by_class(classes).axes[0]
    crosses = [y for line in axes.lines if line.get_marker() == "x" for y in line.get_ydata()]
    assert crosses == [0.7]  # 0.5 is at the threshold, so abnormal, so right
    grounds = [patch.get_facecolor() for patch in axes.patches]
    assert grounds == [to_rgba(NORMAL_BACKGROUND), to_rgba(ABNORMAL_BACKGROUND)]
    assert any(line.get_linestyle() == "--" and set(line.get_ydata()) == {0.5} for line in axes.lines)


def test_roc_marks_the_operating_point():
    curve = ("run", np.array([0, 0.1, 1]), np.array([0, 1, 1]), 0.95, (0.1, 1.0))
    whole, corner = figures_scores.roc([curve]).axes
    for axes in (whole, corner):
        assert any(list(line.get_xdata()) == [0.1] and list(line.get_ydata()) == [1.0] for line in axes.lines)
    assert "AUC 0.9500" in whole.get_legend().get_texts()[0].get_text()


def test_by_angle_takes_undefined_rates():
    figures_scores.by_angle([("run", [0.0, 36.0], [0.9, 1.0], [None, None])]).canvas.draw()


def test_no_axis_says_more_than_100_percent():
    figure = figures_scores.by_angle([("run", [0.0, 36.0], [0.98, 1.0], [0.97, 0.99])])
    labels = [float(word[:-2]) for word in texts(figure).split(" | ") if word.endswith(" %")]
    assert labels and max(labels) <= 100


def test_confusion_writes_counts_and_takes_an_empty_class():
    matrix = np.diag([3, 0, 5])
    said = texts(figures_scores.confusion(matrix, ["a", "b", "c"], normal=1))
    assert "5\n100%" in said


def test_stretch():
    assert np.array_equal(stretch(np.array([1.0, 2.0, 3.0])), [0, 0.5, 1])
    assert np.array_equal(stretch(np.array([2.0, 2.0])), [0.5, 0.5])


def test_saved_twice_are_the_same_bytes_and_settings_are_left_alone(tmp_path):
    settings = dict(mpl.rcParams)
    curves = [("run", np.array([0.05, 0.95]), np.array([0.0, 1.0]), np.array([3, 300]))]
    paths = [save(figures_scores.calibration(curves), tmp_path / str(i), "x") for i in range(2)]
    for first, second in zip(*paths, strict=True):
        assert first.read_bytes() == second.read_bytes()
    svg = paths[0][1].read_text()
    assert "<dc:date>" not in svg and "<text" not in svg
    assert dict(mpl.rcParams) == settings


def test_figures_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures_scores.accuracy_by_views([("run", [1, 5], [0.9, 0.95], None)]).canvas.draw()
        figures_scores.calibration([("run", *np.array([[0.1], [0.0], [4.0]]))]).canvas.draw()
        new_figure(1, 1).canvas.draw()
