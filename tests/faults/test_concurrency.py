"""Two processes at one target: one waits or refuses, neither corrupts."""

import fcntl
import os
import threading

import pytest

from data_prep.fold_data import verify_fold
from deeppap.io.errors import UserError
from deeppap.io.files import complete_or_absent, own_partial, read_json, write_json, write_text
from deeppap.records.run_folder import locked
from deeppap.training.train_fold import TrainOptions, train_fold
from tests.support.checkout import make_checkout, run_tool
from tests.support.fault_tools import final_names, leftovers

COMMAND = ("--fold", "0", "--profile", "smallest", "--workers", "1", "--run", "run")


def test_two_builds_of_one_fold(place, phantom, start, built_fold):
    """Started together: each ends well or is refused, and the data are whole."""
    both = [start("build_lmdb", *COMMAND, herlev=phantom) for _ in range(2)]
    ends = [(process.communicate(timeout=600), process.returncode) for process in both]
    for (_, err), status in ends:
        assert status == 0 or (status == 2 and "a folder nobody else works in, found process" in err), err
        assert "Traceback" not in err
    assert any(status == 0 for _, status in ends)
    fold = place / "runs/run/fold0"
    assert verify_fold(fold)["train_lmdb"] == verify_fold(built_fold)["train_lmdb"]
    assert not leftovers(place)
    assert "already complete" in run_tool(place, "build_lmdb", *COMMAND, herlev=phantom).stdout


def test_two_folds_of_one_new_run(place, phantom, start, tmp_path):
    """They share run.json, split.json and cells.csv, which both find missing."""
    folds = [("--fold", str(k), *COMMAND[2:]) for k in (0, 1)]
    both = [start("build_lmdb", *words, herlev=phantom) for words in folds]
    for process in both:
        _, err = process.communicate(timeout=600)
        assert process.returncode == 0, err
    alone = make_checkout(tmp_path / "alone")
    for words in folds:
        run_tool(alone, "build_lmdb", *words, herlev=phantom)
    ours, theirs = (
        {name: digest for name, digest in final_names(folder / "runs/run").items() if name != "run.json"}
        for folder in (place, alone)
    )
    assert ours == theirs


def test_a_fold_in_use_is_refused_with_the_process_that_uses_it(untrained, phantom, refused):
    place, fold = untrained
    build = ("build_lmdb", "--fold", "0", "--profile", "smallest")
    with locked(fold):
        line = refused(place, *build, herlev=phantom)
        assert f"{fold.name}: expected a folder nobody else works in, found process {os.getpid()} at work" in line
        with pytest.raises(UserError, match="Wait until it has ended"):
            train_fold(fold, TrainOptions(None))
    assert "already complete" in run_tool(place, *build, herlev=phantom).stdout


def test_waiting_for_a_lock(tmp_path):
    order = []

    def second():
        with locked(tmp_path, wait=True):
            order.append("second")

    with locked(tmp_path) as descriptor:
        assert not os.get_inheritable(descriptor)
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive(), "let in while the folder was held"
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_a_dead_process_holds_no_lock(tmp_path):
    """The lock is the kernel's, not the file's: nothing to clean up by hand after a crash."""
    (tmp_path / ".lock").write_text("999999")
    with locked(tmp_path):
        assert (tmp_path / ".lock").read_text() == str(os.getpid())
        with (tmp_path / ".lock").open() as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_writers_of_one_file_do_not_meet(tmp_path):
    """Without a lock: each process writes under a name of its own; the last one to finish stays."""
    target = tmp_path / "run.json"
    for _ in range(5):
        children = []
        for number in range(4):
            child = os.fork()
            if not child:
                status = 1
                try:
                    for _ in range(20):
                        write_json(target, {"number": number, "text": "x" * 5000})
                    status = 0
                finally:
                    os._exit(status)
            children.append(child)
        assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
        assert len(read_json(target, "a test")["text"]) == 5000
    assert not leftovers(tmp_path)


def test_what_dead_processes_left_is_removed(tmp_path):
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    here = own_partial(tmp_path / "run.json").name.split(".")[3]
    stale = [tmp_path / f".run.json.{here}.{child}.partial", tmp_path / f".report.{here}.{child}.partial"]
    alive = tmp_path / f".run.json.{here}.{os.getppid()}.partial"
    elsewhere = tmp_path / f".run.json.01234567.{child}.partial"  # another machine's, on a shared disk
    for path in (stale[0], alive, elsewhere):
        path.write_text("half")
    stale[1].mkdir()
    (stale[1] / "page").write_text("half")
    write_text(tmp_path / "run.json", "whole")
    assert not stale[0].exists() and stale[1].exists() and alive.exists() and elsewhere.exists()
    own_partial(tmp_path / "report")
    assert not stale[1].exists()


def test_a_folder_is_replaced_without_ever_being_half_removed(tmp_path, monkeypatch):
    """Killed while an older report is cleared away: under its name stands the new one or none, never half."""
    report = tmp_path / "report"
    report.mkdir()
    (report / "page").write_text("old")
    import shutil

    def killed(path, *_, **__):
        raise SystemExit("kill -9")

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(SystemExit), complete_or_absent(report) as partial:
        partial.mkdir()
        (partial / "page").write_text("new")
    monkeypatch.undo()
    assert (report / "page").read_text() == "new"


def test_what_cannot_be_written_is_named_as_the_user_knows_it(tmp_path):
    with pytest.raises(OSError, match="File name too long") as caught:
        write_text(tmp_path / ("x" * 250), "text")
    assert caught.value.filename == str(tmp_path / ("x" * 250))
