"""FROC: counted by hand on three fields, and its intervals."""

import numpy as np
import pytest

from deeppap.stats.froc import Froc

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
