"""Weights, mean images and prototxt that are wrong: refused before Caffe can end the process."""

import shutil

import numpy as np
import pytest

from data_prep.mean_image import read_mean
from deeppap.engines import deploy
from deeppap.engines.caffe_net import probe_net
from deeppap.io import caffe_messages
from deeppap.io.caffe_messages import (
    MAX_BINARY,
    caffe_pb2,
    read_binary,
    read_prototxt,
    training_prototxt,
    write_prototxt,
)
from deeppap.io.errors import UserError
from deeppap.io.pinned import REFERENCE, facts
from deeppap.io.training_prototxt import read_training
from deeppap.training.source import check_source_weights
from deeppap.training.train_fold import TrainOptions, train_fold
from tests.support.caffe_nets import gaussian_weights
from tests.support.checkout import ROOT

DEPLOY = ROOT / "prototxt/deploy.prototxt"


def changed(path, change):
    """Rewrite a .caffemodel with a change: (layers by name) -> None."""
    net = read_binary(path, "NetParameter", "")
    change({layer.name: layer for layer in net.layer})
    path.write_bytes(net.SerializeToString())


def boundary(data: bytes) -> int:
    """Where the last layer with weights begins in a serialized NetParameter."""
    layers = list(caffe_pb2().NetParameter.FromString(data).layer)
    last = max(index for index, layer in enumerate(layers) if layer.blobs)
    sizes = [layer.ByteSize() for layer in layers[last:]]
    return len(data) - sum(2 + (size.bit_length() + 6) // 7 + size for size in sizes)


def cut_at_a_boundary(path):
    """It parses, with layers missing, and Caffe would train those from random values without a word."""
    data = path.read_bytes()
    path.write_bytes(data[: boundary(data)])


def renamed(path):
    changed(path, lambda layers: setattr(layers["conv3"], "name", "conv3_old"))


def with_value(value):
    def spoil(layers):
        layers["conv2"].blobs[0].data[5] = value

    return lambda path: changed(path, spoil)


def reshaped(path):
    changed(path, lambda layers: layers["conv1"].blobs[0].shape.dim.__setitem__(slice(2, None), [121, 1]))


def short_of_values(path):
    changed(path, lambda layers: layers["conv4"].blobs[0].data.pop())


FAULTS = {
    "cut at a message boundary": (cut_at_a_boundary, "conv5"),
    "cut inside a field": (lambda path: path.write_bytes(path.read_bytes()[:-1000]), "cut short"),
    "conv3 renamed": (renamed, "conv3"),
    "NaN inside": (with_value(float("nan")), "finite numbers in conv2"),
    "infinity inside": (with_value(float("inf")), "finite numbers in conv2"),
    "another shape": (reshaped, "conv1 of shape"),
    "a value missing": (short_of_values, "values in conv4"),
    "0 bytes": (lambda path: path.write_bytes(b""), "an empty file"),
    "a text file": (lambda path: path.write_text("<html>404 Not Found</html>\n" * 20), "NetParameter"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "directory"),
    "missing": (lambda path: path.unlink(), "no such file"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_wrong_source_weights_are_named(source_weights, net_shapes, tmp_path, fault):
    path = tmp_path / "weights.caffemodel"
    shutil.copy(source_weights, path)
    check_source_weights(path, shapes=net_shapes)
    change, words = FAULTS[fault]
    change(path)
    with pytest.raises(UserError) as caught:
        check_source_weights(path, shapes=net_shapes)
    assert caught.value.where == str(path) and words in str(caught.value), caught.value


def test_another_net_is_named(net_shapes, trained_model, tmp_path):
    path = gaussian_weights(tmp_path / "vgg.caffemodel", {"conv1_1": [[8, 3, 3, 3], [8]], "fc8": [[4, 8], [4]]})
    with pytest.raises(UserError, match="found only conv1_1, fc8"):
        check_source_weights(path, shapes=net_shapes)
    with pytest.raises(UserError, match="a snapshot of ConvNet-T itself, with fc6_t, fc7_t, fc8_t"):
        check_source_weights(trained_model, shapes=net_shapes)


def test_the_references_name_with_another_sha1(source_weights, net_shapes, tmp_path):
    path = tmp_path / REFERENCE
    shutil.copy(source_weights, path)
    with pytest.raises(UserError, match=f"expected sha1 {facts()['sha1']}"):
        check_source_weights(path, shapes=net_shapes)


def test_a_file_beyond_the_limit_is_not_read(tmp_path):
    path = tmp_path / "huge.caffemodel"
    with path.open("wb") as file:
        file.truncate(MAX_BINARY + 1)
    with pytest.raises(UserError, match="at most 600.0 MB"):
        read_binary(path, "NetParameter", "Nothing.")


def test_the_tool_refuses_wrong_weights(untrained, source_weights, tmp_path, refused):
    place, fold = untrained
    path = tmp_path / "weights.caffemodel"
    shutil.copy(source_weights, path)
    cut_at_a_boundary(path)
    assert str(path) in refused(place, "train", "--net", fold, "--weights", path, "--gpu", "none")
    assert not (fold / "train.log").exists() and not (fold / "model.json").exists()


def blob(shape, value=100.0):
    message = caffe_pb2().BlobProto(num=1, channels=shape[0], height=shape[1], width=shape[2])
    message.data.extend(np.full(shape, value, np.float32).ravel().tolist())
    return message.SerializeToString()


MEANS = {
    "of 227 x 227": (blob((3, 227, 227)), "227 x 227"),
    "of one channel": (blob((1, 256, 256)), "1 x 1 x 256 x 256"),
    "with a value beyond 255": (blob((3, 256, 256), 300.0), "300..300"),
    "with NaN": (blob((3, 256, 256), float("nan")), "nan..nan"),
    "cut": (blob((3, 256, 256))[:-3], "cut short"),
    "empty": (b"", "an empty file"),
}


@pytest.mark.parametrize("kind", MEANS)
def test_a_wrong_mean_image_is_named(kind, untrained):
    data, words = MEANS[kind]
    _, fold = untrained
    path = fold / "mean.binaryproto"
    path.write_bytes(data)
    for read in (lambda: read_mean(path), lambda: train_fold(fold, TrainOptions(None))):
        with pytest.raises(UserError) as caught:
            read()
        assert caught.value.where == str(path) and words in str(caught.value)


@pytest.fixture
def own_prototxt(tmp_path, monkeypatch):
    """The project's prototxt folder, copied so that a test may change it."""
    shutil.copytree(ROOT / "prototxt", tmp_path / "root/prototxt")
    for module in (caffe_messages, deploy):
        monkeypatch.setattr(module, "ROOT", tmp_path / "root")
    return tmp_path / "root/prototxt"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("layer {", "layer {{", "3:8"),
        ("num_output", "num_outputs", "num_outputs"),
        ('type: "Convolution"', "type: Convolution", "type"),
        ("", "\x00\xff", "not text"),
    ],
)
def test_a_prototxt_with_an_error_is_refused_with_its_place(tmp_path, old, new, words):
    path = tmp_path / "deploy.prototxt"
    text = DEPLOY.read_text(encoding="utf-8")
    path.write_bytes((text.replace(old, new) if old else text + new).encode("latin-1"))
    for read in (lambda: read_prototxt(path, "NetParameter"), lambda: probe_net(path)):
        with pytest.raises(UserError) as caught:
            read()
        assert caught.value.where == str(path) and words in str(caught.value)


@pytest.mark.parametrize("name", ["train_val.prototxt", "deploy.prototxt"])
def test_fewer_outputs_than_labels_are_refused(own_prototxt, name, untrained):
    path = own_prototxt / name
    net = read_prototxt(path, "NetParameter")
    layer = [layer for layer in net.layer if layer.type == "InnerProduct"][-1]
    layer.inner_product_param.num_output = 1
    path.write_text(write_prototxt(net), encoding="utf-8")
    with pytest.raises(UserError, match="expected 2 outputs of the last layer, found .1."):
        read_training(training_prototxt(2), 2)
    _, fold = untrained
    with pytest.raises(UserError, match="2 outputs of the last layer"):
        train_fold(fold, TrainOptions(None))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("num_output: 96", "num_output: 0", "Check failed"),
        ("kernel_size: 11", "kernel_size: 1100", "Check failed"),
        ('type: "LRN"', 'type: "Lrn"', "Unknown layer type: Lrn"),
        ('bottom: "pool5"', 'bottom: "pool6"', "pool6"),
    ],
)
def test_what_caffe_itself_refuses_becomes_one_line(own_prototxt, old, new, reason):
    """A failed CHECK ends its process: it must not be ours. A net from elsewhere is not even given to it."""
    path = own_prototxt / "deploy.prototxt"
    text = DEPLOY.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        probe_net(path)
    assert caught.value.where == str(path) and reason in str(caught.value)
