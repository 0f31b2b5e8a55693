"""Figures made of scores, on plain arrays."""

import numpy as np
from matplotlib.colors import to_rgba

from deeppap.report.figures import angles, confusion, roc, scores_by_class
from deeppap.report.figures.style import KIND_BACKGROUNDS
from tests.support.figures import texts


def test_box_plot_marks_errors_backgrounds_and_threshold():
    classes = [("superficial", 0, np.array([0.1, 0.2, 0.7])), ("severe dysplasia", 1, np.array([0.5, 0.9]))]
    axes = scores_by_class.draw(classes).axes[0]
    crosses = [y for line in axes.lines if line.get_marker() == "x" for y in line.get_ydata()]
    assert crosses == [0.7]  # 0.5 is at the threshold, so abnormal, so right
    grounds = [patch.get_facecolor() for patch in axes.patches]
    assert grounds == [to_rgba(KIND_BACKGROUNDS[0]), to_rgba(KIND_BACKGROUNDS[1])]
    assert any(line.get_linestyle() == "--" and set(line.get_ydata()) == {0.5} for line in axes.lines)


def test_roc_marks_the_operating_point():
    curve = ("run", np.array([0, 0.1, 1]), np.array([0, 1, 1]), 0.95, (0.1, 1.0))
    whole, corner = roc.draw([roc.Curve(*curve)]).axes
    for axes in (whole, corner):
        assert any(list(line.get_xdata()) == [0.1] and list(line.get_ydata()) == [1.0] for line in axes.lines)
    assert "AUC 0.9500" in whole.get_legend().get_texts()[0].get_text()


def test_by_angle_takes_undefined_rates():
    angles.draw([("run", [0.0, 36.0], [0.9, 1.0], [None, None])]).canvas.draw()


def test_no_axis_says_more_than_100_percent():
    figure = angles.draw([("run", [0.0, 36.0], [0.98, 1.0], [0.97, 0.99])])
    labels = [float(word[:-2]) for word in texts(figure).split(" | ") if word.endswith(" %")]
    assert labels and max(labels) <= 100


def test_confusion_writes_counts_and_takes_an_empty_class():
    matrix = np.diag([3, 0, 5])
    said = texts(confusion.draw(matrix, ["a", "b", "c"], normal=1))
    assert "5\n100%" in said
