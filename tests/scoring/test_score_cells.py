"""Aggregation over views, crops and nets, with an engine that is no net; each image is decoded once."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from data_prep.classes import PLAIN, SEVEN
from data_prep.dataset import open_dataset
from data_prep.views import Grid, shifted
from deeppap.engines.crops import crop_views
from deeppap.engines.engine import Engine
from deeppap.scoring.cell_views import ViewChoice, cells_of_data_set, of_pixels, render_views
from deeppap.scoring.classify import Listed, cells_in_csv, with_pixels
from deeppap.scoring.score_cells import CellScore, abnormal, averaged, score_cells
from tests.support.field_cells import Counts, write_field_cells

GRID = Grid(10, 10)
MEAN = np.full((3, 256, 256), 100, np.float32)


class Recorder(Engine):
    """Probabilities from each crop's own pixels; keeps what it was given."""

    crop, batch = 227, 50
    forward = forward_with_layer = None  # a call does not ask for them here

    def __init__(self, classes=2):
        self.weights = np.random.default_rng(classes).normal(size=(3, classes))
        self.crops = []

    def prob(self, crops):
        value = np.exp(crops[:, :, :100, :110].mean(axis=(2, 3)) @ self.weights / 20)  # sees where things lie
        return (value / value.sum(axis=1, keepdims=True)).astype(np.float32)

    def __call__(self, crops):
        self.crops.append(crops)
        return self.prob(crops)


def score(cells, views, crops, engine=None, shift=0, outputs=PLAIN):
    choice = ViewChoice(GRID, views, seed=1)
    ready = (engine or Recorder()).view_input(MEAN, crops)
    return list(score_cells(ready, (alone(cell, choice, shift) for cell in cells), outputs))


def alone(cell, choice, shift):
    return next(cells_of_data_set([cell], choice, shift))


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
        (one,) = score([cell], 11, 2)
        assert np.array_equal(one.prob, s.prob)
    assert score([], 1, 1) == []


def test_seven_classes_score_the_sum_of_the_abnormal_ones(cells):
    (found,) = score(cells[:1], 2, 3, Recorder(7), outputs=SEVEN)
    assert found.prob.shape == (7,)
    assert found.score == pytest.approx(found.prob[3:].sum())
    assert abnormal(np.array([[0.1, 0.2, 0.3, 0.1, 0.1, 0.1, 0.1]]), SEVEN) == pytest.approx([0.4])
    assert abnormal(np.array([0.3, 0.7]), PLAIN) == pytest.approx(0.7)


def test_a_cell_of_pixels_scores_by_what_surrounds_it(cells):
    """Wherever the same pixels lie in a picture, and whatever the row: the same views, the same score."""
    choice, ready = ViewChoice(GRID, 3, 1), Recorder().view_input(MEAN, 2)
    field = np.random.default_rng(1).integers(0, 256, (400, 400, 3), np.uint8)
    twice = np.concatenate([field, field], axis=1)
    found = [of_pixels(field, (200.25, 190.5), choice, "a"), of_pixels(twice, (600.25, 190.5), choice, "b")]
    other = of_pixels(twice, (601.25, 190.5), choice, "b")
    one, two, three = score_cells(ready, [*found, other], PLAIN)
    assert one.views == two.views != three.views
    assert np.array_equal(one.prob, two.prob) and not np.array_equal(two.prob, three.prob)


def test_shifted_centres_change_what_is_scored_and_keep_the_cell(cells):
    plain = score(cells, 2, 1)
    moved = score(cells, 2, 1, shift=10)
    assert [s.cell for s in moved] == cells
    for cell, a, b in zip(cells, plain, moved, strict=True):
        centre = shifted(cell.centre, cell.id, 10, 1)
        if centre != cell.centre:
            assert not np.array_equal(a.prob, b.prob)
        direct = replace(cell, centre=centre)
        (same,) = score([direct], 2, 1)
        assert np.array_equal(same.prob, b.prob)


