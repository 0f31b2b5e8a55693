"""Which weights an adapted net keeps: means of weights, and the rule that the inner cells decide by."""

import numpy as np
import pytest

from deeppap.engines.weights_file import blob_array, layers_of
from deeppap.io.caffe_messages import read_binary
from deeppap.records import BlendRecord, BlendTry
from deeppap.training.blend import chosen, gains, mean_of_weights
from deeppap.training.snapshots import kept_because
from tests.support.caffe_nets import gaussian_weights

SHAPES = {"conv1": [[2, 3], [2]], "fc8_t": [[4], [1]]}


def weights_of(path):
    layers = layers_of(read_binary(path, "NetParameter", ""))
    return {name: [blob_array(blob) for blob in blobs] for name, blobs in layers.items()}


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_mean_of_weights_lies_between_both_nets(tmp_path, share):
    paths = [gaussian_weights(tmp_path / f"{seed}.caffemodel", SHAPES, seed=seed) for seed in (1, 2)]
    mean_of_weights(*paths, share, tmp_path / "mean.caffemodel")
    first, second, mean = map(weights_of, (*paths, tmp_path / "mean.caffemodel"))
    for name in SHAPES:
        for old, new, found in zip(first[name], second[name], mean[name], strict=True):
            assert found.shape == old.shape
            assert found == pytest.approx((1 - share) * old + share * new, abs=1e-7)


def cells(count, apart, seed=0):
    """As many normal as abnormal cells, whose scores' means lie so far apart."""
    labels = np.arange(count) % 2
    logits = np.random.default_rng(seed).normal(0, 1, count) + apart * (labels - 0.5)
    return labels, 1 / (1 + np.exp(-logits))


def test_more_cells_show_a_smaller_gain():
    shown = [gains(*cells(count, 1), cells(count, 1.3, seed=1)[1]) for count in (40, 4000)]
    assert shown == [False, True]
    assert gains(*cells(40, 0), cells(40, 4, seed=1)[1])  # a large gain needs few
    assert not gains(*cells(4000, 1.3), cells(4000, 1, seed=1)[1])  # a loss is no gain
    assert not gains(*cells(4000, 1), cells(4000, 1)[1])


def test_half_is_kept_unless_the_inner_cells_are_sure():
    labels = np.array([1] * 10 + [0] * 44)
    right, wrong = np.linspace(1, 0, 54), np.linspace(0, 1, 54)
    nearly = np.where(np.arange(54) == 10, right[9] + 0.001, right)  # one normal cell before one abnormal cell
    assert chosen(labels, {0.0: wrong, 0.5: nearly, 1.0: right}) == 0.5
    assert chosen(labels, {0.0: wrong, 0.5: wrong, 1.0: right}) == 1.0
    assert chosen(labels, {0.0: right, 0.5: wrong, 1.0: wrong}) == 0.0
    # four cells of a label show nothing
    labels[4:10] = 0
    assert chosen(labels, {0.0: wrong, 0.5: right, 1.0: right}) == 0.0


@pytest.mark.parametrize(
    ("share", "auc", "abnormal", "said"),
    [
        (0.0, 0.75, 5, "AUC was 0.650 as it was and at best 0.750 adapted"),
        (0.5, 0.9, 9, "a mean is kept: 50 %"),
        (0.0, 0.9, 4, "too few to judge"),
        (0.0, None, 0, "too few to judge"),
    ],
)
def test_what_was_kept_is_said(share, auc, abnormal, said):
    tried = tuple(BlendTry(share=one, auc=auc and auc - 0.1 * (not one), loss=0.5) for one in (0.0, 0.5, 1.0))
    line = kept_because(BlendRecord(share=share, abnormal=abnormal, normal=21, tried=tried))
    assert said in line and f"{abnormal} abnormal and 21 normal" in line
    assert line.startswith("not adapted") is (not share)
