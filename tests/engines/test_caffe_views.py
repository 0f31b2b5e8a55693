"""Views whose crops the net makes itself score as the crops that numpy makes, to the bit."""

import numpy as np
import pytest

from data_prep.views import SIZE, Grid, View
from deeppap.engines.caffe_engine import CaffeEngine
from deeppap.engines.caffe_views import CaffeViews
from deeppap.engines.crops import CroppedInput, crop_views
from deeppap.scoring.cell_views import CellViews, ViewChoice, of_data_set, render_views
from deeppap.scoring.fill import filled_in_turn
from deeppap.scoring.fill_ahead import filled_ahead
from deeppap.scoring.score_cells import score_cells
from tests.support.checkout import ROOT

DEPLOY = ROOT / "prototxt/deploy.prototxt"


@pytest.fixture(scope="module")
def scorer(trained_model):
    return CaffeEngine(DEPLOY, trained_model)


@pytest.mark.parametrize("crops", [1, 3, 10])
def test_crops_made_in_the_net_are_those_of_numpy(scorer, rng, crops):
    views = rng.integers(0, 256, (2, SIZE, SIZE, 3), np.uint8)
    mean = rng.uniform(0, 255, (3, SIZE, SIZE)).astype(np.float32)
    ready = CaffeViews(scorer, mean, crops)
    found = ready(views.transpose(0, 3, 1, 2).astype(np.float32))
    cut = crop_views(views, mean, scorer.crop, crops)
    in_net = ready.net.blobs["data"].data.reshape(crops, 2, *cut.shape[1:]).swapaxes(0, 1).reshape(cut.shape)
    assert np.array_equal(in_net, cut)
    # BLAS may add up another batch otherwise
    np.testing.assert_allclose(found, scorer(cut).reshape(2, crops, -1), rtol=0, atol=1e-6)


def test_cells_score_the_same_either_way(scorer, dataset, rng):
    mean = rng.uniform(0, 255, (3, SIZE, SIZE)).astype(np.float32)
    cells = [of_data_set(cell, ViewChoice(Grid(10, 10), 3, 1)) for cell in dataset.cells[:2]]
    ready = CaffeViews(scorer, mean, 2)
    ready.at_once = 2  # so that a cell takes more than one batch, and one batch holds two cells
    in_turn = score_cells(scorer.view_input(mean, 2), cells)
    for plain, other in zip(in_turn, score_cells(ready, cells), strict=True):
        assert plain.cell == other.cell
        np.testing.assert_allclose(plain.prob, other.prob, rtol=0, atol=1e-7)
        np.testing.assert_allclose(plain.centre_scores, other.centre_scores, rtol=0, atol=1e-7)


def test_workers_fill_what_threads_fill(scorer, dataset):
    mean = np.zeros((3, SIZE, SIZE), np.float32)
    ready = CaffeViews(scorer, mean, 2)
    ready.at_once = 11  # some cells over two chunks, some chunks of three cells
    cells = []
    for cell, n in zip(dataset.cells, (12, 1, 3, 11, 2), strict=False):
        plain = of_data_set(cell, ViewChoice(Grid(1, 1), 1, 1))
        cells.append(CellViews(cell, plain.read, [(i, View(36.0 * i, i, -i)) for i in range(n)]))
    seen = [[], []]
    for kept, fill in zip(seen, (filled_in_turn, filled_ahead), strict=True):
        for chunk, memory in fill(ready, cells):
            kept.append((chunk, memory.copy()))
    assert [len(chunk) for chunk, _ in seen[0]] == [11, 11, 7]
    for (chunk, turn), (other, ahead) in zip(*seen, strict=True):
        assert chunk == other
        assert np.array_equal(turn, ahead)
    views = np.concatenate([memory for _, memory in seen[1]])
    by_hand = np.concatenate([render_views(cell.cell, [v for _, v in cell.views]) for cell in cells])
    assert np.array_equal(views.transpose(0, 2, 3, 1), by_hand)


def test_an_engine_of_crops_gets_them_from_all_its_views(scorer, rng):
    """The default input, over the engine's own memory."""
    views = rng.integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)
    mean = rng.uniform(0, 255, (3, SIZE, SIZE)).astype(np.float32)
    ready = CroppedInput(scorer, mean, 4)
    memory = ready.memory(3)
    for view, place in zip(views, memory, strict=True):
        ready.fill(view, place)
    assert np.array_equal(memory.reshape(12, 3, 227, 227), crop_views(views, mean, 227, 4))
    assert np.shares_memory(memory, scorer.net.blobs["data"].data)
