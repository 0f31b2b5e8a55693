"""What an engine's layers give beside the probabilities, from the same pass."""

import numpy as np
import pytest

from deeppap.engines.caffe_engine import CaffeEngine
from deeppap.engines.caffe_views import CaffeViews
from deeppap.engines.crops import CropEngine, crop_views
from deeppap.io.errors import UserError
from tests.support.caffe_nets import gaussian_weights
from tests.support.checkout import ROOT

DEPLOY = ROOT / "prototxt/deploy.prototxt"


@pytest.fixture(scope="module")
def caffe_engine(net_shapes, tmp_path_factory):
    weights = gaussian_weights(tmp_path_factory.mktemp("layers") / "random.caffemodel", net_shapes, std=0.05)
    return CaffeEngine(DEPLOY, weights, batch=4)


@pytest.fixture
def views(rng):
    return rng.integers(0, 256, (3, 256, 256, 3), np.uint8)


MEAN = np.full((3, 256, 256), 120, np.float32)


def filled(ready, views):
    memory = ready.memory(len(views))
    for view, place in zip(views, memory, strict=True):
        ready.fill(view, place)
    return memory


@pytest.mark.parametrize("layer", ["conv3", "pool5", "fc7_t"])
def test_a_layers_means_come_with_the_same_probabilities(caffe_engine, views, layer):
    crops = crop_views(views, MEAN, 227, 2)
    prob, shown = caffe_engine.with_layer(crops, layer)
    assert np.array_equal(prob, caffe_engine(crops))
    maps = [caffe_engine.activations(crop, (layer,))[layer] for crop in crops]
    expected = np.stack([found.reshape(len(found), -1).mean(axis=1) for found in maps])
    np.testing.assert_allclose(shown, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    assert len(np.unique(shown, axis=0)) == len(crops)
    assert caffe_engine.with_layer(crops[:0], layer)[1].shape == (0, shown.shape[1])


@pytest.mark.parametrize("layer", ["conv3", "fc7_t"])
@pytest.mark.parametrize("whole", [False, True])
def test_of_views_the_centre_crops(caffe_engine, views, layer, whole):
    """By crops cut here, and by crops that the net cuts (as on a GPU)."""
    ready = CaffeViews(caffe_engine, MEAN, 2) if whole else caffe_engine.view_input(MEAN, 2)
    expected = caffe_engine.with_layer(crop_views(views, MEAN, 227, 1), layer)[1]
    plain = ready(filled(ready, views)).copy()
    prob, shown = ready.with_layer(filled(ready, views), layer)
    np.testing.assert_allclose(prob, plain, rtol=0, atol=1e-6)
    np.testing.assert_allclose(shown, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_a_layer_that_is_not_there_is_one_line(caffe_engine, views):
    for ready in (CaffeViews(caffe_engine, MEAN, 1), caffe_engine.view_input(MEAN, 1)):
        with pytest.raises(UserError, match="expected a blob conv9, found data, conv1"):
            ready.with_layer(filled(ready, views), "conv9")


def test_an_engine_without_layers_says_so(views):
    class Other(CropEngine):
        name, batch, crop = "other", 4, 227

        def __call__(self, crops):
            return np.ones((len(crops), 2), np.float32) / 2

    ready = Other().view_input(MEAN, 1)
    with pytest.raises(UserError, match="--engine other: expected an engine that shows the layer conv3"):
        ready.with_layer(filled(ready, views), "conv3")
