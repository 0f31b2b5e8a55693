"""Folders of nets from elsewhere: what lies beside their listed files, and what leads out of them."""

import os
import shutil
from types import SimpleNamespace

import msgspec
import pytest

from deeppap.io.errors import UserError
from deeppap.io.files import read_file, sha256_file
from deeppap.records import ModelRecord
from deeppap.scoring.open_nets import SUMS, open_release
from deeppap.scoring.trained_model import TrainedModel

FILES = ("fold.json", "model.json", "mean.binaryproto", "deploy.prototxt", "snapshots/net.caffemodel")


@pytest.fixture
def release(tmp_path, monkeypatch):
    """A release of one net, of which only the files are checked."""
    monkeypatch.setattr(TrainedModel, "open", classmethod(lambda cls, folder, say: SimpleNamespace(folder=folder)))
    folder = tmp_path / "release"
    for name in FILES:
        path = folder / "fold0" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"net")
    lines = [f"{sha256_file(folder / 'fold0' / name)}  fold0/{name}\n" for name in FILES]
    (folder / SUMS).write_text("".join(lines))
    assert len(open_release(folder)) == 1
    return folder


def a_graph(fold):
    (fold / "snapshots/net.onnx").write_bytes(b"ready")


def a_reference(fold):
    (fold / "ood_reference.npz").write_bytes(b"PK")


def a_fifo(fold):
    os.mkfifo(fold / "scores.json")


def a_listed_fifo(fold):
    (fold / "mean.binaryproto").unlink()
    os.mkfifo(fold / "mean.binaryproto")


def a_link(fold):
    (fold / "training.json").symlink_to("/etc/hostname")


def a_listed_link(fold):
    shutil.move(fold / "deploy.prototxt", fold.parent.parent / "elsewhere")
    (fold / "deploy.prototxt").symlink_to(fold.parent.parent / "elsewhere")


def a_linked_folder(fold):
    (fold.parent / "fold1").symlink_to(fold)


def a_name_outside(fold):
    secret = fold.parent.parent / "secret"
    secret.write_text("x")
    with (fold.parent / SUMS).open("a") as file:
        file.write(f"{sha256_file(secret)}  fold0/../../secret\n")


ATTACKS = (a_graph, a_reference, a_fifo, a_listed_fifo, a_link, a_listed_link, a_linked_folder, a_name_outside)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_what_lies_beside_a_releases_files_is_not_opened(attack, release):
    attack(release / "fold0")
    with pytest.raises(UserError, match=r"whose sum is in|a link, FIFO|a file in this folder"):
        open_release(release)


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
