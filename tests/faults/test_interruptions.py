"""Interrupted trainings and adaptings: each is resumable, and nothing unfinished passes for finished."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from data_prep.image_hashes import SOURCE_IMAGES, source_images, unfit_images
from deeppap.io.errors import UserError
from deeppap.records import ModelRecord, RunRecord
from deeppap.records.run_folder import locked
from deeppap.training.caffe_log import parse
from deeppap.training.resolve import Schedule, recorded
from deeppap.training.snapshots import PRUNING, list_snapshots, newest_complete, select_model
from deeppap.training.source import open_source
from deeppap.training.train_fold import TrainOptions, train_fold
from tests.support.checkout import ROOT, run_tool
from tests.support.fault_tools import caffe_of, iterations, wait_for_iteration
from tests.support.waiting import PATIENCE, wait_until

END = 9  # iterations of the phantom's training


@pytest.fixture
def words(untrained, source_weights):
    """The words of the training that the tests interrupt."""
    return ("--net", untrained[1], "--weights", source_weights, "--gpu", "none")


def test_every_signal_leaves_a_resumable_run(untrained, words, net_shapes, start):
    """SIGTERM and SIGHUP in one training, then kill -9 between a snapshot's two files, then an end in its last test."""
    place, fold = untrained
    reached = 0
    for number in (signal.SIGTERM, signal.SIGHUP):
        process = start("train", *words, where=place)
        wait_for_iteration(fold, reached, process)
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130 and "Traceback" not in err, out + err
        assert f"resuming from iteration {reached}" in out if reached else "resuming" not in out
        snapshot, passed = newest_complete(fold / "snapshots", net_shapes)
        assert snapshot.iteration > reached and not passed
        reached = snapshot.iteration
    process = start("train", *words, where=place)
    wait_for_iteration(fold, reached, process)
    caffe = caffe_of(process)
    process.send_signal(signal.SIGINT)
    # kill Caffe itself as soon as its next .caffemodel has begun, before its .solverstate is whole
    wait_until(
        lambda: list_snapshots(fold / "snapshots")[0].iteration > reached or process.poll() is not None,
        "a snapshot",
        step=0.002,
    )
    with suppress(ProcessLookupError):
        os.kill(caffe, signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    cut = list_snapshots(fold / "snapshots")[0]
    assert cut.iteration > reached
    done = run_tool(place, "train", *words, "--keep-snapshots")
    if f"passing over iteration {cut.iteration}" in done.stdout:
        assert f"resuming from iteration {reached}" in done.stdout
    else:  # the kill came too late and the pair was whole
        assert f"resuming from iteration {cut.iteration}" in done.stdout
    model, log = ModelRecord.read(fold), fold / "train.log"
    tests = parse(log).test
    assert model.iteration == END and iterations(fold)[-1] <= END and [row[0] for row in tests] == [0, END]

    # as if it had been stopped between its last snapshot and the end of its last test
    text = log.read_text()
    log.write_text(text[: re.search(rf".*Iteration {END}, Testing net", text).end()] + "\n")
    (fold / "model.json").unlink()
    run_tool(place, "train", *words, "--keep-snapshots")
    assert parse(log).test == tests and ModelRecord.read(fold) == model


def test_a_killed_tool_leaves_the_fold_locked_until_caffe_has_ended(untrained, words, source_weights, start):
    """Caffe outlives a tool that is killed -9 until its snapshot is written; a second training must not meet it."""
    place, fold = untrained
    process = start("train", *words, where=place)
    wait_until(lambda: iterations(fold), "an iteration")
    caffe = caffe_of(process)
    os.kill(caffe, signal.SIGSTOP)
    process.kill()
    process.wait()
    try:
        with pytest.raises(UserError, match="no other process uses"):
            train_fold(fold, TrainOptions(source_weights))
    finally:
        os.kill(caffe, signal.SIGCONT)

    def free():
        with suppress(UserError), locked(fold):
            return True
        return False

    wait_until(free, "Caffe's end")
    assert not Path(f"/proc/{caffe}/exe").exists(), "Caffe still runs"
    assert list((fold / "snapshots").glob("*.solverstate")), "Caffe ended without its snapshot"


def test_a_training_that_others_stopped_is_not_finished(untrained, words, source_weights, start):
    """A scheduler may signal every process of a job: Caffe then ends well, before its last iteration or its test.

    Under nohup a hang-up ends nothing: the tool leaves an ignored signal ignored, and Caffe is in another session.
    """
    place, fold = untrained
    process = start("train", *words, where=place, under=["nohup"])
    wait_for_iteration(fold, 0, process)
    assert os.getsid(caffe_of(process)) != os.getsid(process.pid)
    process.send_signal(signal.SIGHUP)
    wait_for_iteration(fold, 2, process)
    os.kill(caffe_of(process), signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    reached = list_snapshots(fold / "snapshots")[0]
    assert process.returncode == 130 and 0 < reached.iteration < END, out + err
    assert "Caffe stopped by a signal; its snapshot is written" in err.splitlines()[-1]
    assert reached.state.exists() and not (fold / "model.json").exists()

    def say(line):
        assert not line.startswith("resuming"), line

    with pytest.raises(AssertionError, match=f"resuming from iteration {reached.iteration}:"):
        train_fold(fold, TrainOptions(source_weights), say)


def test_a_cut_model_is_not_selected(copy_of, trained_fold, net_shapes):
    """On a full disk Caffe may cut the last snapshot short and still end well."""
    _, fold = copy_of(trained_fold, "train_lmdb", "val_lmdb", "model.json")
    model = next((fold / "snapshots").glob("*.caffemodel"))
    os.truncate(model, model.stat().st_size - 100)
    with pytest.raises(UserError) as caught:
        select_model(fold, "paper", Schedule(9, 1, 16), "f" * 64, net_shapes)
    assert caught.value.where == str(model) and not (fold / "model.json").exists()


@pytest.fixture
def fold(place, other_phantom):
    """Fold 0 of a set that the source has not seen, in a checkout of its own."""
    words = ["--fold", 0, "--profile", "smallest", "--select", "inner", "--workers", 1]
    run_tool(place, "build_lmdb", *words, herlev=other_phantom)
    return next(place.glob("runs/*/fold0"))


def test_an_interrupted_adapting_is_resumed(place, fold, trained_fold, source_weights, net_shapes, start):
    # a half-written start: what the source has seen is recorded first, and a cut snapshot is passed over
    (fold / SOURCE_IMAGES).write_text("0" * 64 + "\n")
    (fold / "snapshots/convnet_t_iter_2.caffemodel").write_bytes(b"cut")
    words = ("--net", fold, "--from", trained_fold, "--gpu", "none")
    process = start("train", *words)
    wait_for_iteration(fold, 0, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130 and "passing over iteration 2" in out, out + err
    stopped, _ = newest_complete(fold / "snapshots", net_shapes)
    assert source_images(fold) == unfit_images(trained_fold, RunRecord.read(trained_fold.parent))
    # neither the paper's weights nor another net may take over
    for options in (TrainOptions(source_weights), TrainOptions()):
        with pytest.raises(UserError, match="solver"):
            train_fold(fold, options, say=lambda _: None)
    done = run_tool(place, "train", *words)
    assert f"resuming from iteration {stopped.iteration}" in done.stdout or "already trained" in done.stdout
    assert iterations(fold)[-1] <= 8
    assert recorded(fold).source == open_source(trained_fold).origin


PARENT = """
import sys
from pathlib import Path
from deeppap.training import run_caffe
run_caffe.caffe_program = lambda: sys.argv[1]
class Schedule: max_iter = 1
run_caffe.train([], Schedule, 0, Path(sys.argv[2]))
"""
CHILD = """#!/bin/sh
trap 'touch "$0.asked"; exit 0' INT
echo $$ > "$0.pid"
while :; do sleep 0.1; done
"""


def test_caffe_is_asked_to_stop_if_its_parent_is_killed(tmp_path):
    """It would go on for days, and hold the fold."""
    program = tmp_path / "caffe"
    program.write_text(CHILD)
    program.chmod(0o755)
    words = [sys.executable, "-c", PARENT, program, tmp_path / "log"]
    parent = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    pid = Path(f"{program}.pid")
    wait_until(lambda: pid.exists() and pid.read_text().strip(), "the child")
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    try:
        wait_until(Path(f"{program}.asked").exists, "the child to be asked", 60)
    finally:
        if Path(f"/proc/{pid.read_text().strip()}").exists():
            time.sleep(0.3)
            with suppress(ProcessLookupError):
                os.kill(int(pid.read_text()), signal.SIGKILL)


def test_snapshots_that_a_kill_left_are_removed_at_the_next_start(copy_of, trained_fold, source_weights):
    """Killed after the net was selected and before the others were removed; without that mark they are kept."""
    _, fold = copy_of(trained_fold)
    selected = set((fold / "snapshots").iterdir())
    others = [fold / "snapshots" / f"convnet_t_iter_3.{kind}" for kind in ("caffemodel", "solverstate")]
    for path in others:
        path.write_bytes(b"spent")
    train_fold(fold, TrainOptions(source_weights), lambda _: None)
    assert all(path.exists() for path in others)
    (fold / "snapshots" / PRUNING).touch()
    train_fold(fold, TrainOptions(source_weights), lambda _: None)
    assert set((fold / "snapshots").iterdir()) == selected
