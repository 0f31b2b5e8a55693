"""Interrupted trainings: every signal leaves a resumable run, and a rerun says what it passed over."""

import contextlib
import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from deeppap.io.errors import UserError
from deeppap.records.run_folder import locked
from deeppap.training.snapshots import list_snapshots, newest_complete
from deeppap.training.train_fold import TrainOptions, train_fold
from tests.support.checkout import run_tool
from tests.support.waiting import PATIENCE, wait_until

MODEL, STATE = "convnet_t_iter_{}.caffemodel", "convnet_t_iter_{}.solverstate"


def iterations(fold) -> list[int]:
    log = fold / "train.log"
    return [int(i) for i in re.findall(r"Iteration (\d+) \(", log.read_text())] if log.exists() else []


def caffe_of(process) -> int:
    """The process number of the `caffe train` that a tool started."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    names = {int(child): Path(f"/proc/{child}/comm").read_text() for child in children}
    return next(child for child, name in names.items() if name.startswith("caffe"))


def test_every_signal_leaves_a_resumable_run(untrained, source_weights, net_shapes, start):
    """SIGINT, SIGTERM, SIGHUP one after another in one training, then kill -9 between a snapshot's two files."""
    place, fold = untrained
    words = ("--net", fold, "--weights", source_weights, "--gpu", "none")
    reached = 0
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        process = start("train", *words, where=place)
        wait_until(lambda: iterations(fold)[-1:] > [reached] or process.poll() is not None, "an iteration")  # noqa: B023
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130, out + err
        assert "stopping: Caffe writes a snapshot first" in out and "carries on" in err and "Traceback" not in err
        assert f"resuming from iteration {reached}" in out if reached else "resuming" not in out
        snapshot, passed = newest_complete(fold / "snapshots", net_shapes)
        assert snapshot.iteration > reached and not passed
        reached = snapshot.iteration
    process = start("train", *words, where=place)
    wait_until(lambda: iterations(fold)[-1:] > [reached], "an iteration")
    caffe = caffe_of(process)
    process.send_signal(signal.SIGINT)
    # kill Caffe itself as soon as its next .caffemodel has begun, before its .solverstate is whole
    wait_until(
        lambda: list_snapshots(fold / "snapshots")[0].iteration > reached or process.poll() is not None,
        "a snapshot",
        step=0.002,
    )
    with contextlib.suppress(ProcessLookupError):
        os.kill(caffe, signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    cut = list_snapshots(fold / "snapshots")[0]
    assert cut.iteration > reached
    done = run_tool(place, "train", *words)
    if f"passing over iteration {cut.iteration}" in done.stdout:
        assert f"resuming from iteration {reached}: a continuation, not a repetition" in done.stdout
    else:  # it came too late and the pair was whole
        assert f"resuming from iteration {cut.iteration}" in done.stdout
    assert "selected (paper)" in done.stdout and iterations(fold)[-1] <= 9
    again = run_tool(place, "train", *words)
    assert "is already trained: iteration 9 selected" in again.stdout


def test_under_nohup_a_hang_up_ends_nothing(untrained, source_weights, start):
    """The tool leaves an ignored signal ignored; Caffe, which would stop, is in a session that no terminal hangs up."""
    place, fold = untrained
    words = ("--net", fold, "--weights", source_weights, "--gpu", "none")
    process = start("train", *words, where=place, under=["nohup"])
    wait_until(lambda: iterations(fold) or process.poll() is not None, "an iteration")
    assert os.getsid(caffe_of(process)) != os.getsid(process.pid)
    process.send_signal(signal.SIGHUP)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, out + err
    assert "stopping" not in out and "selected (paper)" in out and iterations(fold) == list(range(9))


def snapshot_pair(folder, iteration, model, shapes):
    """A whole pair: real weights, and a SolverState with the right number of histories."""
    from deeppap.io.caffe_messages import caffe_pb2

    folder.mkdir(exist_ok=True)
    shutil.copy(model, folder / MODEL.format(iteration))
    state = caffe_pb2().SolverState(iter=iteration, learned_net=MODEL.format(iteration))
    for _ in range(sum(map(len, shapes.values()))):
        state.history.add().data.append(0.0)
    (folder / STATE.format(iteration)).write_bytes(state.SerializeToString())


def cut(path):
    os.truncate(path, path.stat().st_size - 100)


def of_another_iteration(path):
    from deeppap.io.caffe_messages import caffe_pb2, read_binary

    state = read_binary(path, "SolverState", "")
    state.iter = 3
    path.write_bytes(caffe_pb2().SolverState(iter=3, history=state.history).SerializeToString())


BREAKS = {
    "the state is missing": lambda f: (f / STATE.format(8)).unlink(),
    "the model is missing": lambda f: (f / MODEL.format(8)).unlink(),
    "the state is cut": lambda f: cut(f / STATE.format(8)),
    "the model is cut": lambda f: cut(f / MODEL.format(8)),
    "the state is empty": lambda f: (f / STATE.format(8)).write_bytes(b""),
    "the state is of another iteration": lambda f: of_another_iteration(f / STATE.format(8)),
}


@pytest.mark.parametrize("kind", BREAKS)
def test_the_newest_whole_pair_is_taken_and_the_other_named(tmp_path, trained_model, net_shapes, kind):
    folder = tmp_path / "snapshots"
    for iteration in (4, 8):
        snapshot_pair(folder, iteration, trained_model, net_shapes)
    assert newest_complete(folder, net_shapes)[0].iteration == 8
    BREAKS[kind](folder)
    found, passed = newest_complete(folder, net_shapes)
    assert found.iteration == 4
    assert len(passed) == 1 and passed[0].startswith("passing over iteration 8: ")
    assert "training goes on from the one before" in passed[0]


def test_a_killed_tool_leaves_the_fold_locked_until_caffe_has_ended(untrained, source_weights, start):
    """Caffe outlives a tool that is killed -9 by the time it takes to write its snapshot; a rerun must not meet it."""
    place, fold = untrained
    process = start("train", "--net", fold, "--weights", source_weights, "--gpu", "none", where=place)
    wait_until(lambda: iterations(fold), "an iteration")
    caffe = caffe_of(process)
    os.kill(caffe, signal.SIGSTOP)
    process.kill()
    process.wait()
    try:
        with pytest.raises(UserError, match="a folder nobody else works in"), locked(fold):
            pass
        with pytest.raises(UserError, match="a folder nobody else works in"):
            train_fold(fold, TrainOptions(source_weights))
    finally:
        os.kill(caffe, signal.SIGCONT)

    def free():
        try:
            with locked(fold):
                return True
        except UserError:
            return False

    wait_until(free, "Caffe's end")
    assert not Path(f"/proc/{caffe}/exe").exists(), "Caffe still runs"
    assert list((fold / "snapshots").glob("*.solverstate")), "Caffe ended without its snapshot"


def test_a_cut_model_is_not_selected(copy_of, trained_fold, net_shapes):
    """On a full disk Caffe may cut the last snapshot short and still end well."""
    from deeppap.training.select_model import select_model

    from deeppap.training.resolve import Schedule

    _, fold = copy_of(trained_fold, "train_lmdb", "val_lmdb", "model.json")
    model = next((fold / "snapshots").glob("*.caffemodel"))
    cut(model)
    with pytest.raises(UserError, match="caffemodel: expected .* Remove it and run tools/train.py again"):
        select_model(fold, "paper", Schedule(9, 1, 16), net_shapes)
    assert not (fold / "model.json").exists()
