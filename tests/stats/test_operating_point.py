"""The operating point against its definition, and its intervals against resampling by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from deeppap.stats.intervals import TOO_FEW, interval, wilson
from deeppap.stats.metrics import binary_metrics
from deeppap.stats.operating_point import cross_fitted, operating_intervals, operating_point, roc_points
from tests.support.scores import both_classes, ordered


@settings(max_examples=25, deadline=None, database=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(2, 25), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_it_is_the_highest_threshold_that_will_do(seed, n, wanted):
    labels, scores = both_classes(seed, n, ties=seed % 2 == 0)
    found = operating_point(labels, scores, wanted)
    assert found["sens"] >= wanted - 1e-12
    for threshold in scores[scores > found["threshold"]]:
        assert binary_metrics(labels, scores, threshold)["sens"] < wanted
    measured = binary_metrics(labels, scores, found["threshold"])
    assert (found["sens"], found["spec"]) == (measured["sens"], measured["spec"])
    assert found["missed"] == round((1 - found["sens"]) * found["abnormal"])
    assert found["false_alarms"] == round((1 - found["spec"]) * found["normal"])


def test_one_class_alone_has_none():
    assert operating_point([1, 1], [0.1, 0.2]) is None
    assert roc_points([0, 0], [0.1, 0.2]) is None
    points = roc_points(*both_classes(1))
    assert sk.auc(points["fpr"], points["tpr"]) == pytest.approx(binary_metrics(*both_classes(1))["auc"], abs=1e-12)


def test_the_specificity_has_its_threshold_chosen_anew():
    labels, scores = ordered(6, 300)
    groups = np.arange(300) // 2
    found = operating_intervals(labels, scores, groups, 0.9)
    point = operating_point(labels, scores, 0.9)
    rng, values = np.random.default_rng(2), []
    for _ in range(800):
        drawn = rng.integers(0, 150, 150)
        cells = np.concatenate([2 * drawn, 2 * drawn + 1])
        values.append(operating_point(labels[cells], scores[cells], 0.9)["spec"])
    assert found["spec"] == pytest.approx(np.percentile(values, [2.5, 97.5]), abs=0.05)
    held = interval(labels, scores, "spec", groups, threshold=point["threshold"])
    assert found["spec"][1] - found["spec"][0] > 1.2 * (held[1] - held[0])
    assert found["sens"] == interval(labels, scores, "sens", groups, threshold=point["threshold"])


def test_without_a_false_alarm_the_specificity_has_the_groups_as_units():
    labels, scores = np.repeat([0, 1], 20), np.repeat([0.1, 0.9], 20)
    assert operating_intervals(labels, scores, np.repeat(np.arange(10), 4))["spec"] == wilson(5, 5)


def test_few_groups_of_abnormal_cells_leave_the_specificity_unknown_too():
    labels, scores = np.repeat([0, 1], [90, 30]), ordered(2)[1]
    groups = np.r_[np.arange(90) // 3, np.arange(30) // 10]
    assert operating_intervals(labels, scores, groups) == {"sens": TOO_FEW, "spec": TOO_FEW}


def test_each_fold_is_judged_at_the_threshold_of_the_others():
    labels, scores = ordered(3)
    folds = [(labels[part], scores[part]) for part in (slice(60), slice(60, None))]
    called = [s >= operating_point(*folds[1 - number])["threshold"] for number, (_, s) in enumerate(folds)]
    wanted = binary_metrics(labels, np.concatenate(called).astype(float))
    found = cross_fitted(folds)
    assert (found["sens"], found["spec"]) == (wanted["sens"], wanted["spec"])
    assert cross_fitted(folds[:1]) is cross_fitted([]) is None
    assert cross_fitted([folds[0], ([1, 1], [0.2, 0.9])]) is None  # the other fold lacks a class
