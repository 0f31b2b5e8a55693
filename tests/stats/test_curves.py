"""Accuracy by view and by angle, FROC, and learning curves: against what is counted by hand."""

import numpy as np
import pytest

from deeppap.stats.by_view import accuracy_by_views, centre_crop_accuracy, metrics_by_angle
from deeppap.stats.froc import Froc
from deeppap.stats.intervals import TOO_FEW, interval, mean_interval, share_interval
from deeppap.stats.learning_curve import CurvePoint, gains, levels
from tests.support.scores import ordered

LABELS = np.arange(40) % 2
GROUPS = np.arange(40) // 4


def view_scores(seed=1, views=12):
    rng = np.random.default_rng(seed)
    return np.clip(0.2 * LABELS[:, None] + rng.random((40, views)) * 0.8, 0, 1)


def halves(scores):
    """Two folds of the cells."""
    return [(LABELS[:20], scores[:20]), (LABELS[20:], scores[20:])]


def test_all_views_give_the_accuracy_of_their_mean_and_one_view_the_mean_accuracy():
    scores = view_scores()
    rows = accuracy_by_views(halves(scores), GROUPS)
    assert rows == accuracy_by_views(halves(scores), GROUPS)  # the draws are seeded
    assert [row["views"] for row in rows] == [1, 5, 10, 12]
    hits = (scores.mean(axis=1) >= 0.5) == LABELS
    assert (rows[-1]["acc"], rows[-1]["std"]) == (pytest.approx(hits.mean()), 0.0)
    assert rows[-1]["interval"] == share_interval(hits, GROUPS)
    single = ((scores >= 0.5) == LABELS[:, None]).mean()
    assert rows[0]["acc"] == pytest.approx(single, abs=3 * rows[0]["std"] / np.sqrt(20))
    assert rows[0]["std"] > 0


def test_centre_crops_of_one_view_and_of_all():
    scores = view_scores(2)
    found = centre_crop_accuracy(halves(scores), GROUPS)
    single, every = ((scores >= 0.5) == LABELS[:, None]).mean(1), (scores.mean(1) >= 0.5) == LABELS
    assert (found["one_view"], found["all_views"]) == (pytest.approx(single.mean()), every.mean())
    assert found["interval"] == {"one_view": mean_interval(single, GROUPS), "all_views": share_interval(every, GROUPS)}


def test_the_views_of_one_angle_alone_are_averaged():
    scores = view_scores(3)
    angles = np.tile(np.repeat([0.0, 120.0, 240.0], 4), (40, 1))
    angles[0, 4:8] = 0.0  # a cell without a view at 120 degrees
    folds = [slice(20), slice(20, None)]
    rows = metrics_by_angle(LABELS, [scores[f] for f in folds], [angles[f] for f in folds], GROUPS)
    assert [(row["angle"], row["views"]) for row in rows] == [(0.0, 164), (120.0, 156), (240.0, 160)]
    mean, groups = scores[1:, 4:8].mean(axis=1), GROUPS[1:]
    wanted = {name: interval(LABELS[1:], mean, name, groups) for name in ("sens", "spec", "acc")}
    assert rows[1]["interval"] == wanted
    assert rows[1]["acc"] == ((mean >= 0.5) == LABELS[1:]).mean()


# two fields with two abnormal marks each, one with none; the last mark was not found
MARKS, MARK_UNIT = np.array([0.9, 0.4, 0.6, -np.inf]), np.array([0, 0, 1, 1])
FALSE, FALSE_UNIT = np.array([0.7, 0.5, 0.3, 0.2]), np.array([0, 2, 1, 2])
FROC = Froc(MARKS, MARK_UNIT, FALSE, FALSE_UNIT, np.array([1, 1, 1]))


@pytest.mark.parametrize(
    ("rate", "expected"),
    [(0, 1 / 4), (1 / 3, 2 / 4), (2 / 3, 3 / 4), (1, 3 / 4), (9, 3 / 4)],  # 0, 1, 2, 3, all of the false calls
)
def test_sensitivity_at_a_rate_of_false_calls(rate, expected):
    assert FROC.sensitivity([rate])[0] == expected


def test_curve_ends_below_one_where_a_mark_was_not_found():
    rates, found = FROC.curve()
    assert rates[[0, -1]] == pytest.approx([0, 4 / 3])
    assert found[[0, -1]] == pytest.approx([1 / 4, 3 / 4])
    assert (np.diff(rates) >= 0).all() and (np.diff(found) >= 0).all()


def test_no_false_call_and_no_mark():
    none = np.array([])
    assert Froc(MARKS, MARK_UNIT, none, none.astype(int), np.array([1, 1])).sensitivity([0])[0] == 3 / 4
    assert np.isnan(Froc(none, none.astype(int), FALSE, FALSE_UNIT, np.array([1, 1, 1])).sensitivity([1])[0])


def test_interval_holds_the_sensitivity_of_many_like_fields(rng):
    units = 40
    froc = Froc(
        rng.normal(1, 1, 3 * units), np.repeat(np.arange(units), 3), rng.normal(0, 1, 5 * units),
        np.repeat(np.arange(units), 5), np.ones(units, int),
    )  # fmt: skip
    (low, high), value = froc.intervals([1])[0], froc.sensitivity([1])[0]
    assert low < value < high
    assert high - low < 0.4


OF_CURVE = np.arange(120) // 4


def point(seed, start, share=50, groups=OF_CURVE):
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
    assert levels([one])[0].limits["auc"] == interval(one.labels, one.scores, "auc", OF_CURVE)


def test_a_gain_is_paired_over_the_seeds_that_both_have():
    points = [point(1, "alone"), point(2, "alone"), point(2, "adapted"), point(1, "adapted", 100)]
    (found,) = gains(points, "adapted", "alone")
    old, new = point(2, "alone"), point(2, "adapted")
    assert (found.share, found.value) == (50, pytest.approx(new.metrics()["auc"] - old.metrics()["auc"]))
    spread = interval(old.labels, old.scores, "auc", OF_CURVE)
    assert found.limits[0] < found.value < found.limits[1]
    assert found.limits[1] - found.limits[0] < spread[1] - spread[0]


def test_few_groups_have_no_interval():
    few = [point(1, start, groups=np.arange(120) % 3) for start in ("alone", "adapted")]
    assert levels(few)[0].limits["auc"] == TOO_FEW
    assert gains(few, "adapted", "alone")[0].limits == TOO_FEW
