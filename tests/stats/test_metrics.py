"""Metrics, operating points and calibration against scikit-learn, SciPy, closed forms and definitions."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve as sk_curve

from deeppap.report.paper import accuracy_interval, paper, right_in_all
from deeppap.stats.calibration import (
    calibration_curve,
    calibration_curve_intervals,
    calibration_intervals,
    calibration_summary,
    expected_calibration_error,
)
from deeppap.stats.intervals import TOO_FEW, interval, share_interval, wilson
from deeppap.stats.metrics import METRICS, binary_metrics, mean_and_std, percent, right
from deeppap.stats.operating_point import cross_fitted, operating_intervals, operating_point, roc_points
from tests.support.scores import both_classes, ordered


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(10))
def test_metrics_are_scikit_learns(seed, ties):
    labels, scores = both_classes(seed, ties=ties)
    called = scores >= 0.5
    sens, spec = sk.recall_score(labels, called), sk.recall_score(labels, called, pos_label=0)
    wanted = {
        "sens": sens,
        "spec": spec,
        "acc": sk.accuracy_score(labels, called),
        "hmean": 2 * sens * spec / (sens + spec),
        "f": sk.f1_score(labels, called),
        "auc": sk.roc_auc_score(labels, scores),
    }
    found = binary_metrics(labels, scores)
    assert set(found) == set(METRICS)
    assert found == pytest.approx(wanted, abs=1e-12)


def test_a_score_at_the_threshold_is_abnormal():
    assert binary_metrics([1, 0], [0.5, np.nextafter(0.5, 0)])["acc"] == 1.0
    assert binary_metrics([1, 0], [0.5, 0.4], threshold=0.6)["sens"] == 0.0
    assert right(np.array([1, 0]), np.array([0.5, 0.5])).tolist() == [True, False]
    assert binary_metrics([0, 1], [1.0, 0.0])["hmean"] == 0.0  # of all wrong, no division by 0


def test_one_class_leaves_none_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        abnormal, normal = binary_metrics([1, 1], [0.9, 0.1]), binary_metrics([0, 0], [0.2, 0.1])
    assert abnormal == {"sens": 0.5, "spec": None, "acc": 0.5, "hmean": None, "f": 2 / 3, "auc": None}
    assert normal == {"sens": None, "spec": 1.0, "acc": 1.0, "hmean": None, "f": None, "auc": None}


@pytest.mark.parametrize(
    ("labels", "scores"),
    [
        ([0, 1], [0.5, np.nan]),
        ([0, 1], [0.5, np.inf]),
        ([0, 1], [0.5, 1.01]),
        ([0, 1], [-0.01, 0.5]),
        ([0, 2], [0.1, 0.2]),
        ([0, 1], [0.1]),
        ([], []),
    ],
)
@pytest.mark.parametrize("function", [binary_metrics, operating_point, calibration_curve, roc_points])
def test_what_is_no_score_is_refused(function, labels, scores):
    with pytest.raises(ValueError, match="must be"):
        function(labels, scores)


def test_the_papers_counts_give_the_papers_percentages():
    labels = np.r_[np.ones(675, int), np.zeros(242, int)]
    scores = np.r_[np.ones(663), np.zeros(12), np.zeros(238), np.ones(4)]
    found = binary_metrics(labels, scores)
    shares = ["98.2", "98.3", "98.3", "98.3", "98.8"]
    assert [percent(found[name]) for name in METRICS[:5]] == shares
    assert [percent(paper()["herlev"][name]) for name in METRICS[:5]] == shares
    assert right_in_all() == (901, 917)
    assert [percent(limit) for limit in accuracy_interval()] == ["97.2", "98.9"]
    assert percent(None) == "-"


def test_mean_and_std_skip_what_is_undefined():
    assert mean_and_std([0.5, None, 1.0]) == {"mean": 0.75, "std": pytest.approx(np.sqrt(0.125)), "folds": 2}
    assert mean_and_std([0.5]) == {"mean": 0.5, "std": None, "folds": 1}
    assert mean_and_std([None]) == {"mean": None, "std": None, "folds": 0}


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


def test_each_bins_share_has_the_interval_of_its_own_cells():
    labels, scores = both_classes(8, 500)
    groups = np.arange(500) // 3
    curve, found = calibration_curve(labels, scores), calibration_curve_intervals(labels, scores, groups)
    last = scores >= 0.9
    assert found[-1] == share_interval(labels[last] == 1, groups[last])
    assert all(low <= share <= high for share, (low, high) in zip(curve["abnormal"], found, strict=True))


def test_calibration_is_scikit_learns():
    labels, scores = both_classes(8, 500)
    share, mean = sk_curve(labels, scores, n_bins=10)
    curve = calibration_curve(labels, scores)
    np.testing.assert_allclose(curve["abnormal"], share, atol=1e-12)
    np.testing.assert_allclose(curve["score"], mean, atol=1e-12)
    assert calibration_summary(labels, scores)["brier"] == pytest.approx(np.mean((scores - labels) ** 2), abs=1e-12)


def test_calibration_error_by_hand():
    # bin 0.2-0.3: mean 0.25, none abnormal; the last bin holds 1.0: mean 0.975, all abnormal
    assert expected_calibration_error([0, 0, 1, 1], [0.25, 0.25, 0.95, 1.0]) == pytest.approx(0.5 * 0.25 + 0.5 * 0.025)
    assert calibration_curve([0, 1], [0.0, 1.0])["count"].tolist() == [1, 1]
    assert expected_calibration_error([0, 1], [0.0, 1.0]) == 0.0


def test_the_calibration_error_of_each_resample_is_that_of_its_cells():
    """SciPy's own interval of the error of the cells in the groups drawn, each drawn set put together by hand."""
    labels, scores = ordered(5, 90)
    members = np.arange(90).reshape(30, 3)

    def error(picks):
        cells = members[picks].ravel()
        return expected_calibration_error(labels[cells], scores[cells])

    wanted = bootstrap((np.arange(30),), error, n_resamples=2000, batch=250, rng=np.random.default_rng(0))
    found = calibration_intervals(labels, scores, np.repeat(np.arange(30), 3))["ece"]
    assert found == pytest.approx(tuple(wanted.confidence_interval), abs=1e-12)