def score_of(value, ood_score=None):
    prob = np.array([1 - value, value])
    return CellScore(None, PLAIN, [(0, None)], prob, np.array([value]), np.array([value / 2]), ood_score)


def test_the_mean_of_two_nets_view_by_view():
    first, second = averaged([[score_of(0.2, 0.5), score_of(0.9, 2.0)], [score_of(0.4, 0.7), score_of(0.5)]])
    assert first.prob == pytest.approx([0.7, 0.3]) and second.prob == pytest.approx([0.3, 0.7])
    assert first.view_scores == pytest.approx([0.3]) and first.centre_scores == pytest.approx([0.15])
    assert first.ood_score == pytest.approx(0.6) and second.ood_score is None
    assert (first.out_of_distribution, second.out_of_distribution) == (False, None)
    with pytest.raises(ValueError):  # nets that scored other cells
        list(averaged([[score_of(0.2)], [score_of(0.4), score_of(0.5)]]))


def test_the_rounding_of_a_certain_net_of_seven_classes_does_not_pass_1():
    values = np.exp(np.random.default_rng(1).normal(size=(1000, 7)).astype(np.float32) * 3 - [50, 50, 50, 0, 0, 0, 0])
    prob = (values / values.sum(axis=1, keepdims=True)).astype(np.float32)
    assert (prob[:, 3:].sum(axis=1) > 1).any()  # else this says nothing
    assert abnormal(prob, SEVEN).dtype == np.float32 and abnormal(prob, SEVEN).max() == 1
    mean = prob.astype(np.float64).mean(axis=0)
    assert CellScore(None, SEVEN, [], mean + [0, 0, 0, 0, 0, 0, 1e-8], np.empty(0), np.empty(0)).score <= 1


CHOICE = ViewChoice(GRID, 2, 1)
ONCE = {f"f{number}.png": 1 for number in range(4)}


@pytest.fixture
def manifest(tmp_path):
    return write_field_cells(tmp_path / "mine")


@pytest.fixture
def counts(monkeypatch):
    return Counts(monkeypatch)


@pytest.mark.parametrize("shift", [0, 10])
def test_each_image_of_a_data_set_is_decoded_once(manifest, counts, shift):
    cells = open_dataset(manifest).cells
    ready = Recorder().view_input(MEAN, 2)
    found = {score.cell.id: score.score for score in score_cells(ready, cells_of_data_set(cells, CHOICE, shift), PLAIN)}
    assert counts.decoded == ONCE
    one_by_one = score_cells(ready, (alone(cell, CHOICE, shift) for cell in cells), PLAIN)
    assert found == {score.cell.id: score.score for score in one_by_one}


def test_each_image_of_a_list_is_decoded_once(manifest, counts):
    """In whatever order its lines come; a cell whose pixels did not fit into memory is read again."""
    rows = [line.split(",")[:4] for line in manifest.read_text().splitlines()[1:]]
    rows = sorted(rows, key=lambda row: (float(row[2]), row[0]))  # by column: the images take turns
    assert all(one[0] != two[0] for one, two in pairwise(rows))
    listing = manifest.with_name("new.csv")
    listing.write_text("image,nucleus_x,nucleus_y\n" + "".join(f"{i},{x},{y}\n" for i, _, x, y in rows))
    cells = cells_in_csv(listing, CHOICE)
    found = list(score_cells(Recorder().view_input(MEAN, 2), with_pixels(cells, CHOICE), PLAIN))
    assert counts.decoded == ONCE
    assert [(score.cell.image.name, *score.cell.centre) for score in found] == [
        (image, float(x), float(y)) for image, _, x, y in rows
    ]
    assert len({score.score for score in found}) > 30

    again = cells_in_csv(listing, CHOICE, held_bytes=3_000_000)
    assert 0 < sum(isinstance(cell, Listed) for cell in again) < len(again)
    scores = score_cells(Recorder().view_input(MEAN, 2), with_pixels(again, CHOICE), PLAIN)
    assert [score.score for score in scores] == [score.score for score in found]
