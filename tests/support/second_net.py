"""A second net of the same training, made of a trained one."""

from dataclasses import replace
from pathlib import Path

from deeppap.io.caffe_messages import read_binary
from deeppap.io.files import sha256_file
from deeppap.scoring.trained_model import TrainedModel


def second_net(one: TrainedModel, path: Path) -> TrainedModel:
    """As if it were the run's fold 1: its last layer says half as much; the weights are written to `path`."""
    net = read_binary(one.weights, "NetParameter", "")
    (last,) = [layer for layer in net.layer if layer.name == "fc8_t"]
    for blob in last.blobs:
        blob.data[:] = [value / 2 for value in blob.data]
    path.write_bytes(net.SerializeToString())
    return replace(one, folder=one.folder.parent / "fold1", weights=path, weights_sha=sha256_file(path))
