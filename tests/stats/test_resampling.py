"""Intervals of any figure: whole groups drawn, against SciPy's own bootstrap, closed forms and brute force."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from deeppap.scoring.results import load_run
from deeppap.stats.by_class import interval_per_class
from deeppap.stats.by_view import accuracy_by_views, centre_crop_accuracy, metrics_by_angle
from deeppap.stats.calibration import calibration_intervals, calibration_summary, expected_calibration_error
from deeppap.stats.intervals import interval
from deeppap.stats.operating_point import operating_intervals, operating_point
from deeppap.stats.resampling import mean_interval, resampled, share_interval, wilson
from tests.support.synthetic_run import write_synthetic_run


def scored(seed=1, n=120):
    rng = np.random.default_rng(seed)
    labels = np.r_[0, 1, rng.integers(0, 2, n - 2)]
    return labels, np.clip(0.35 * labels + 0.65 * rng.random(n), 0, 1)


def test_without_groups_a_mean_has_scipys_own_interval():
    values = np.random.default_rng(3).exponential(size=80)
    wanted = bootstrap((values,), np.mean, n_resamples=2000, batch=250, rng=np.random.default_rng(0))
    assert mean_interval(values, None) == pytest.approx(tuple(wanted.confidence_interval), abs=1e-12)


def test_copies_in_one_group_narrow_no_mean():
    values = np.random.default_rng(4).normal(size=40)
    alone, copied = mean_interval(values, None), mean_interval(np.repeat(values, 5), np.repeat(np.arange(40), 5))
    assert copied == pytest.approx(alone, abs=1e-12)
    low, high = mean_interval(np.repeat(values, 5), None)
    assert high - low < 0.6 * (alone[1] - alone[0])


def test_a_share_is_wilsons_without_groups_alone():
    hits = np.arange(60) % 4 > 0
    assert share_interval(hits, None) == wilson(45, 60)
    assert share_interval(hits, np.arange(60) // 3) != wilson(45, 60)
    assert share_interval(np.ones(12, bool), np.arange(12) // 3) == wilson(4, 4)
    assert share_interval(np.zeros(12, bool), np.arange(12) // 3) == wilson(0, 4)
    assert share_interval([], None) is None


def test_what_no_resampling_can_vary_is_not_called_sure():
    assert mean_interval(np.full(30, 0.7), None) is None
    assert resampled(lambda draws: np.full(len(draws), np.nan), np.arange(9)) is None
    assert resampled(lambda draws: draws.sum(axis=1), np.zeros(9, int)) is None
    labels, scores = np.repeat([0, 1], 20), np.repeat([0.1, 0.9], 20)
    assert interval(labels, scores, "auc", np.repeat(np.arange(8), 5)) is None


def test_every_figure_of_the_calibration_is_resampled_by_group():
    labels, scores = scored()
    groups = np.arange(120)
    alone, copied = (
        calibration_intervals(np.repeat(labels, k), np.repeat(scores, k), np.repeat(groups, k)) for k in (1, 4)
    )
    found = calibration_summary(labels, scores)
    assert alone.keys() == found.keys()
    for name in ("brier", "mean_score", "abnormal", "ece"):
        assert copied[name] == pytest.approx(alone[name], abs=1e-12), name
        assert alone[name][0] < found[name] < alone[name][1] or name == "ece", name


def test_the_calibration_error_of_each_resampling_is_that_of_its_cells():
    """SciPy's own interval of the error of the cells in the groups drawn, each drawn set put together by hand."""
    labels, scores = scored(5, 90)
    members = np.arange(90).reshape(30, 3)

    def error(picks):
        cells = members[picks].ravel()
        return expected_calibration_error(labels[cells], scores[cells])

    wanted = bootstrap((np.arange(30),), error, n_resamples=2000, batch=250, rng=np.random.default_rng(0))
    found = calibration_intervals(labels, scores, np.repeat(np.arange(30), 3))["ece"]
    assert found == pytest.approx(tuple(wanted.confidence_interval), abs=1e-12)


def test_a_screenings_specificity_has_its_threshold_chosen_anew():
    labels, scores = scored(6, 300)
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
    assert operating_intervals(labels, scores, np.repeat(np.arange(8), 5))["spec"] == wilson(4, 4)


def test_each_class_has_an_interval_of_its_own_groups():
    labels, scores = scored(7)
    kinds, groups = np.arange(120) % 3, np.arange(120) // 6
    found = interval_per_class(kinds.tolist(), labels, scores, groups)
    hits = (scores >= 0.5) == labels
    assert found == {k: share_interval(hits[kinds == k], groups[kinds == k]) for k in range(3)}


def test_views_and_angles_are_resampled_by_group(tmp_path):
    run = load_run(write_synthetic_run(tmp_path / "run", cells=70, shift=False))
    groups, labels = run.groups(), run.pooled("labels")
    hits = (run.pooled("scores") >= 0.5) == labels
    assert accuracy_by_views(run)[-1]["interval"] == share_interval(hits, groups)
    one = np.concatenate([((f.views.centre >= 0.5) == f.labels[:, None]).mean(1) for f in run.folds])
    assert centre_crop_accuracy(run)["interval"]["one_view"] == mean_interval(one, groups)
    angle = metrics_by_angle(run)[3]
    at = np.concatenate([f.views.scores[:, 30:40].mean(axis=1) for f in run.folds])
    assert angle["interval"] == {name: interval(labels, at, name, groups) for name in ("sens", "spec", "acc")}
