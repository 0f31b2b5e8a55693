"""Calibration against scikit-learn, by hand, and its intervals against SciPy's."""

import numpy as np
import pytest
from scipy.stats import bootstrap
from sklearn.calibration import calibration_curve as sk_curve

from deeppap.stats.calibration import (
    calibration_curve,
    calibration_intervals,
    calibration_summary,
    expected_calibration_error,
)
from tests.support.scores import both_classes, ordered


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


def test_every_figure_is_resampled_by_group():
    labels, scores = ordered(1)
    groups = np.arange(120)
    alone, copied = (
        calibration_intervals(np.repeat(labels, k), np.repeat(scores, k), np.repeat(groups, k)) for k in (1, 4)
    )
    found = calibration_summary(labels, scores)
    assert alone.keys() == found.keys()
    for name in found:
        assert copied[name] == pytest.approx(alone[name], abs=1e-12), name
        assert name == "ece" or alone[name][0] < found[name] < alone[name][1]


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
