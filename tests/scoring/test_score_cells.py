"""Aggregation over views and crops, by hand, with an engine that is no net."""

from dataclasses import replace

import numpy as np
import pytest

from data_prep.views import Grid, shift_centre
from deeppap.engines.crops import CropEngine, crop_views
from deeppap.io.errors import UserError
from deeppap.scoring.cell_views import ViewChoice, of_data_set, of_pixels, render_views
from deeppap.scoring.score_cells import abnormal, score_cells

GRID = Grid(10, 10)
MEAN = np.full((3, 256, 256), 100, np.float32)


class Recorder(CropEngine):
    """Probabilities from each crop's own pixels; keeps what it was given."""

    crop, batch = 227, 50

    def __init__(self, classes=2):
        self.weights = np.random.default_rng(classes).normal(size=(3, classes))
        self.crops = []

    def prob(self, crops):
        value = np.exp(crops[:, :, :100, :110].mean(axis=(2, 3)) @ self.weights / 20)  # sees where things lie
        return (value / value.sum(axis=1, keepdims=True)).astype(np.float32)

    def __call__(self, crops):
        self.crops.append(crops)
        return self.prob(crops)


def score(cells, views, crops, engine=None, shift=0):
    choice = ViewChoice(GRID, views, seed=1)
    ready = (engine or Recorder()).view_input(MEAN, crops)
    return list(score_cells(ready, (of_data_set(cell, choice, shift) for cell in cells)))


@pytest.fixture(scope="module")
def cells(dataset):
    return [dataset.cells[0], dataset.cells[-1], dataset.cells[10]]


@pytest.mark.parametrize(("views", "crops"), [(1, 1), (3, 10), (12, 2), (12, 10)])
def test_means_over_views_and_crops(cells, views, crops):
    scorer = Recorder()
    found = score(cells, views, crops, scorer)
    assert [s.cell for s in found] == cells
    for s in found:
        plan = ViewChoice(GRID, views, 1).of(s.cell.id)
        assert s.views == plan
        by_hand = [
            [
                scorer.prob(crop[None])[0].astype(float)
                for crop in crop_views(render_views(s.cell, [v]), MEAN, 227, crops)
            ]
            for _, v in plan
        ]
        table = np.array(by_hand)
        assert table.shape == (views, crops, 2)
        assert s.prob == pytest.approx(table.mean(axis=(0, 1)))
        assert s.score == pytest.approx(table[:, :, 1].mean())
        assert s.view_scores == pytest.approx(table[:, :, 1].mean(axis=1))
        assert s.centre_scores == pytest.approx(table[:, 0, 1])
    # every cell costs views x crops; whole batches, whichever cells they hold
    assert sum(map(len, scorer.crops)) == len(cells) * views * crops
    at_once = scorer.batch // crops * crops
    assert all(len(part) == at_once for part in scorer.crops[:-1])
    assert max(map(len, scorer.crops)) == min(len(cells) * views * crops, at_once)


def test_a_cell_does_not_depend_on_its_neighbours(cells):
    together = score(cells, 11, 2)
    for cell, s in zip(cells, together, strict=True):
        (alone,) = score([cell], 11, 2)
        assert np.array_equal(alone.prob, s.prob)
    assert score([], 1, 1) == []


def test_seven_classes_score_the_sum_of_the_abnormal_ones(cells):
    (found,) = score(cells[:1], 2, 3, Recorder(7))
    assert found.prob.shape == (7,)
    assert found.score == pytest.approx(found.prob[3:].sum())
    assert abnormal(np.array([[0.1, 0.2, 0.3, 0.1, 0.1, 0.1, 0.1]])) == pytest.approx([0.4])
    assert abnormal(np.array([0.3, 0.7])) == pytest.approx(0.7)


def test_planned_views_spread_over_the_rotations():
    five = ViewChoice(GRID, 5, 1).of("cell")
    assert [i for i, _ in five] == [0, 20, 40, 60, 80]
    assert [round(v.angle) for _, v in five] == [0, 72, 144, 216, 288]
    assert [i for i, _ in ViewChoice(GRID, 100, 1).of("cell")] == list(range(100))


@pytest.mark.parametrize("count", [0, -1, 101])
def test_views_that_there_are_not_are_refused(count):
    with pytest.raises(UserError, match="--views: expected 1 to 100"):
        ViewChoice(GRID, count, 1)


def test_a_cell_of_pixels_scores_by_what_surrounds_it(cells):
    """Wherever the same pixels lie in a picture, and whatever the row: the same views, the same score."""
    choice, ready = ViewChoice(GRID, 3, 1), Recorder().view_input(MEAN, 2)
    field = np.random.default_rng(1).integers(0, 256, (400, 400, 3), np.uint8)
    twice = np.concatenate([field, field], axis=1)
    found = [of_pixels(field, (200.25, 190.5), choice, "a"), of_pixels(twice, (600.25, 190.5), choice, "b")]
    other = of_pixels(twice, (601.25, 190.5), choice, "b")
    one, two, three = score_cells(ready, [*found, other])
    assert one.views == two.views != three.views
    assert np.array_equal(one.prob, two.prob) and not np.array_equal(two.prob, three.prob)


def test_shifted_centres_change_what_is_scored_and_keep_the_cell(cells):
    plain = score(cells, 2, 1)
    moved = score(cells, 2, 1, shift=10)
    assert [s.cell for s in moved] == cells
    for cell, a, b in zip(cells, plain, moved, strict=True):
        if shift_centre(cell, 10, 1).centre != cell.centre:
            assert not np.array_equal(a.prob, b.prob)
        direct = replace(cell, centre=shift_centre(cell, 10, 1).centre)
        (same,) = score([direct], 2, 1)
        assert np.array_equal(same.prob, b.prob)
