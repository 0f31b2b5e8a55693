"""Two processes at one target: one waits or refuses, neither corrupts."""

import os
import shutil
import threading
from contextlib import nullcontext
from pathlib import Path

import pytest

from data_prep.fold_data import verify_fold
from deeppap.io.errors import UserError
from deeppap.io.files import complete_or_absent, own_partial, write_text
from deeppap.records import FoldRecord, SplitRecord
from deeppap.records.run_folder import locked
from deeppap.training.train_fold import TrainOptions, train_fold
from tests.support.fault_tools import leftovers

COMMAND = ("--profile", "smallest", "--workers", "1", "--run", "run")


def test_builds_of_one_run_at_once(place, phantom, start, built_fold):
    """Twice fold 0, and fold 1: all find run.json, split.json and cells.csv missing."""
    running = [start("build_lmdb", "--fold", fold, *COMMAND, herlev=phantom) for fold in (0, 0, 1)]
    ends = [(process.communicate(timeout=600)[1], process.returncode) for process in running]
    for err, status in ends:
        assert status == 0 or (status == 2 and "no other process uses" in err), err
        assert "Traceback" not in err
    assert ends[2][1] == 0 and 0 in (ends[0][1], ends[1][1])
    run = place / "runs/run"
    assert FoldRecord.read(run / "fold1").split_sha == SplitRecord.read(run).split_sha
    assert verify_fold(run / "fold0").train_lmdb == verify_fold(built_fold).train_lmdb
    assert verify_fold(run / "fold1") and not leftovers(place)
    for name in ("split.json", "cells.csv"):
        assert (run / name).read_bytes() == (built_fold.parent / name).read_bytes()


def test_a_fold_in_use_is_refused_with_the_process_that_uses_it(untrained, phantom, refused):
    place, fold = untrained
    with locked(fold):
        line = refused(place, "build_lmdb", "--fold", "0", "--profile", "smallest", herlev=phantom)
        assert f"process {os.getpid()} using it" in line
        with pytest.raises(UserError, match=f"process {os.getpid()} using it"):
            train_fold(fold, TrainOptions(None))


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


def test_what_was_left_for_weeks_is_removed(tmp_path):
    left = [tmp_path / f".run.json.{name}.partial" for name in ("abcd0123", "abcd4567")]
    for path in (*left, tmp_path / ".run.json.txt.partial"):
        path.mkdir()
    os.utime(left[0], (0, 0))
    write_text(tmp_path / "run.json", "whole")
    assert [path.exists() for path in left] == [False, True] and (tmp_path / ".run.json.txt.partial").exists()


@pytest.fixture
def report(tmp_path):
    """An older report, of long ago."""
    (tmp_path / "report").mkdir()
    (tmp_path / "report/page").write_text("old")
    os.utime(tmp_path / "report", (0, 0))
    return tmp_path / "report"


def write_again(report):
    with complete_or_absent(report) as partial:
        partial.mkdir()
        (partial / "page").write_text("new")


def test_a_folder_is_replaced_without_ever_being_half_removed(report, monkeypatch):
    """Killed while an older report is cleared away: under its name stands the new one or none, never half."""

    def killed(path, *_, **__):
        raise SystemExit("kill -9")

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(SystemExit):
        write_again(report)
    monkeypatch.undo()
    assert (report / "page").read_text() == "new"


@pytest.mark.parametrize("killed", [False, True])
def test_a_second_writer_leaves_the_folder_that_the_first_is_replacing(report, tmp_path, monkeypatch, killed):
    """It begins between the two renames of the first, which then ends, or is killed there."""

    def second_begins(path, to, real=Path.rename):
        if to == report:
            own_partial(report)
            if killed:
                raise SystemExit("kill -9")
        return real(path, to)

    monkeypatch.setattr(Path, "rename", second_begins)
    with pytest.raises(SystemExit) if killed else nullcontext():
        write_again(report)
    # the results of long ago are there for a week, aside
    found = leftovers(tmp_path) if killed else [report]
    assert [(tmp_path / path / "page").read_text() for path in found] == ["old" if killed else "new"]
    assert killed or not leftovers(tmp_path)


def test_two_writers_share_no_partial_file_and_do_not_remove_each_others(tmp_path):
    target = tmp_path / "run.json"
    with complete_or_absent(target) as first, complete_or_absent(target) as second:
        first.write_text("first")
        assert first != second and own_partial(target) not in (first, second)
        second.write_text("second")
    assert target.read_text() == "first" and not leftovers(tmp_path)


def test_bytes_and_names_are_on_the_disk_before_and_after_the_rename(tmp_path, monkeypatch):
    """Of a file, and of everything in a folder: a power cut must not leave an empty file under a final name."""
    synced = []
    real = os.fsync

    def noted(descriptor):
        synced.append((Path(f"/proc/self/fd/{descriptor}").readlink(), (tmp_path / "final").exists()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    write_text(tmp_path / "final", "text")
    ((file, early), (folder, late)) = synced
    assert file.name.startswith(".final.") and not early and (folder, late) == (tmp_path, True)
    (tmp_path / "final").unlink()
    synced.clear()
    with complete_or_absent(tmp_path / "final") as partial:
        (partial / "in").mkdir(parents=True)
        (partial / "in/page").write_text("text")
    before = {path.relative_to(partial).as_posix() for path, named in synced if not named}
    assert before == {".", "in", "in/page"}
    assert synced[-1] == (tmp_path, True)


def test_what_cannot_be_written_is_named_as_the_user_knows_it(tmp_path):
    with pytest.raises(OSError, match="File name too long") as caught:
        write_text(tmp_path / ("x" * 250), "text")
    assert caught.value.filename == str(tmp_path / ("x" * 250))
