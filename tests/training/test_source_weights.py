"""Source weights that a training accepts; tests/faults/test_bad_weights.py has those that it refuses."""

import pytest

from deeppap.io.caffe_messages import caffe_pb2, read_binary
from deeppap.io.errors import UserError
from deeppap.training import source as module
from deeppap.training.source import check_source_weights, find_weights, require_weights
from tests.support.caffe_nets import gaussian_weights


def test_other_layers_of_the_source_net_may_be_there(tmp_path, net_shapes):
    shapes = {name: net_shapes[name] for name in net_shapes if name.startswith("conv")}
    shapes |= {"fc6": [[4, 4], [4]], "fc8": [[1000, 4], [1000]]}
    check_source_weights(gaussian_weights(tmp_path / "w.caffemodel", shapes), 2, net_shapes)


def test_weights_in_the_format_of_2014_are_accepted(source_weights, tmp_path, net_shapes):
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


def test_real_weights_are_accepted(caffenet_weights, net_shapes):
    check_source_weights(caffenet_weights, 2, net_shapes)


def test_where_weights_are_found(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "PLACES", (tmp_path / "one", tmp_path / "two"))
    assert find_weights(None) is None
    with pytest.raises(UserError, match="from_scratch"):
        require_weights(None)
    (tmp_path / "two").write_bytes(b"")
    assert find_weights(None) == tmp_path / "two"
    monkeypatch.setenv("WEIGHTS", "elsewhere")
    assert str(find_weights(None)) == "elsewhere"
    assert str(find_weights("given")) == "given"
