"""Accuracy by the number of views and by angle, against what is averaged by hand."""

import numpy as np
import pytest

from deeppap.stats.by_view import accuracy_by_views, centre_crop_accuracy, metrics_by_angle
from deeppap.stats.intervals import interval, mean_interval, share_interval

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
    rows = accuracy_by_views(halves(scores), GROUPS, draws=300)
    assert [row["views"] for row in rows] == [1, 5, 10, 12]
    hits = (scores.mean(axis=1) >= 0.5) == LABELS
    assert rows[-1] == {"views": 12, "acc": hits.mean(), "std": 0.0, "interval": share_interval(hits, GROUPS)}
    single = ((scores >= 0.5) == LABELS[:, None]).mean()
    assert rows[0]["acc"] == pytest.approx(single, abs=0.02)
    assert rows[0]["std"] > 0


def test_the_draws_are_seeded():
    folds = halves(view_scores())
    assert accuracy_by_views(folds) == accuracy_by_views(folds) != accuracy_by_views(folds, seed=1)


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
