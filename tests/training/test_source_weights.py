import numpy as np
import pytest

from deeppap.io.caffe_messages import caffe_pb2, read_binary
from deeppap.io.errors import UserError
from deeppap.training import source as module
from deeppap.training.source import check_source_weights, find_weights, require_weights
from tests.support.caffe_nets import gaussian_weights

CONV = ["conv1", "conv2", "conv3", "conv4", "conv5"]


@pytest.fixture
def changed(source_weights, tmp_path):
    """Write the source weights again with a change: (net -> None) -> path."""

    def write(change):
        net = read_binary(source_weights, "NetParameter", "")
        change(net)
        path = tmp_path / "changed.caffemodel"
        path.write_bytes(net.SerializeToString())
        return path

    return write


def test_whole_weights_pass(source_weights, net_shapes):
    check_source_weights(source_weights, 2, net_shapes)


def test_other_layers_of_the_source_net_may_be_there(tmp_path, net_shapes):
    shapes = {name: net_shapes[name] for name in CONV} | {"fc6": [[4, 4], [4]], "fc8": [[1000, 4], [1000]]}
    check_source_weights(gaussian_weights(tmp_path / "w.caffemodel", shapes), 2, net_shapes)


@pytest.mark.parametrize("number", range(5))
def test_a_missing_layer_is_named(changed, net_shapes, number):
    path = changed(lambda net: net.layer.__delitem__(number))
    with pytest.raises(UserError, match=f"expected weights of {CONV[number]}, found only conv"):
        check_source_weights(path, 2, net_shapes)


def test_a_file_cut_at_a_message_boundary_is_refused(source_weights, tmp_path, net_shapes):
    """It parses, with layers missing, and Caffe would train those from random values without a word."""
    net = read_binary(source_weights, "NetParameter", "")
    del net.layer[3:]
    whole = source_weights.read_bytes()
    path = tmp_path / "cut.caffemodel"
    path.write_bytes(whole[: len(net.SerializeToString())])
    assert len(caffe_pb2().NetParameter.FromString(path.read_bytes()).layer) == 3
    with pytest.raises(UserError, match="expected weights of conv4, conv5"):
        check_source_weights(path, 2, net_shapes)


def test_a_wrong_shape_is_named(changed, net_shapes):
    def narrow(net):
        net.layer[1].blobs[0].shape.dim[1] = 96
        net.layer[1].blobs[0].data.extend(np.zeros(256 * 48 * 25, np.float32).tolist())

    with pytest.raises(UserError, match="expected conv2 of shape 256x48x5x5 and 256, found 256x96x5x5 and 256"):
        check_source_weights(changed(narrow), 2, net_shapes)


def test_too_few_values_are_refused(changed, net_shapes):
    with pytest.raises(UserError, match="expected 34848 values in conv1, found 34847"):
        check_source_weights(changed(lambda net: net.layer[0].blobs[0].data.pop()), 2, net_shapes)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_no_numbers_are_refused(changed, net_shapes, value):
    def spoil(net):
        net.layer[4].blobs[1].data[7] = value

    with pytest.raises(UserError, match="finite numbers in conv5, found 1"):
        check_source_weights(changed(spoil), 2, net_shapes)


def test_a_snapshot_is_no_source(trained_model, net_shapes):
    with pytest.raises(UserError, match="found a snapshot of ConvNet-T itself, with fc6_t, fc7_t, fc8_t"):
        check_source_weights(trained_model, 2, net_shapes)


def test_weights_in_the_format_of_2014_pass(source_weights, tmp_path, net_shapes):
    """The reference model is in it: `layers` with four-axis blobs."""
    new = read_binary(source_weights, "NetParameter", "")
    old = caffe_pb2().NetParameter(name="old")
    for layer in new.layer:
        kept = old.layers.add(name=layer.name)
        for blob in layer.blobs:
            shape = [1] * (4 - len(blob.shape.dim)) + list(blob.shape.dim)
            names = ("num", "channels", "height", "width")
            kept.blobs.add(**dict(zip(names, shape, strict=True))).data.extend(blob.data)
    path = tmp_path / "old.caffemodel"
    path.write_bytes(old.SerializeToString())
    check_source_weights(path, 2, net_shapes)


def test_real_weights_pass(caffenet_weights, net_shapes):
    assert check_source_weights(caffenet_weights, 2, net_shapes)["name"] == caffenet_weights.name


def test_where_weights_are_found(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "PLACES", (tmp_path / "one", tmp_path / "two"))
    assert find_weights(None) is None
    with pytest.raises(UserError, match="Or use `from_scratch`"):
        require_weights(None)
    (tmp_path / "two").write_bytes(b"")
    assert find_weights(None) == tmp_path / "two"
    monkeypatch.setenv("WEIGHTS", "elsewhere")
    assert str(find_weights(None)) == "elsewhere"
    assert str(find_weights("given")) == "given"
