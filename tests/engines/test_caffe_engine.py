"""Caffe scoring crops and whole views, and what its layers give beside the probabilities."""

import numpy as np
import pytest

from data_prep.mean_image import read_mean
from data_prep.views import SIZE, Grid, View
from deeppap.engines.caffe_engine import CaffeEngine, CaffeViews
from deeppap.engines.crops import crop_views
from deeppap.io.errors import UserError
from deeppap.scoring.cell_views import CellViews, ViewChoice, of_data_set, render_views
from deeppap.scoring.fill_views import filled_ahead, filled_in_turn
from deeppap.training.caffe_log import parse
from tests.support.caffe_nets import gaussian_weights, pixels, read_datums
from tests.support.checkout import ROOT

DEPLOY = ROOT / "prototxt/deploy.prototxt"
MEAN = np.full((3, SIZE, SIZE), 120, np.float32)


@pytest.fixture(scope="module")
def engine(trained_model):
    return CaffeEngine(DEPLOY, trained_model, batch=7)


@pytest.fixture(scope="module")
def random_engine(net_shapes, tmp_path_factory):
    """Its layers give numbers that differ from crop to crop, unlike those of a net trained for one epoch."""
    weights = gaussian_weights(tmp_path_factory.mktemp("layers") / "random.caffemodel", net_shapes, std=0.05)
    return CaffeEngine(DEPLOY, weights, batch=4)


@pytest.fixture
def views(rng):
    return rng.integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)


def filled(ready, views):
    memory = ready.memory(len(views))
    for view, place in zip(views, memory, strict=True):
        ready.fill(view, place)
    return memory


def test_it_is_the_net_that_was_validated(trained_fold, engine):
    """Pycaffe on our crops gives the loss and accuracy that `caffe train` wrote into its log."""
    records = [datum for _, datum in read_datums(trained_fold / "val_lmdb")]
    views = np.stack([pixels(datum).transpose(1, 2, 0) for datum in records])
    labels = np.array([datum.label for datum in records])
    prob = engine(crop_views(views, read_mean(trained_fold / "mean.binaryproto"), 227, 1)).astype(np.float64)
    _, loss, accuracy = parse(trained_fold / "train.log").test[-1]
    assert -np.log(prob[np.arange(len(labels)), labels]).mean() == pytest.approx(loss, rel=1e-4)
    assert (prob.argmax(axis=1) == labels).mean() == pytest.approx(accuracy)


@pytest.mark.parametrize("crops", [1, 3, 10])
def test_crops_made_in_the_net_are_those_of_numpy_to_the_bit(engine, views, rng, crops):
    mean = rng.uniform(0, 255, (3, SIZE, SIZE)).astype(np.float32)
    ready = CaffeViews(engine, mean, crops)
    found = ready(filled(ready, views))
    cut = crop_views(views, mean, engine.crop, crops)
    in_net = ready.net.blobs["data"].data.reshape(crops, 3, *cut.shape[1:]).swapaxes(0, 1).reshape(cut.shape)
    assert np.array_equal(in_net, cut)
    # BLAS may add up another batch in another order
    np.testing.assert_allclose(found, engine(cut).reshape(3, crops, -1), rtol=0, atol=1e-6)


def test_worker_processes_fill_what_threads_fill(engine, dataset):
    ready = CaffeViews(engine, np.zeros_like(MEAN), 2)
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


@pytest.mark.parametrize("layer", ["conv3", "fc7_t"])
@pytest.mark.parametrize("whole", [False, True])
def test_of_views_a_layer_gives_the_centre_crops_means(random_engine, views, layer, whole):
    """By crops cut here, and by crops that the net cuts, as on a GPU."""
    ready = CaffeViews(random_engine, MEAN, 2) if whole else random_engine.view_input(MEAN, 2)
    expected = random_engine.with_layer(crop_views(views, MEAN, 227, 1), layer)[1]
    plain = ready(filled(ready, views)).copy()
    prob, features = ready.with_layer(filled(ready, views), layer)
    np.testing.assert_allclose(prob, plain, rtol=0, atol=1e-6)
    np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    with pytest.raises(UserError, match="blob conv9"):
        ready.with_layer(filled(ready, views), "conv9")
