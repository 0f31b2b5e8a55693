"""Metrics, intervals, operating point and calibration against scikit-learn, closed forms and edge cases."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve as sk_curve

from deeppap.report.paper import accuracy_interval, paper, right_in_all
from deeppap.stats.calibration import brier, calibration_curve, expected_calibration_error
from deeppap.stats.intervals import bootstrap_interval, interval, weighted, wilson
from deeppap.stats.metrics import METRICS, binary_metrics, mean_and_std, percent
from deeppap.stats.operating_point import operating_point, roc_points

Z = float(norm.ppf(0.975))


def both_classes(seed, n=60, ties=False):
    rng = np.random.default_rng(seed)
    labels = np.r_[0, 1, rng.integers(0, 2, n - 2)]
    scores = rng.random(n)
    return labels, np.round(scores, 1) if ties else scores


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
    assert set(found) == set(wanted) == set(METRICS)
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value, abs=1e-12), name


def test_auc_counts_ties_by_half():
    assert binary_metrics([0, 1], [0.7, 0.7])["auc"] == 0.5
    assert binary_metrics([0, 0, 1, 1], [0.1, 0.6, 0.6, 0.9])["auc"] == pytest.approx(3.5 / 4, abs=1e-12)


def test_a_score_at_the_threshold_is_abnormal():
    assert binary_metrics([1, 0], [0.5, np.nextafter(0.5, 0)])["acc"] == 1.0
    assert binary_metrics([1, 0], [0.5, 0.4], threshold=0.6)["sens"] == 0.0


def test_one_class_leaves_none_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        abnormal, normal = binary_metrics([1, 1], [0.9, 0.1]), binary_metrics([0, 0], [0.2, 0.1])
    assert abnormal == {"sens": 0.5, "spec": None, "acc": 0.5, "hmean": None, "f": 2 / 3, "auc": None}
    assert normal == {"sens": None, "spec": 1.0, "acc": 1.0, "hmean": None, "f": None, "auc": None}


def test_all_wrong_has_hmean_zero():
    assert binary_metrics([0, 1], [1.0, 0.0])["hmean"] == 0.0


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
def test_what_is_no_score_is_refused(labels, scores):
    for function in (binary_metrics, operating_point, brier, calibration_curve, roc_points):
        with pytest.raises(ValueError, match="must be"):
            function(labels, scores)


def test_the_papers_counts_give_the_papers_percentages():
    labels = np.r_[np.ones(675, int), np.zeros(242, int)]
    scores = np.r_[np.ones(663), np.zeros(12), np.zeros(238), np.ones(4)]
    found = binary_metrics(labels, scores)
    assert [percent(found[name]) for name in METRICS[:5]] == ["98.2", "98.3", "98.3", "98.3", "98.8"]
    assert [percent(paper()["herlev"][name]) for name in METRICS[:5]] == [
        "98.2",
        "98.3",
        "98.3",
        "98.3",
        "98.8",
    ]
    assert right_in_all() == (901, 917)
    assert [percent(limit) for limit in accuracy_interval()] == ["97.2", "98.9"]
    assert percent(None) == "-"


def test_mean_and_std_skip_what_is_undefined():
    assert mean_and_std([0.5, None, 1.0]) == {"mean": 0.75, "std": pytest.approx(np.sqrt(0.125)), "folds": 2}
    assert mean_and_std([0.5]) == {"mean": 0.5, "std": None, "folds": 1}
    assert mean_and_std([None]) == {"mean": None, "std": None, "folds": 0}


def test_wilson_is_the_root_of_its_equation():
    for k, n in ((1, 10), (5, 10), (901, 917), (3, 3), (0, 7)):
        for limit in wilson(k, n):
            # at each limit the observed share is z standard errors away
            assert (k / n - limit) ** 2 == pytest.approx(Z**2 * limit * (1 - limit) / n, abs=1e-12)
    assert wilson(0, 7)[0] == 0.0
    assert wilson(3, 3)[1] == 1.0
    for k, n in ((1, 0), (3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="no share"):
            wilson(k, n)


@pytest.mark.parametrize("ties", [False, True])
def test_a_resampling_has_the_metrics_of_its_cells(ties):
    labels, scores = both_classes(3, 30, ties)
    picks = np.random.default_rng(0).integers(0, 30, (50, 30))
    counts = np.stack([np.bincount(pick, minlength=30) for pick in picks])
    found = weighted(labels, scores, counts, 0.5)
    for row, pick in enumerate(picks):
        for name, value in binary_metrics(labels[pick], scores[pick]).items():
            assert found[name][row] == pytest.approx(value, abs=1e-12)


def test_bootstrap_is_seeded_and_agrees_with_wilson():
    labels, scores = both_classes(5, 400)
    low, high = bootstrap_interval(labels, scores, "acc", seed=1)
    assert (low, high) == bootstrap_interval(labels, scores, "acc", seed=1)
    assert (low, high) != bootstrap_interval(labels, scores, "acc", seed=2)
    assert interval(labels, scores, "acc") == pytest.approx((low, high), abs=0.01)
    auc = binary_metrics(labels, scores)["auc"]
    low, high = bootstrap_interval(labels, scores, "auc", seed=1, n=500)
    assert low < auc < high


def test_intervals_of_the_undefined():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert bootstrap_interval([1, 1], [0.2, 0.9], "auc", seed=1, n=20) is None
        assert interval([1, 1], [0.2, 0.9], "spec") is None
        # no resampling can vary it: that is no certainty
        assert bootstrap_interval([0, 1], [0.2, 0.9], "auc", seed=1, n=50) is None
    with pytest.raises(ValueError, match="none of"):
        bootstrap_interval([0, 1], [0.2, 0.9], "kappa", seed=1)


@settings(max_examples=25, deadline=None, database=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(2, 25), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_operating_point_is_the_highest_threshold_that_will_do(seed, n, wanted):
    labels, scores = both_classes(seed, n, ties=seed % 2 == 0)
    found = operating_point(labels, scores, wanted)
    assert found["sens"] >= wanted - 1e-12
    higher = scores[scores > found["threshold"]]
    for threshold in higher:
        assert binary_metrics(labels, scores, threshold)["sens"] < wanted
    measured = binary_metrics(labels, scores, found["threshold"])
    assert (found["sens"], found["spec"]) == (measured["sens"], measured["spec"])
    assert found["missed"] == round((1 - found["sens"]) * found["abnormal"])
    assert found["false_alarms"] == round((1 - found["spec"]) * found["normal"])


def test_operating_point_and_roc_need_both_classes():
    assert operating_point([1, 1], [0.1, 0.2]) is None
    assert roc_points([0, 0], [0.1, 0.2]) is None
    points = roc_points(*both_classes(1))
    assert sk.auc(points["fpr"], points["tpr"]) == pytest.approx(binary_metrics(*both_classes(1))["auc"], abs=1e-12)


def test_calibration_is_scikit_learns():
    labels, scores = both_classes(8, 500)
    share, mean = sk_curve(labels, scores, n_bins=10)
    curve = calibration_curve(labels, scores)
    np.testing.assert_allclose(curve["abnormal"], share, atol=1e-12)
    np.testing.assert_allclose(curve["score"], mean, atol=1e-12)
    assert brier(labels, scores) == pytest.approx(float(np.mean((scores - labels) ** 2)), abs=1e-12)


def test_calibration_error_by_hand():
    # bin 0.2-0.3: mean 0.25, none abnormal; the last bin holds 1.0: mean 0.975, all abnormal
    assert expected_calibration_error([0, 0, 1, 1], [0.25, 0.25, 0.95, 1.0]) == pytest.approx(0.5 * 0.25 + 0.5 * 0.025)
    assert calibration_curve([0, 1], [0.0, 1.0])["count"].tolist() == [1, 1]
    assert expected_calibration_error([0, 1], [0.0, 1.0]) == 0.0
