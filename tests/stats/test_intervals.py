"""Intervals: whole groups drawn, against SciPy's own bootstrap, closed forms and brute force."""

import warnings

import numpy as np
import pytest
from scipy.stats import bootstrap, norm

from deeppap.stats.intervals import (
    FEWEST,
    TOO_FEW,
    bootstrap_interval,
    interval,
    mean_interval,
    share_interval,
    summary,
    weighted,
    wilson,
)
from deeppap.stats.metrics import METRICS, binary_metrics
from tests.support.scores import both_classes, ordered

Z = float(norm.ppf(0.975))


def test_wilson_is_the_root_of_its_equation():
    for k, n in ((1, 10), (5, 10), (901, 917), (3, 3), (0, 7)):
        for limit in wilson(k, n):
            # at each limit the observed share is z standard errors away
            assert (k / n - limit) ** 2 == pytest.approx(Z**2 * limit * (1 - limit) / n, abs=1e-12)
    assert wilson(0, 7)[0] == 0.0
    assert wilson(3, 3)[1] == 1.0


def test_without_groups_a_mean_has_scipys_own_interval():
    values = np.random.default_rng(3).exponential(size=80)
    wanted = bootstrap((values,), np.mean, n_resamples=2000, batch=250, rng=np.random.default_rng(0))
    assert mean_interval(values, None) == pytest.approx(tuple(wanted.confidence_interval), abs=1e-12)


@pytest.mark.parametrize("metric", ["mean", "acc", "sens", "auc"])
def test_copies_in_one_group_do_not_narrow_an_interval(metric):
    labels, scores = ordered(1, 50)

    def limits(copies, groups):
        cells, of = np.repeat(labels, copies), np.repeat(scores, copies)
        return mean_interval(of, groups) if metric == "mean" else interval(cells, of, metric, groups)

    single = limits(1, np.arange(50))
    low, high = limits(4, np.repeat(np.arange(50), 4))
    assert (low, high) == pytest.approx(single, abs=1e-12)
    apart = limits(4, None)
    assert high - low > 1.5 * (apart[1] - apart[0])  # four equal cells count as one: twice as wide


@pytest.mark.parametrize("ties", [False, True])
def test_a_resample_has_the_metrics_of_its_cells(ties):
    labels, scores = both_classes(3, 30, ties)
    picks = np.random.default_rng(0).integers(0, 30, (50, 30))
    counts = np.stack([np.bincount(pick, minlength=30) for pick in picks])
    for metric in METRICS:
        found = weighted(labels, scores, counts, metric)
        wanted = [binary_metrics(labels[pick], scores[pick])[metric] for pick in picks]
        assert found == pytest.approx(wanted, abs=1e-12)


def test_intervals_are_seeded_and_agree_with_wilsons():
    labels, scores = both_classes(5, 400)
    found = interval(labels, scores, "acc", np.arange(400))
    assert found == interval(labels, scores, "acc", np.arange(400))
    assert interval(labels, scores, "acc") == pytest.approx(found, abs=0.01)
    low, high = interval(labels, scores, "auc")
    assert low < binary_metrics(labels, scores)["auc"] < high


def test_a_share_is_wilsons_without_groups_alone():
    hits = np.arange(60) % 4 > 0
    assert share_interval(hits, None) == wilson(45, 60)
    assert share_interval(hits, np.arange(60) // 3) != wilson(45, 60)
    assert share_interval([], None) is None
    labels, scores = ordered(1)
    right = int(((scores >= 0.5) == labels).sum())
    assert interval(labels, scores, "acc") == wilson(right, 120) != interval(labels, scores, "acc", np.arange(120) // 4)


def test_a_share_without_an_error_has_the_groups_as_units():
    assert share_interval(np.ones(15, bool), np.arange(15) // 3) == wilson(5, 5)
    assert share_interval(np.zeros(15, bool), np.arange(15) // 3) == wilson(0, 5)
    labels, scores = np.repeat([0, 1], 20), np.repeat([0.1, 0.9], 20)
    groups = np.repeat(np.arange(10), 4)
    assert interval(labels, scores, "acc", groups) == wilson(10, 10)
    assert interval(labels, scores, "sens", groups) == wilson(5, 5)


def test_what_no_resample_can_change_is_not_called_sure():
    assert mean_interval(np.full(30, 0.7), None) is None
    assert bootstrap_interval(lambda draws: np.full(len(draws), np.nan), np.arange(9)) is None
    labels, scores = np.repeat([0, 1], 20), np.repeat([0.1, 0.9], 20)
    assert interval(labels, scores, "auc", np.repeat(np.arange(10), 4)) is None


def test_intervals_of_the_undefined():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert interval([1] * 6, np.linspace(0.2, 0.9, 6), "auc") is None
        assert interval([1, 1], [0.2, 0.9], "spec") is None


@pytest.mark.parametrize("groups", [1, 3, FEWEST - 1])
def test_few_groups_have_no_interval(groups):
    """29 HSIL cells of three fields were printed with the interval 50.0-52.2."""
    labels, scores = ordered(2)
    group = np.arange(120) % groups
    assert {interval(labels, scores, metric, group) for metric in METRICS} == {TOO_FEW}
    assert mean_interval(scores, group) == share_interval(scores > 0.5, group) == TOO_FEW
    assert share_interval(np.ones(120, bool), group) == TOO_FEW
    assert isinstance(interval(labels, scores, "auc", np.arange(120) % FEWEST), tuple)


def test_the_groups_of_the_cells_that_count_are_counted():
    """Many fields, and abnormal cells in three of them alone."""
    labels, scores = np.repeat([0, 1], [90, 30]), ordered(2)[1]
    groups = np.r_[np.arange(90) // 3, np.arange(30) // 10]
    found = {metric: interval(labels, scores, metric, groups) for metric in METRICS}
    assert {metric for metric, limits in found.items() if limits == TOO_FEW} == {"sens", "hmean", "f", "auc"}
    assert interval(labels[:92], scores[:92], "auc") == TOO_FEW  # two abnormal cells


def test_summary_is_of_folds_and_of_all_cells():
    labels, scores = ordered(4)
    groups = np.arange(120) // 4
    found = summary([(labels[:60], scores[:60]), (labels[60:], scores[60:])], groups)
    each = [binary_metrics(labels[part], scores[part]) for part in (slice(60), slice(60, None))]
    assert found["folds"] == each
    assert found["pooled"] == binary_metrics(labels, scores)
    assert found["over_folds"]["acc"]["mean"] == pytest.approx((each[0]["acc"] + each[1]["acc"]) / 2)
    assert found["interval"] == {metric: interval(labels, scores, metric, groups) for metric in METRICS}
