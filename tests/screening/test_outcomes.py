"""A screened field matched with its marks: found, called, false."""

import numpy as np
import pytest

from deeppap.screening.outcomes import CALLED, NOT_CALLED, NOT_FOUND, outcome_of
from tests.support.drawn_field import field_of
from tests.support.screening import cell_at

LABELS = ("HSIL", "Negative for intraepithelial lesion", "LSIL", "leukocyte", "HSIL")


def test_each_mark_has_an_outcome_and_each_cell_is_counted_once():
    field = field_of("field.png", [(100, 100), (200, 100), (300, 100), (400, 100), (500, 100)], LABELS)
    places = ((102, 100, 0.8), (200, 101, 0.6), (304, 100, 0.2), (400, 100, 0.9), (50, 50, 0.7), (60, 300, 0.1))
    found = outcome_of(field, [cell_at(*place) for place in places])
    assert [f.outcome for f in found.findings] == [CALLED, CALLED, NOT_CALLED, CALLED, NOT_FOUND]
    assert [f.label for f in found.findings] == ["HSIL", "NILM", "LSIL", "inflammatory", "HSIL"]
    assert [f.abnormal for f in found.findings] == [True, False, True, False, True]
    assert found.on_normal.tolist() == [0.6, 0.9]
    assert sorted(found.unmarked.tolist()) == [0.1, 0.7]
    assert found.cells == 6
    assert sorted(found.false_scores.tolist()) == pytest.approx([0.1, 0.6, 0.7, 0.9])


def test_a_cell_that_is_called_junk_is_not_said_to_be_called_normal():
    junk = cell_at(100, 100, 0.2, label="neither", kind="junk")
    (finding,) = outcome_of(field_of("field.png", [(100, 100)], ("HSIL",)), [junk]).findings
    assert finding.outcome == "found, not called abnormal"


def test_empty_field():
    field = field_of("field.png", [(100, 100)], ("HSIL",))
    found = outcome_of(field, [])
    assert (found.cells, found.findings[0].outcome, len(found.false_scores)) == (0, NOT_FOUND, 0)
    assert np.isneginf(found.findings[0].score)
