"""The paper's metrics against scikit-learn, closed forms and edge cases."""

import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

from deeppap.report.paper import accuracy_interval, paper, right_in_all
from deeppap.stats.calibration import calibration_curve
from deeppap.stats.metrics import METRICS, binary_metrics, mean_and_std, percent, right
from deeppap.stats.operating_point import operating_point, roc_points
from tests.support.scores import both_classes


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


def test_auc_counts_ties_by_half():
    assert binary_metrics([0, 1], [0.7, 0.7])["auc"] == 0.5
    assert binary_metrics([0, 0, 1, 1], [0.1, 0.6, 0.6, 0.9])["auc"] == pytest.approx(3.5 / 4, abs=1e-12)


def test_a_score_at_the_threshold_is_abnormal():
    assert binary_metrics([1, 0], [0.5, np.nextafter(0.5, 0)])["acc"] == 1.0
    assert binary_metrics([1, 0], [0.5, 0.4], threshold=0.6)["sens"] == 0.0
    assert right(np.array([1, 0]), np.array([0.5, 0.5])).tolist() == [True, False]


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
