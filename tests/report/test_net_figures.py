"""Figures of the training and of the net, on plain arrays (paper: Fig. 5, 6 and 7)."""

import numpy as np
import pytest

from deeppap.report.figures import activations, filters, learning
from deeppap.stats.course import Course
from tests.support.figures import RNG, texts


def test_learning_means_the_training_loss_over_each_epoch():
    course = Course(2, [(i, float(i // 10), 0.01) for i in range(40)], [(0, 2, 0.5), (40, 1, 0.9)], 10, 4)
    epochs, loss = course.train_by_epoch()
    assert np.allclose(epochs, [0.5, 1.5, 2.5, 3.5]) and np.allclose(loss, [0, 1, 2, 3])
    assert np.array_equal(course.validation(), [[0, 2, 0.5], [4, 1, 0.9]])
    losses, accuracies = learning.draw([course]).axes
    ring = [line for line in losses.lines if line.get_markersize() == 9]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in ring] == [(4, 1)]
    assert len(accuracies.get_legend().get_texts()) == 1


@pytest.mark.parametrize("train", [[], [(0, 0.7, 0.01)], [(0, 0.7, 0.01), (5, float("nan"), 0.01)]])
def test_learning_takes_short_logs(train):
    learning.draw([Course(0, train, [(0, 0.7, 0.5)], 100)]).canvas.draw()


def test_filters_before_and_after_share_a_scale():
    before = RNG.normal(0, 0.1, (96, 3, 11, 11))
    after = before * 2
    left, right, change = (axes.images[0].get_array() for axes in filters.draw(before, after).axes)
    assert right.min() == 0 and right.max() == 1 and left.min() > 0
    assert left.shape == (8 * 12 - 1, 12 * 12 - 1, 3)
    # BGR is drawn as RGB: a filter that likes red (last channel) is red
    red = np.zeros((96, 3, 11, 11))
    red[:, 2] = 1
    assert np.array_equal(filters.draw(None, red).axes[0].images[0].get_array()[0, 0], [1, 0, 0])
    assert change.shape == left.shape


def test_activations_draw_each_layer():
    layers = {"pool1": RNG.random((96, 27, 27)), "pool5": np.zeros((256, 6, 6))}
    said = texts(activations.draw(RNG.normal(size=(3, 227, 227)), layers, "a-1"))
    assert "a-1" in said and "96 @ 27 × 27" in said and "256 @ 6 × 6" in said
