"""A release is opened as its checksums list it, and by nothing else; without a net, since none is reached here."""

import os
import shutil
from types import SimpleNamespace

import pytest

from deeppap.io.errors import UserError
from deeppap.io.files import sha256_file
from deeppap.records.release_files import SUMS
from deeppap.records.run_folder import one_net
from deeppap.scoring.open_nets import open_release
from deeppap.scoring.trained_model import TrainedModel

FILES = ("fold.json", "model.json", "mean.binaryproto", "deploy.prototxt", "snapshots/convnet_t_iter_60.caffemodel")


@pytest.fixture(autouse=True)
def opened(monkeypatch):
    """Where a fold is opened, its folder is handed back."""
    monkeypatch.setattr(TrainedModel, "open", classmethod(lambda cls, folder, say: SimpleNamespace(folder=folder)))


def add_fold(folder, number):
    for name in FILES:
        path = folder / f"fold{number}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"net")


@pytest.fixture
def net(tmp_path):
    for number in (0, 2):
        add_fold(tmp_path, number)
    (tmp_path / "run.json").write_text("{}")
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    (tmp_path / SUMS).write_text("".join(f"{sha256_file(path)}  {path.relative_to(tmp_path)}\n" for path in files))
    return tmp_path


def test_its_folds_are_opened(net):
    assert [model.folder.name for model in open_release(net)] == ["fold0", "fold2"]
    (net / "fold0/.DS_Store").write_bytes(b"left by a system")
    (net / "SHA256SUMS.asc").write_text("a signature")
    text = (net / SUMS).read_bytes()
    (net / SUMS).write_bytes(text.replace(b"\n", b"\r\n") + b"\n")  # as an editor may leave it
    assert len(open_release(net)) == 2


def test_one_net_is_named_by_its_fold_run_or_release(net):
    with pytest.raises(UserError, match="found 2 folds. Give one of its folds: .*fold0, .*fold2"):
        one_net(net)
    assert one_net(net / "fold2") == net / "fold2"
    shutil.rmtree(net / "fold2")
    with pytest.raises(UserError, match="fold2/.*: expected the file that was released, found no such file"):
        one_net(net)
    (net / SUMS).unlink()
    assert one_net(net) == net / "fold0"


def test_a_fold_that_was_not_released_is_refused(net):
    """Else its net is averaged with the others without a word."""
    add_fold(net, 3)
    with pytest.raises(UserError, match="fold3/.*: expected a file whose sum is in SHA256SUMS, found none of it"):
        open_release(net)


def a_graph(fold):
    (fold / "snapshots/net.onnx").write_bytes(b"ready")


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


ATTACKS = (a_graph, a_fifo, a_listed_fifo, a_link, a_listed_link, a_linked_folder, a_name_outside)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_what_lies_beside_a_releases_files_is_not_opened(attack, net):
    attack(net / "fold0")
    with pytest.raises(UserError, match=r"whose sum is in|a link, FIFO|a file in this folder"):
        open_release(net)


@pytest.mark.parametrize("text", ["", "\n\n", f"{'0' * 64}  run.json\n"])
def test_sums_of_no_net_are_refused(tmp_path, text):
    (tmp_path / SUMS).write_text(text)
    with pytest.raises(UserError, match="SHA256SUMS: expected the files of one net at least, found none"):
        open_release(tmp_path)


@pytest.mark.parametrize("line", ["half", f"{'0' * 64} run.json", "0  run.json", "\udcff  run.json", f"{'0' * 64}  "])
def test_a_line_that_is_no_sum_is_named(net, line):
    with (net / SUMS).open("a", errors="surrogateescape") as file:
        file.write(f"{line}\n")
    with pytest.raises(UserError, match=r"SHA256SUMS:12: expected a sha256, two blanks and a file's name"):
        open_release(net)
