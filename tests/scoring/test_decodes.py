"""Scoring decodes an image once, however many cells lie in it, and gives the scores in the order asked for."""

from itertools import pairwise

import numpy as np
import pytest

from data_prep.dataset import open_dataset
from data_prep.views import Grid
from deeppap.scoring.cell_views import ViewChoice, cells_of_data_set, of_data_set
from deeppap.scoring.classify import places_of_csv, score_places
from deeppap.scoring.score_cells import score_cells
from tests.scoring.test_score_cells import MEAN, Recorder
from tests.support.field_cells import Counts, write_field_cells

CHOICE = ViewChoice(Grid(10, 10), 2, 1)
ONCE = {f"f{number}.png": 1 for number in range(4)}


@pytest.fixture
def manifest(tmp_path):
    return write_field_cells(tmp_path / "mine")


@pytest.fixture
def counts(monkeypatch):
    return Counts(monkeypatch)


@pytest.mark.parametrize("shift", [0, 10])
def test_cells_of_a_data_set(manifest, counts, shift):
    cells = open_dataset(manifest).cells
    ready = Recorder().view_input(MEAN, 2)
    found = {score.cell.id: score.score for score in score_cells(ready, cells_of_data_set(cells, CHOICE, shift))}
    assert counts.decoded == ONCE
    alone = score_cells(ready, (of_data_set(cell, CHOICE, shift) for cell in cells))
    assert found == {score.cell.id: score.score for score in alone}


def test_places_of_a_list_in_any_order(manifest, counts):
    rows = [line.split(",")[:4] for line in manifest.read_text().splitlines()[1:]]
    rows = sorted(rows, key=lambda row: (float(row[2]), row[0]))  # by column: the images come in turn
    assert all(one[0] != two[0] for one, two in pairwise(rows))
    listing = manifest.with_name("new.csv")
    listing.write_text("image,nucleus_x,nucleus_y\n" + "".join(f"{i},{x},{y}\n" for i, _, x, y in rows))
    places = places_of_csv(listing)
    assert counts.decoded == ONCE  # looked through, so that a broken one is named before the first score
    counts.decoded.clear()
    found = list(score_places(Recorder().view_input(MEAN, 2), places, CHOICE))
    assert counts.decoded == ONCE
    assert [(score.cell.image, *score.cell.centre) for score in found] == [tuple(place) for place in places]
    assert len(np.unique([score.score for score in found])) > 30
