"""The nucleus net: its prototxt files, and the maxima of its map read as nuclei."""

import numpy as np
import pytest

from deeppap.engines.caffe_net import probe_net
from deeppap.io.caffe_messages import read_prototxt
from deeppap.screening.nuclei.detector import STRIDE, maxima
from deeppap.screening.nuclei.fcn_data import CROP, target
from tests.support.checkout import ROOT

FOLDER = ROOT / "prototxt/nucleus_fcn"


def bumps(*places, shape=(60, 80)):
    """A map with bumps of (x, y, width, height), all in its pixels."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    prob = np.zeros(shape, np.float32)
    for cx, cy, sigma, height in places:
        prob = np.maximum(prob, height * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * sigma**2)))
    return prob.astype(np.float32)


def test_places_are_between_pixels_and_highest_first():
    places, heights = maxima(bumps((20.3, 30.8, 1.75, 0.6), (50.0, 10.5, 1.75, 0.9)), 0.2)
    assert places == pytest.approx(np.array([(100.5, 21.5), (41.1, 62.1)]), abs=0.25)
    assert heights[0] > heights[1] > 0.2


@pytest.mark.parametrize(
    ("places", "least", "count"),
    [
        ([(20, 30, 1.75, 0.8), (26, 30, 1.75, 0.7)], 0.2, 2),  # a valley between them
        ([(40, 30, 4, 0.5), (44, 30, 4, 0.52)], 0.2, 1),  # a ripple
        ([(20, 30, 1.75, 0.3)], 0.4, 0),
        ([], 0.1, 0),
    ],
)
def test_one_maximum_a_nucleus(places, least, count):
    found, heights = maxima(bumps(*places), least)
    assert (found.shape, heights.shape) == ((count, 2), (count,))


def test_target_map_is_read_back_as_its_points():
    points = np.array([(30.0, 40.0), (90.6, 71.3)])
    drawn = target(points, np.array([3.5, 5.0]), (64, 64))
    found, heights = maxima(drawn.astype(np.float32) / 201, 0.3)
    assert found[np.argsort(found[:, 0])] == pytest.approx(points, abs=0.3)
    assert (heights > 0.8).all()


def test_deploy_equals_train_val_without_what_only_training_needs():
    nets = [read_prototxt(FOLDER / f"{name}.prototxt", "NetParameter") for name in ("train_val", "deploy")]
    for net in nets:
        for layer in net.layer:
            layer.ClearField("param")
            layer.convolution_param.ClearField("weight_filler")
            layer.convolution_param.ClearField("bias_filler")
    train, deploy = (
        [layer for layer in net.layer if layer.name not in ("data", "target", "loss", "prob")] for net in nets
    )
    assert train == deploy


def test_map_has_half_the_sides_of_its_input():
    blobs = probe_net(FOLDER / "deploy.prototxt")["blobs"]
    assert blobs["data"] == [1, 1, CROP, CROP]
    assert blobs["prob"] == [1, 1, CROP // STRIDE, CROP // STRIDE]
