"""The cells with the highest scores, whatever the order they come in."""

import random

from deeppap.screening.outputs.worst import Worst
from tests.support.screening import cell_at


def test_the_highest_are_kept_and_of_equals_the_first_by_place():
    cells = [cell_at(x, y, round(score / 10, 1)) for x in range(5) for y in range(5) for score in (x, 9, y)]
    expected = sorted(cells, key=lambda c: (-c.score, c.image, c.y, c.x))[:30]
    for seed in range(3):
        random.Random(seed).shuffle(cells)
        worst = Worst(30)
        for cell in cells:
            worst.add(cell)
        assert [(c.score, c.y, c.x) for c in worst.cells()] == [(c.score, c.y, c.x) for c in expected]


def test_fewer_cells_than_asked_are_all_kept():
    worst = Worst(500)
    assert worst.cells() == []
    worst.add(cell_at(1, 1))
    assert len(worst.cells()) == 1
