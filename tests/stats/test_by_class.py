"""Right per class, which outputs are abnormal, and the mean speed, counted by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from data_prep.herlev_classes import CLASSES, abnormal_outputs
from deeppap.scoring.cell_score import abnormal
from deeppap.stats.by_class import right_per_class
from deeppap.stats.metrics import right
from deeppap.stats.speed import seconds_by_device


def test_the_abnormal_outputs_are_those_of_the_abnormal_classes():
    assert abnormal_outputs(2) == (1,)
    assert [int(index in abnormal_outputs(7)) for index in range(7)] == [known.label for known in CLASSES]
    probs = np.random.default_rng(0).dirichlet(np.ones(7), 5)
    assert np.array_equal(abnormal(probs), probs[:, 3:].sum(axis=1))
    assert np.array_equal(abnormal(probs[:, :2]), probs[:, 1])


def test_right_per_class_asks_for_normal_or_abnormal_alone():
    counts = right_per_class(["b", "a", "b", "b"], [1, 0, 1, 0], [0.5, 0.5, 0.49, 0.1])
    assert counts == {"b": (2, 3), "a": (0, 1)}
    assert list(counts) == ["b", "a"]  # in the order in which they first occur


def test_a_score_at_the_threshold_is_right_for_an_abnormal_cell():
    assert right(np.array([1, 0]), np.array([0.5, 0.5])).tolist() == [True, False]


def test_speed_is_a_mean_of_the_folds_that_were_timed_on_a_device():
    timed = {"device": "CPU", "views": 10, "crops": 10}
    evaluations = [timed | {"seconds_per_cell": 2.0}, timed | {"seconds_per_cell": 4.0}, timed, {"device": "GPU"}]
    run = SimpleNamespace(folds=[SimpleNamespace(evaluation=evaluation) for evaluation in evaluations])
    assert seconds_by_device(run) == {"CPU": {"seconds_per_cell": pytest.approx(3.0), "crops": 100.0}}
