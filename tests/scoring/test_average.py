import numpy as np
import pytest

from deeppap.scoring.score_cells import CellScore, abnormal, averaged


def score(value, views=((0, None),)):
    prob = np.array([1 - value, value])
    return CellScore(None, list(views), prob, np.array([value]), np.array([value / 2]))


def test_the_mean_of_two_nets_view_by_view():
    first, second = averaged([[score(0.2), score(0.9)], [score(0.4), score(0.5)]])
    assert first.prob == pytest.approx([0.7, 0.3]) and second.prob == pytest.approx([0.3, 0.7])
    assert first.view_scores == pytest.approx([0.3]) and first.centre_scores == pytest.approx([0.15])


def test_nets_that_scored_other_cells_are_refused():
    with pytest.raises(ValueError):
        list(averaged([[score(0.2)], [score(0.4), score(0.5)]]))


def test_the_rounding_of_a_certain_net_of_seven_classes_does_not_pass_1():
    values = np.exp(np.random.default_rng(1).normal(size=(1000, 7)).astype(np.float32) * 3 - [50, 50, 50, 0, 0, 0, 0])
    prob = (values / values.sum(axis=1, keepdims=True)).astype(np.float32)
    assert (prob[:, 3:].sum(axis=1) > 1).any()  # else this says nothing
    assert abnormal(prob).dtype == np.float32 and abnormal(prob).max() == 1
    mean = prob.astype(np.float64).mean(axis=0)
    assert CellScore(None, [], mean + [0, 0, 0, 0, 0, 0, 1e-8], np.empty(0), np.empty(0)).score <= 1
