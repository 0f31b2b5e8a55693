"""Crops against Caffe's own Data layer, to the bit."""

import caffe
import cv2
import numpy as np
import pytest

from data_prep.dataset import open_dataset
from data_prep.mean_image import read_mean
from data_prep.profiles import read_profile
from deeppap.engines.crops import corners, crop_views
from deeppap.io.caffe_messages import caffe_pb2
from deeppap.records.structs import RunRecord, SplitRecord
from deeppap.scoring.cell_views import ViewChoice, render_views
from tests.support.caffe_nets import data_net, raw_datum, write_datums


@pytest.fixture
def view(rng):
    return rng.integers(0, 256, (256, 256, 3), dtype=np.uint8)


@pytest.fixture
def mean(rng):
    return rng.uniform(0, 255, (3, 256, 256)).astype(np.float32)


def forward(net):
    net.forward()
    return net.blobs["data"].data.copy()


@pytest.mark.parametrize("encoded", [False, True])
def test_centre_crop_of_the_test_phase(view, mean, tmp_path, encoded):
    datum = raw_datum(view)
    if encoded:
        datum = caffe_pb2().Datum(encoded=True, data=cv2.imencode(".png", view)[1].tobytes(), label=0)
    source = write_datums(tmp_path / "lmdb", [datum])
    theirs = forward(data_net(tmp_path, source, mean, 227, 1, mirror=False))
    ours = crop_views(view[None], mean, 227, 1)
    assert ours.dtype == theirs.dtype == np.float32
    assert ours.shape == theirs.shape == (1, 3, 227, 227)
    assert ours.tobytes() == theirs.tobytes()


def test_corner_crops_and_their_mirrors(view, mean, tmp_path):
    """In the TRAIN phase Caffe crops at random; at 255 of 256 pixels every crop is one of the four corners."""
    source = write_datums(tmp_path / "lmdb", [raw_datum(view)])
    caffe.set_random_seed(1)
    theirs = {crop.tobytes() for crop in forward(data_net(tmp_path, source, mean, 255, 96, mirror=True, train=True))}
    ours = [crop.tobytes() for crop in crop_views(view[None], mean, 255)]
    assert len(set(ours)) == 8  # the centre is the first corner here
    assert theirs == set(ours)


def test_ten_crops_in_order(view):
    zero = np.zeros((3, 256, 256), np.float32)
    crops = crop_views(view[None], zero, 227)
    planes = view.transpose(2, 0, 1).astype(np.float32)
    places = [(14, 14), (0, 0), (0, 29), (29, 0), (29, 29)]
    assert corners(256, 227) == places
    for index, (row, column) in enumerate(places):
        part = planes[:, row : row + 227, column : column + 227]
        assert np.array_equal(crops[2 * index], part)
        assert np.array_equal(crops[2 * index + 1], part[:, :, ::-1])


def test_the_net_is_scored_on_what_it_was_validated_on(built_fold, tmp_path):
    """From the cell's image all the way: our first crop of a test view is the validation LMDB's, by Caffe."""
    config = RunRecord.read(built_fold.parent)
    cells = open_dataset(built_fold.parents[2] / config.dataset.path).by_id()
    profile, mean = read_profile(config.profile), read_mean(built_fold / "mean.binaryproto")
    ids = SplitRecord.read(built_fold.parent).folds[0]
    theirs = forward(data_net(tmp_path, built_fold / "val_lmdb", mean, 227, len(ids), mirror=False))
    for name, crop in zip(ids, theirs, strict=True):
        plan = ViewChoice(profile.test, profile.validation_views, config.seed).of(name)
        ours = crop_views(render_views(cells[name], [view for _, view in plan]), mean, 227, 1)
        assert ours.tobytes() == crop.tobytes()
