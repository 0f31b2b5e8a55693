"""Right per class, which outputs are abnormal, and what seven-class nets say, counted by hand."""

import numpy as np

from data_prep.herlev_classes import CLASSES, abnormal_outputs
from deeppap.scoring.score_cells import abnormal
from deeppap.stats.by_class import confusion, right_per_class, seven_class_errors, share_intervals
from deeppap.stats.intervals import share_interval
from tests.support.scores import ordered


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


def test_each_class_has_an_interval_of_its_own_groups():
    labels, scores = ordered(7)
    kinds, groups = np.arange(120) % 3, np.arange(120) // 6
    hits = (scores >= 0.5) == labels
    found = share_intervals(kinds.tolist(), hits, groups)
    assert found == {k: share_interval(hits[kinds == k], groups[kinds == k]) for k in range(3)}


def test_errors_of_seven_classes_and_collapsed():
    said, class7 = np.array([0, 1, 3, 6, 2]), np.array([0, 0, 4, 6, 3])
    probs = np.eye(7)[said]
    # the second and third are wrong among seven alone, the last on both counts
    assert seven_class_errors(probs, class7) == {"seven_way": 3 / 5, "collapsed": 1 / 5}
    counts = confusion(probs, class7)
    assert counts.shape == (7, 7)
    assert counts.sum() == 5
    assert (counts[0, 0], counts[0, 1], counts[4, 3], counts[3, 2]) == (1, 1, 1, 1)
