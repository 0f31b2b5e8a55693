"""Views whose crops the net makes itself score as the crops that numpy makes, to the bit."""

import numpy as np
import pytest

from data_prep.views import SIZE, Grid, View
from engines.caffe_engine import CaffeScorer
from engines.caffe_views import ViewScorer
from engines.crops import crop_views
from scoring.render_pool import rendered
from scoring.score_cells import Counts, render_views, score_cells
from tests.support.checkout import ROOT

DEPLOY = ROOT / "prototxt/deploy.prototxt"


@pytest.fixture(scope="module")
def scorer(trained_model):
    return CaffeScorer(DEPLOY, trained_model)


@pytest.mark.parametrize("crops", [1, 3, 10])
def test_crops_made_in_the_net_are_those_of_numpy(scorer, rng, crops):
    views = rng.integers(0, 256, (2, SIZE, SIZE, 3), np.uint8)
    mean = rng.uniform(0, 255, (3, SIZE, SIZE)).astype(np.float32)
    taker = ViewScorer(scorer, DEPLOY, mean, crops)
    found = taker(views.transpose(0, 3, 1, 2).astype(np.float32))
    cut = crop_views(views, mean, scorer.crop, crops)
    in_net = taker.net.blobs["data"].data.reshape(crops, 2, *cut.shape[1:]).swapaxes(0, 1).reshape(cut.shape)
    assert np.array_equal(in_net, cut)
    np.testing.assert_allclose(found, scorer(cut), rtol=0, atol=1e-6)  # BLAS may add up another batch otherwise


def test_cells_score_the_same_either_way(scorer, dataset, rng):
    mean = rng.uniform(0, 255, (3, SIZE, SIZE)).astype(np.float32)
    arguments = (dataset.cells[:2], mean, scorer.crop, Grid(10, 10), Counts(3, 2), 1)
    taker = ViewScorer(scorer, DEPLOY, mean, 2)
    taker.views = 2  # so that a cell takes more than one batch, the last one smaller
    for plain, other in zip(score_cells(scorer, *arguments), score_cells(taker, *arguments), strict=True):
        assert plain.cell == other.cell
        np.testing.assert_allclose(plain.prob, other.prob, rtol=0, atol=1e-7)
        np.testing.assert_allclose(plain.centre_scores, other.centre_scores, rtol=0, atol=1e-7)


def test_workers_render_what_one_process_renders(dataset):
    chunks = [
        (cell, [View(36.0 * i, i, -i) for i in range(n)])
        for cell, n in zip(dataset.cells, (12, 1, 3, 11, 2), strict=False)
    ]
    for (cell, views), found in zip(chunks, rendered(chunks, workers=2), strict=True):
        assert np.array_equal(found.transpose(0, 2, 3, 1), render_views(cell, views))
