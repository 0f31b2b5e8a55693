"""Caffe started by hand trains and writes through data/fold: no net may end up as another fold's."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from deeppap.io.lmdb_readers import reader_of

from data_prep.fold_data import drop_lmdbs
from deeppap.io.caffe_messages import write_prototxt
from deeppap.io.errors import UserError
from deeppap.records.current_fold import SLACK, make_current
from deeppap.scoring.trained_model import TrainedModel
from deeppap.training.resolve import data_layer
from deeppap.training.train_fold import TrainOptions, train_fold
from tests.support.caffe_nets import hand_written
from tests.support.checkout import run_tool, tool_environment


def short_solver(folder: Path) -> Path:
    """The hand-written solver and net with their own paths, but batches of two and no tests."""
    net, solver = hand_written("train_val"), hand_written("solver")
    for phase in (0, 1):
        data_layer(net, phase).data_param.batch_size = 2
    (folder / "net.prototxt").write_text(write_prototxt(net))
    solver.net, solver.test_iter[0], solver.test_initialization = str(folder / "net.prototxt"), 1, False
    (folder / "solver.prototxt").write_text(write_prototxt(solver))
    return folder / "solver.prototxt"


@pytest.fixture
def by_hand(untrained, tmp_path, monkeypatch):
    """`caffe train` at work through data/fold on fold 0: (place, fold, process)."""
    place, fold = untrained
    monkeypatch.chdir(place)
    make_current(fold)
    command = [Path(sys.prefix) / "bin/caffe", "train", "-solver", short_solver(tmp_path)]
    process = subprocess.Popen(command, cwd=place, env=tool_environment(), stderr=subprocess.DEVNULL)
    while reader_of(fold / "train_lmdb") is None:
        assert process.poll() is None
        time.sleep(0.05)
    yield place, fold, process
    process.kill()
    process.wait()


def stopped(process, fold) -> Path:
    """Stop Caffe as Ctrl-C does; the snapshot that it then writes."""
    time.sleep(2)  # its handler is there before its first iteration
    process.send_signal(signal.SIGINT)
    assert process.wait(300) == 0
    return next((fold / "snapshots").glob("*.caffemodel"))


def test_the_link_stays_while_caffe_trains_through_it(by_hand, phantom, refused):
    place, fold, process = by_hand
    words = ("--fold", 1, "--profile", "smallest", "--workers", 1)
    line = refused(place, "build_lmdb", *words, herlev=phantom)
    assert f"nobody trains through, found process {process.pid} reading runs/phantom-cell-smallest/fold0/" in line
    assert Path("data/fold").resolve() == fold
    assert drop_lmdbs(fold) == 0 and (fold / "train_lmdb/lock.mdb").exists()
    snapshot = stopped(process, fold)
    assert TrainedModel.open("data/fold").weights.resolve() == snapshot  # it is fold 0's, and is scored as such
    run_tool(place, "build_lmdb", *words, herlev=phantom)
    assert Path("data/fold").resolve().name == "fold1"
    assert TrainedModel.open(fold).weights == snapshot  # still, wherever the link points now


def test_a_link_moved_by_other_means_is_found_out(by_hand, phantom, refused):
    """The net trained on fold 0 lands in fold 1, a link having been moved without build_lmdb."""
    place, fold, process = by_hand
    other = fold.parent / "fold1"
    shutil.copytree(fold, other)
    (other / ".current.json").unlink()
    Path("data/fold").unlink()
    Path("data/fold").symlink_to(other)
    snapshot = stopped(process, other)
    time.sleep(SLACK)  # what is written nearer to the link's coming than this cannot be told from its own
    assert not list((fold / "snapshots").iterdir())
    # made fold 1's in all but what was trained on
    shutil.rmtree(other / "train_lmdb")
    (other / "fold.json").unlink()
    run_tool(place, "build_lmdb", "--fold", 1, "--profile", "smallest", "--workers", 1, herlev=phantom)
    with pytest.raises(UserError, match="written while data/fold did not point to this fold.*force"):
        TrainedModel.open(other)
    with pytest.raises(UserError, match="written while data/fold did not point to this fold.*force"):
        TrainedModel.open(other, snapshot)
    said = []
    assert TrainedModel.open(other, force=True, say=said.append).weights == snapshot
    assert said[0].startswith(f"overridden: {snapshot}")


def test_training_by_the_tool_does_not_go_on_from_it(by_hand):
    _, fold, process = by_hand
    stopped(process, fold)
    with pytest.raises(UserError, match="tools/train.py trained on this fold, found one that caffe train was started"):
        train_fold(fold, TrainOptions(None), say=lambda _: None)
    assert not (fold / "model.json").exists()


def test_a_pair_of_another_fold_is_not_gone_on_from(copy_of, trained_fold, net_shapes):
    from tests.faults.test_interruptions import snapshot_pair

    model = next((trained_fold / "snapshots").glob("*.caffemodel"))
    _, fold = copy_of(trained_fold, "snapshots", "model.json", "train.log")
    other = fold.rename(fold.parent / "fold1")
    snapshot_pair(other / "snapshots", 8, model, net_shapes)
    from deeppap.training.origin import foreign

    assert "runs/phantom-cell-smallest/fold0/train_lmdb" in foreign(
        other / "snapshots/convnet_t_iter_8.caffemodel", other
    )
    shutil.copytree(other, fold)
    assert foreign(fold / "snapshots/convnet_t_iter_8.caffemodel", fold, by_hand=False) is None
