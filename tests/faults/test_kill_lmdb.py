"""kill -9 of the LMDB writer: each final name is absent or complete, and a rerun gives the same bytes."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from data_prep.fold_data import LMDBS, build_fold, drop_lmdbs, verify_fold
from deeppap.io.errors import UserError
from tests.support.caffe_nets import read_datums
from tests.support.checkout import make_checkout, run_tool, tool_environment
from tests.support.fault_tools import final_names, leftovers

KILLS = 20
COMMAND = ("--fold", "0", "--profile", "smallest", "--workers", "1")


def data_of(fold):
    """What must be the same again: the LMDBs, the mean and their record."""
    wanted = ("data.mdb", ".binaryproto", "fold.json")  # a reader of the LMDB leaves its lock.mdb behind
    return {n: h for n, h in final_names(fold).items() if n.endswith(wanted)}


# imports everything once and then forks: twenty starts of Python would take a minute
FORKS = """
import os, runpy, sys
sys.path.insert(0, "tools")
import _venv, data_prep.prepare
from deeppap.records import RunRecord, SplitRecord
for line in sys.stdin:
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(os.open("tool.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1)
        os.dup2(1, 2)
        sys.argv = ["tools/build_lmdb.py", *line.split()]
        runpy.run_path(sys.argv[0], run_name="__main__")
    print(child, flush=True)
    os.waitpid(child, 0)
    print("ended", flush=True)
"""


@pytest.fixture
def forks(place, phantom):
    """Starts tools/build_lmdb.py at once; gives its process number and a call that waits for its end."""
    command = [sys.executable, "-c", FORKS]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    server = subprocess.Popen(command, cwd=place, env=tool_environment(phantom, DEEPPAP_PYTHON=sys.executable), **pipes)

    def begin():
        server.stdin.write(" ".join(COMMAND) + "\n")
        server.stdin.flush()
        return int(server.stdout.readline()), server.stdout.readline

    yield begin
    server.stdin.close()
    server.wait()


def test_twenty_kills_leave_nothing_half_made(place, phantom, forks, tmp_path):
    other = make_checkout(tmp_path / "unbroken")
    run_tool(other, "build_lmdb", *COMMAND, herlev=phantom)
    _, wait = forks()
    begun = time.monotonic()
    wait()
    duration = time.monotonic() - begun
    whole = data_of(other / "runs/phantom-cell-smallest/fold0")
    fold = place / "runs/phantom-cell-smallest/fold0"
    moments = random.Random(1)
    interrupted = 0
    (fold / "fold.json").unlink()  # so that the next one has something to write
    for _ in range(KILLS):
        process, wait = forks()
        time.sleep(duration * moments.random())
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        wait()
        found = data_of(fold) if fold.exists() else {}
        if "fold.json" in found:
            assert found == whole
            verify_fold(fold)
            (fold / "fold.json").unlink()
        else:
            interrupted += 1
            assert all(whole[name] == digest for name, digest in found.items()), "half-made under a final name"
    assert interrupted >= KILLS // 4, "most kills came too late: little was tested"
    done = run_tool(place, "build_lmdb", *COMMAND, herlev=phantom)
    assert "144 training" in done.stdout
    assert data_of(fold) == whole
    assert not leftovers(place)
    for name in LMDBS:
        ours, theirs = (read_datums(folder / name) for folder in (fold, other / "runs/phantom-cell-smallest/fold0"))
        assert [(key, datum.SerializeToString()) for key, datum in ours] == [
            (key, datum.SerializeToString()) for key, datum in theirs
        ]


def test_a_kill_while_disk_is_given_back_does_not_block_the_fold(copy_of, built_fold, phantom):
    """drop_lmdbs was killed in between: one LMDB is gone, the other is there."""
    place, fold = copy_of(built_fold)
    (fold / "train_lmdb/data.mdb").unlink()
    done = run_tool(place, "build_lmdb", *COMMAND, herlev=phantom)
    assert "144 training" in done.stdout
    assert data_of(fold) == data_of(built_fold)


def test_lmdbs_given_back_are_built_again_the_same(copy_of, built_fold, phantom):
    place, fold = copy_of(built_fold)
    assert drop_lmdbs(fold) > 0
    assert not (fold / "train_lmdb").exists()
    run_tool(place, "build_lmdb", *COMMAND, herlev=phantom)
    assert data_of(fold) == data_of(built_fold)


def test_a_failure_in_the_writer_leaves_no_final_name(tmp_path, built_fold, dataset, monkeypatch):
    """An error between the two LMDBs: neither stands under its name, nor the record."""
    from data_prep import fold_data
    from data_prep.prepare import run_profile
    from deeppap.records import RunRecord, SplitRecord

    config, split = RunRecord.read(built_fold.parent), SplitRecord.read(built_fold.parent)
    write = fold_data.write_patch_lmdb

    def fail_second(path, *arguments):
        if "val" in path.name:
            raise UserError(path, "a test", "a failure", "Nothing.")
        return write(path, *arguments)

    target = tmp_path / "fold0"
    target.mkdir()
    monkeypatch.setattr(fold_data, "write_patch_lmdb", fail_second)
    with pytest.raises(UserError, match="a failure"):
        build_fold(target, dataset, split, 0, config, run_profile(config), 1)
    assert final_names(target) == {} and not leftovers(target)
    monkeypatch.undo()
    build_fold(target, dataset, split, 0, config, run_profile(config), 1)
    assert data_of(target) == data_of(built_fold)
