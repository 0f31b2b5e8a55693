"""`caffe train` started by hand reads and writes through data/fold: its net must stay its own fold's."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import lmdb
import pytest

from data_prep.fold_data import drop_lmdbs
from deeppap.io.caffe_messages import write_prototxt
from deeppap.io.errors import UserError
from deeppap.records.run_folder import is_read, make_current
from deeppap.scoring.trained_model import TrainedModel
from deeppap.training.resolve import data_layer
from deeppap.training.snapshots import foreign
from deeppap.training.train_fold import TrainOptions, train_fold
from tests.support.caffe_nets import hand_written
from tests.support.checkout import run_tool, tool_environment
from tests.support.waiting import wait_until


def short_solver(folder: Path) -> Path:
    """The hand-written solver and net with their own paths, but batches of two and no tests."""
    net, solver = hand_written("train_val"), hand_written("solver")
    for phase in (0, 1):
        data_layer(net, phase).data_param.batch_size = 2
    (folder / "net.prototxt").write_text(write_prototxt(net))
    solver.net, solver.test_iter[0], solver.test_initialization = str(folder / "net.prototxt"), 1, False
    (folder / "solver.prototxt").write_text(write_prototxt(solver))
    return folder / "solver.prototxt"


def test_the_link_stays_while_caffe_trains_through_it(untrained, tmp_path, monkeypatch, phantom, refused):
    place, fold = untrained
    monkeypatch.chdir(place)
    make_current(fold)
    command = [Path(sys.prefix) / "bin/caffe", "train", "-solver", short_solver(tmp_path)]
    process = subprocess.Popen(command, cwd=place, env=tool_environment(), stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: is_read(fold / "train_lmdb"), "Caffe's first read")
        words = ("--fold", 1, "--profile", "smallest", "--workers", 1)
        assert "data/fold/train_lmdb" in refused(place, "build_lmdb", *words, herlev=phantom)
        assert Path("data/fold").resolve() == fold
        assert drop_lmdbs(fold) == 0, "an LMDB that is read was removed"
        time.sleep(2)  # Caffe installs its handler of signals before its first iteration
        process.send_signal(signal.SIGINT)
        assert process.wait(300) == 0
    finally:
        process.kill()
        process.wait()
    snapshot = next((fold / "snapshots").glob("*.caffemodel"))
    run_tool(place, "build_lmdb", *words, herlev=phantom)
    assert Path("data/fold").resolve().name == "fold1"
    assert TrainedModel.open(fold).weights == snapshot
    with pytest.raises(UserError, match="started by hand"):  # tools/train.py resumes only what it started
        train_fold(fold, TrainOptions(None), say=lambda _: None)
    assert not (fold / "model.json").exists()


def test_a_snapshot_of_another_fold_is_recognised(copy_of, trained_fold):
    """A snapshot names the LMDB that it was trained on."""
    _, fold = copy_of(trained_fold, "model.json", "train.log")
    name = next((fold / "snapshots").glob("*.caffemodel")).relative_to(fold)
    assert foreign(fold / name, fold, by_hand=False) is None
    other = fold.rename(fold.parent / "fold1")
    assert "fold0/train_lmdb" in foreign(other / name, other)


READ = """
import lmdb, sys
with lmdb.open(sys.argv[1], readonly=True) as environment, environment.begin() as transaction:
    print("open", flush=True)
    sys.stdin.read()
"""


def test_an_lmdb_that_is_read_is_known(tmp_path):
    assert not is_read(tmp_path)  # there is none
    with lmdb.open(str(tmp_path), map_size=1 << 20) as environment, environment.begin(write=True) as transaction:
        transaction.put(b"key", b"value")
    assert not is_read(tmp_path)
    process = subprocess.Popen([sys.executable, "-c", READ, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"open\n" and is_read(tmp_path)
    finally:
        process.kill()
        process.communicate()
    assert not is_read(tmp_path)  # what a killed process left in LMDB's table of readers holds nobody up
