"""Intervals by group: wider where cells of a group agree, seeded, and Wilson's only where there are none."""

import numpy as np
import pytest

from deeppap.report.tables.beside_paper import place_of
from deeppap.stats.intervals import bootstrap_interval, interval, wilson


def grouped(copies=4, units=50, seed=1):
    rng = np.random.default_rng(seed)
    labels = np.r_[0, 1, rng.integers(0, 2, units - 2)]
    scores = np.clip(0.35 * labels + 0.65 * rng.random(units), 0, 1)
    return np.repeat(labels, copies), np.repeat(scores, copies), np.repeat(np.arange(units), copies)


@pytest.mark.parametrize("metric", ["acc", "sens", "auc"])
def test_copies_in_one_group_do_not_narrow_an_interval(metric):
    labels, scores, groups = grouped()
    low, high = interval(labels, scores, metric, groups)
    apart = interval(labels, scores, metric)
    single = bootstrap_interval(labels[::4], scores[::4], metric, 0)
    assert high - low > 1.5 * (apart[1] - apart[0])  # four equal cells count as one: twice as wide
    assert (low, high) == pytest.approx(single, abs=1e-12)


def test_wilson_is_for_cells_without_groups_alone():
    labels, scores, groups = grouped()
    right = int(((scores >= 0.5) == labels).sum())
    assert interval(labels, scores, "acc") == wilson(right, 200)
    assert interval(labels, scores, "acc", groups) != wilson(right, 200)


def test_a_share_without_an_error_has_the_groups_as_units():
    labels, scores = np.repeat([0, 1], 20), np.repeat([0.1, 0.9], 20)
    assert interval(labels, scores, "acc", np.repeat(np.arange(8), 5)) == wilson(8, 8)


def test_one_group_alone_says_nothing():
    labels, scores, _ = grouped()
    assert bootstrap_interval(labels, scores, "auc", 0, np.zeros(200)) is None


def test_the_place_of_an_accuracy():
    assert place_of(0.983, (0.972, 0.989)) == "inside"
    assert place_of(0.971, (0.972, 0.989)) == place_of(0.99, (0.972, 0.989)) == "outside"
