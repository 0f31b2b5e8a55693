"""The tests of two runs against closed forms, brute force and McNemar's and DeLong's own formulas."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest, norm
from sklearn.metrics import roc_auc_score

from deeppap.stats.compare import compare, gain, sign_flip
from deeppap.stats.intervals import TOO_FEW, interval


def scores(seed, n=80):
    rng = np.random.default_rng(seed)
    labels = np.r_[0, 1, rng.integers(0, 2, n - 2)]
    first, second = (np.clip(0.3 * labels + rng.random(n) * 0.7, 0, 1) for _ in range(2))
    return labels, first, second


def test_cell_by_cell_it_is_mcnemars_exact_test():
    for one, two in ((9, 2), (5, 5), (0, 6), (0, 0)):
        wanted = binomtest(one, one + two).pvalue if one + two else 1.0
        assert sign_flip([1] * one + [-1] * two + [0] * 4) == pytest.approx(wanted, abs=1e-12)


def test_groups_keep_their_size_when_signs_are_tossed():
    values = [3, -1, 2, 2, 0, -1]
    sums = [sum(s * v for s, v in zip(signs, values, strict=True)) for signs in product((1, -1), repeat=6)]
    assert sign_flip(values) == pytest.approx(np.mean(np.abs(sums) >= abs(sum(values))), abs=1e-12)


def test_without_groups_it_is_delongs():
    labels, first, second = scores(1)
    pairs = [[(s[labels == 1][:, None] > s[labels == 0]) * 1.0 for s in (first, second)]][0]
    v10, v01 = ([p.mean(axis=axis) for p in pairs] for axis in (1, 0))
    s10, s01 = np.cov(v10), np.cov(v01)
    total = s10 / (labels == 1).sum() + s01 / (labels == 0).sum()
    error = np.sqrt(total[0, 0] + total[1, 1] - 2 * total[0, 1])
    found = compare(labels, first, second)
    gap = roc_auc_score(labels, first) - roc_auc_score(labels, second)
    assert found["difference"] == pytest.approx(gap, abs=1e-12)
    assert found["p_auc"] == pytest.approx(2 * norm.sf(abs(gap) / error), rel=1e-9)


def test_cells_copied_within_their_group_say_nothing_new():
    labels, first, second = scores(2)
    alone = compare(labels, first, second, np.arange(80))
    thrice = [np.repeat(values, 3) for values in (labels, first, second, np.arange(80))]
    copied = compare(*thrice)
    assert copied["p_right"] == pytest.approx(alone["p_right"], abs=1e-12)
    assert copied["p_auc"] == pytest.approx(alone["p_auc"], rel=1e-9)
    assert compare(*thrice[:3])["p_auc"] < alone["p_auc"]  # taken as independent they would


def test_equal_scores_and_one_class_alone():
    labels, first, _ = scores(3)
    same = compare(labels, first, first)
    assert (same["p_right"], same["p_auc"], same["difference"]) == (1.0, 1.0, 0.0)
    assert compare([1, 1], [0.2, 0.9], [0.1, 0.8])["auc"] is None


def test_a_gain_is_the_difference_of_the_metric_and_its_interval_is_paired():
    labels, first, second = scores(4)
    value, limits = gain(labels, first, second, "auc")
    assert value == pytest.approx(roc_auc_score(labels, second) - roc_auc_score(labels, first), abs=1e-12)
    assert limits[0] < value < limits[1]
    other, turned = gain(labels, second, first, "auc")
    assert other == pytest.approx(-value) and turned == pytest.approx((-limits[1], -limits[0]), abs=0.02)
    # the same cells drawn for both: scores that agree in all but one cell differ by less than either varies
    nearly = first.copy()
    nearly[0] = 1 - nearly[0]
    close = gain(labels, first, nearly, "acc")[1]
    own = interval(labels, first, "acc", np.arange(80))
    assert close[1] - close[0] < (own[1] - own[0]) / 2
    assert gain([1, 1], [0.2, 0.9], [0.1, 0.8], "auc") is None


def test_a_gain_resamples_whole_groups():
    labels, first, second = scores(5)
    alone = gain(labels, first, second, "auc", np.arange(80))
    thrice = [np.repeat(values, 3) for values in (labels, first, second)]
    copied = gain(*thrice, "auc", np.repeat(np.arange(80), 3))
    assert copied[0] == pytest.approx(alone[0]) and copied[1] == pytest.approx(alone[1], abs=1e-9)
    narrow = gain(*thrice, "auc")[1]
    assert narrow[1] - narrow[0] < copied[1][1] - copied[1][0]


@pytest.mark.parametrize("groups", [1, 4])
def test_few_groups_of_one_label_leave_the_areas_untested(groups):
    labels = np.repeat([0, 1], [20, 30])
    group = np.r_[np.arange(20) % groups, 10 + np.arange(30) // 3]
    first, second = np.linspace(0, 1, 50), np.linspace(0, 1, 50)
    second[[0, 49]] = second[[49, 0]]
    found = compare(labels, first, second, group)
    assert (found["interval"], found["p_auc"]) == (TOO_FEW, None)
    assert gain(labels, first, second, "auc", group)[1] == TOO_FEW
    assert found["difference"] > 0


def test_areas_that_differ_without_any_spread_are_not_called_sure():
    labels, first = np.repeat([0, 1], 6), np.repeat([0.2, 0.8], 6)
    found = compare(labels, first, 1 - first)
    assert found["difference"] == 1
    assert (found["interval"], found["p_auc"]) == (None, None)
