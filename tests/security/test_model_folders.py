"""Folders of nets from elsewhere: what lies beside their listed files, and what leads out of them."""

import os
import shutil

import msgspec
import pytest

from deeppap.io.errors import UserError
from deeppap.io.files import read_file, sha256_file
from deeppap.records import ModelRecord
from deeppap.scoring.trained_model import TrainedModel


@pytest.fixture
def fold(trained_fold, copy_of):
    return copy_of(trained_fold, "train_lmdb", "val_lmdb")[1]


@pytest.mark.parametrize("snapshot", ["/etc/hostname", "../fold0/x", "snapshots/../../x", "", "a\nb", "..", "./x"])
def test_a_snapshots_name_stays_in_its_folder(fold, snapshot):
    msgspec.structs.replace(ModelRecord.read(fold), snapshot=snapshot).write(fold)
    with pytest.raises(UserError, match=r"model\.json: .*\$\.snapshot"):
        TrainedModel.open(fold)


@pytest.mark.parametrize("name", ["mean.binaryproto", "deploy.prototxt", "snapshots"])
def test_a_link_out_of_a_fold_is_not_followed(fold, name, tmp_path):
    shutil.move(fold / name, tmp_path / "elsewhere")
    (fold / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="a link out of it"):
        TrainedModel.open(fold)


def test_another_net_than_the_records_is_refused(fold):
    """Of the same shapes, so that the weights fit it: the scores alone would be others."""
    path = fold / "deploy.prototxt"
    TrainedModel.open(fold)
    path.write_text(path.read_text().replace("beta: 0.75", "beta: 0.5"))
    with pytest.raises(UserError, match="the net of the training"):
        TrainedModel.open(fold)


def test_a_graph_beside_the_weights_is_not_opened(fold, monkeypatch, tmp_path):
    pytest.importorskip("onnx", reason="the engines are not installed: make engines")
    from deeppap.engines import onnx_proof

    monkeypatch.setenv("DEEPPAP_CACHE", str(tmp_path))
    monkeypatch.setattr(onnx_proof, "compare_layers", lambda *words: None)
    model = TrainedModel.open(fold)
    before = onnx_proof.proven_graph(model.deploy, model.weights, model.weights_sha)
    for suffix in (".onnx", ".onnx.json"):
        os.mkfifo(model.weights.with_suffix(suffix))  # whoever opens it waits for ever
    assert onnx_proof.proven_graph(model.deploy, model.weights, model.weights_sha) == before


@pytest.mark.parametrize("read", [sha256_file, lambda path: read_file(path, "a file", 1000, "")])
@pytest.mark.parametrize("kind", ["FIFO", "device"])
def test_a_fifo_or_a_device_is_not_read(read, kind, tmp_path):
    path = tmp_path / "x"
    if kind == "FIFO":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(UserError, match="a regular file"):
        read(path)
