"""Levels and gains of a learning curve on scores made up for it."""

import numpy as np
import pytest

from deeppap.stats.intervals import TOO_FEW, interval
from deeppap.stats.learning_curve import CurvePoint, gains, levels
from tests.support.scores import ordered

GROUPS = np.arange(120) // 4


def point(seed, start, share=50, groups=GROUPS):
    """A net whose scores are better with each seed, and if it is adapted."""
    labels, scores = ordered(1)
    better = (scores + (0.02 * seed + 0.1 * (start == "adapted")) * labels).clip(0, 1)
    return CurvePoint(seed, share, start, 40 + seed, 10, labels, better, groups)


def test_a_level_is_the_mean_over_seeds():
    points = [point(seed, start) for start in ("alone", "adapted") for seed in (2, 1)]
    adapted, alone = levels(points)
    assert (adapted.start, alone.start) == ("adapted", "alone")
    own = [point(seed, "alone").metrics()["auc"] for seed in (1, 2)]
    assert alone.each["auc"] == own
    assert alone.values["auc"] == pytest.approx(sum(own) / 2)
    assert (alone.sizes, alone.cells, alone.abnormal) == ([41, 42], 41.5, 10)
    assert alone.limits["auc"][0] < alone.values["auc"] < alone.limits["auc"][1]


def test_one_seed_has_the_interval_of_its_scores():
    one = point(1, "alone")
    assert levels([one])[0].limits["auc"] == interval(one.labels, one.scores, "auc", GROUPS)


def test_a_gain_is_paired_over_the_seeds_that_both_have():
    points = [point(1, "alone"), point(2, "alone"), point(2, "adapted"), point(1, "adapted", 100)]
    (found,) = gains(points, "adapted", "alone")
    old, new = point(2, "alone"), point(2, "adapted")
    assert (found.share, found.value) == (50, pytest.approx(new.metrics()["auc"] - old.metrics()["auc"]))
    spread = interval(old.labels, old.scores, "auc", GROUPS)
    assert found.limits[0] < found.value < found.limits[1]
    assert found.limits[1] - found.limits[0] < spread[1] - spread[0]


def test_few_groups_have_no_interval():
    few = [point(1, start, groups=np.arange(120) % 3) for start in ("alone", "adapted")]
    assert levels(few)[0].limits["auc"] == TOO_FEW
    assert gains(few, "adapted", "alone")[0].limits == TOO_FEW
