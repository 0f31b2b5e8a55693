import numpy as np
import pytest

from deeppap.engines.caffe_engine import CaffeEngine
from tests.support.checkout import ROOT

DEPLOY = ROOT / "prototxt/deploy.prototxt"


@pytest.fixture(scope="module")
def scorer(trained_model):
    return CaffeEngine(DEPLOY, trained_model, batch=7)


@pytest.fixture(scope="module")
def crops():
    return np.random.default_rng(4).normal(0, 40, (9, 3, 227, 227)).astype(np.float32)


def test_probabilities(scorer, crops):
    prob = scorer(crops)
    assert (prob.shape, prob.dtype) == ((9, 2), np.float32)
    assert prob.sum(axis=1) == pytest.approx(np.ones(9), abs=1e-6)
    assert (scorer.crop, scorer.classes) == (227, 2)
    assert len(np.unique(prob[:, 1])) == 9  # it does look at the crop


@pytest.mark.parametrize("batch", [1, 4, 9, 50])
def test_batch_size_does_not_matter(scorer, crops, batch, monkeypatch):
    expected = scorer(crops)
    monkeypatch.setattr(scorer, "batch", batch)
    assert np.abs(scorer(crops) - expected).max() <= 1e-6


def test_scoring_is_repeatable_and_each_crop_stands_alone(scorer, crops):
    """No dropout, nothing kept from the batch before: neighbours and order change nothing."""
    expected = scorer(crops)
    assert np.array_equal(scorer(crops), expected)
    assert np.abs(scorer(crops[::-1])[::-1] - expected).max() <= 1e-6


def test_crops_made_in_the_nets_own_memory(scorer, crops):
    expected = scorer(crops)
    for count in (9, 3, 9):  # within the batch of 7, and beyond it
        room = scorer.room(count)
        room[...] = crops[:count]
        assert np.abs(scorer(room) - expected[:count]).max() <= 1e-6


def test_no_crops(scorer):
    assert scorer(np.empty((0, 3, 227, 227), np.float32)).shape == (0, 2)


def test_it_is_the_net_that_was_validated(trained_fold, trained_model, scorer, tmp_path):
    """Pycaffe on our crops gives the loss and accuracy that `caffe train` wrote into its log."""
    from data_prep.mean_image import read_mean
    from deeppap.engines.crops import crop_views
    from deeppap.training.caffe_log import parse
    from tests.support.caffe_nets import pixels, read_datums

    records = [datum for _, datum in read_datums(trained_fold / "val_lmdb")]
    views = np.stack([pixels(datum).transpose(1, 2, 0) for datum in records])
    labels = np.array([datum.label for datum in records])
    prob = scorer(crop_views(views, read_mean(trained_fold / "mean.binaryproto"), 227, 1)).astype(np.float64)
    _, loss, accuracy = parse(trained_fold / "train.log").test[-1]
    assert -np.log(prob[np.arange(len(labels)), labels]).mean() == pytest.approx(loss, rel=1e-4)
    assert (prob.argmax(axis=1) == labels).mean() == pytest.approx(accuracy)
