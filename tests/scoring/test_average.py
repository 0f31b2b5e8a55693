import numpy as np
import pytest

from scoring.average import averaged
from scoring.cell_score import CellScore


def score(value, views=((0, None),)):
    prob = np.array([1 - value, value])
    return CellScore(None, list(views), prob, np.array([value]), np.array([value / 2]))


def test_the_mean_of_two_nets_view_by_view():
    first, second = averaged([[score(0.2), score(0.9)], [score(0.4), score(0.5)]])
    assert first.prob == pytest.approx([0.7, 0.3]) and second.prob == pytest.approx([0.3, 0.7])
    assert first.view_scores == pytest.approx([0.3]) and first.centre_scores == pytest.approx([0.15])


def test_nets_that_scored_other_cells_are_refused():
    with pytest.raises(ValueError):
        list(averaged([[score(0.2)], [score(0.4), score(0.5)]]))
