"""Aggregation over views and crops, by hand, with a scorer that is no net."""

from dataclasses import replace

import numpy as np
import pytest

from data_prep.views import Grid, shift_centre
from engines.caffe_engine import CPU_BATCH
from engines.crops import crop_views
from scoring.score_cells import Counts, abnormal, planned_views, render_views, score_cells

GRID = Grid(10, 10)
MEAN = np.full((3, 256, 256), 100, np.float32)


class Recorder:
    """Probabilities from each crop's own pixels; keeps what it was given."""

    def __init__(self, classes=2):
        self.weights = np.random.default_rng(classes).normal(size=(3, classes))
        self.crops = []

    def prob(self, crops):
        value = np.exp(crops[:, :, :100, :110].mean(axis=(2, 3)) @ self.weights / 20)  # sees where things lie
        return (value / value.sum(axis=1, keepdims=True)).astype(np.float32)

    def __call__(self, crops):
        self.crops.append(crops)
        return self.prob(crops)


@pytest.fixture(scope="module")
def cells(dataset):
    return [dataset.cells[0], dataset.cells[-1], dataset.cells[10]]


@pytest.mark.parametrize(("views", "crops"), [(1, 1), (3, 10), (12, 2), (12, 10)])
def test_means_over_views_and_crops(cells, views, crops):
    scorer = Recorder()
    found = list(score_cells(scorer, cells, MEAN, 227, GRID, Counts(views, crops), seed=1))
    assert [s.cell for s in found] == cells
    for s in found:
        plan = planned_views(s.cell, GRID, views, 1)
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
    # every cell costs views x crops, some views at a time
    assert sum(map(len, scorer.crops)) == len(cells) * views * crops
    assert max(map(len, scorer.crops)) == min(views, CPU_BATCH // crops) * crops


def test_a_cell_does_not_depend_on_its_neighbours(cells):
    together = list(score_cells(Recorder(), cells, MEAN, 227, GRID, Counts(11, 2), seed=1))
    for cell, s in zip(cells, together, strict=True):
        (alone,) = score_cells(Recorder(), [cell], MEAN, 227, GRID, Counts(11, 2), seed=1)
        assert np.array_equal(alone.prob, s.prob)
    assert list(score_cells(Recorder(), [], MEAN, 227, GRID, Counts(1, 1), seed=1)) == []


def test_seven_classes_score_the_sum_of_the_abnormal_ones(cells):
    (found,) = score_cells(Recorder(7), cells[:1], MEAN, 227, GRID, Counts(2, 3), seed=1)
    assert found.prob.shape == (7,)
    assert found.score == pytest.approx(found.prob[3:].sum())
    assert abnormal(np.array([[0.1, 0.2, 0.3, 0.1, 0.1, 0.1, 0.1]])) == pytest.approx([0.4])
    assert abnormal(np.array([0.3, 0.7])) == pytest.approx(0.7)


def test_planned_views_spread_over_the_rotations(cells):
    assert [i for i, _ in planned_views(cells[0], GRID, 5, 1)] == [0, 20, 40, 60, 80]
    assert [round(v.angle) for _, v in planned_views(cells[0], GRID, 5, 1)] == [0, 72, 144, 216, 288]
    every = planned_views(cells[0], GRID, 100, 1)
    assert [i for i, _ in every] == list(range(100))
    assert planned_views(cells[0], GRID, 150, 1) == every  # there are no more


def test_shifted_centres_change_what_is_scored_and_keep_the_cell(cells):
    plain = list(score_cells(Recorder(), cells, MEAN, 227, GRID, Counts(2, 1), seed=1))
    moved = list(score_cells(Recorder(), cells, MEAN, 227, GRID, Counts(2, 1), seed=1, shift=10))
    assert [s.cell for s in moved] == cells
    for cell, a, b in zip(cells, plain, moved, strict=True):
        if shift_centre(cell, 10, 1).centre != cell.centre:
            assert not np.array_equal(a.prob, b.prob)
        direct = replace(cell, centre=shift_centre(cell, 10, 1).centre)
        (same,) = score_cells(Recorder(), [direct], MEAN, 227, GRID, Counts(2, 1), seed=1)
        assert np.array_equal(same.prob, b.prob)
