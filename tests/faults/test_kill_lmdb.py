"""kill -9 of the LMDB writer: each final name is absent or complete, and a rerun gives the same bytes."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from data_prep import fold_data
from data_prep.fold_data import drop_lmdbs, verify_fold
from data_prep.profiles import run_profile
from deeppap.io.errors import UserError
from deeppap.records import RunRecord, SplitRecord
from tests.support.checkout import run_tool, tool_environment
from tests.support.fault_tools import final_names, leftovers

KILLS = 5
COMMAND = ("--fold", "0", "--profile", "smallest", "--workers", "1")


def data_of(fold):
    """What must be the same again: the LMDBs, the mean and their record."""
    wanted = ("data.mdb", ".binaryproto", "fold.json")  # a reader of the LMDB leaves its lock.mdb behind
    return {n: h for n, h in final_names(fold).items() if n.endswith(wanted)}


# imports everything once and then forks: a start of Python for each kill would take a minute
FORKS = """
import os, runpy, sys
sys.path.insert(0, "tools")
import _venv, data_prep.prepare
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


def test_kills_leave_nothing_half_made(place, phantom, forks, built_fold):
    _, wait = forks()
    begun = time.monotonic()
    wait()
    duration = time.monotonic() - begun
    whole = data_of(built_fold)
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
    run_tool(place, "build_lmdb", *COMMAND, herlev=phantom)
    assert data_of(fold) == whole
    assert not [name for name in leftovers(place) if "lmdb" in name]


def test_lmdbs_that_were_removed_are_built_again_the_same(copy_of, built_fold, phantom):
    place, fold = copy_of(built_fold)
    (fold / "train_lmdb/data.mdb").unlink()  # as if drop_lmdbs had been killed between the two
    run_tool(place, "build_lmdb", *COMMAND, herlev=phantom)
    assert data_of(fold) == data_of(built_fold)
    assert drop_lmdbs(fold) > 0 and not (fold / "train_lmdb").exists()
    run_tool(place, "build_lmdb", *COMMAND, herlev=phantom)
    assert data_of(fold) == data_of(built_fold)


def test_a_failure_in_the_writer_leaves_no_final_name(tmp_path, built_fold, dataset, monkeypatch):
    """An error between the two LMDBs: neither has its final name, and there is no record."""
    run, split = RunRecord.read(built_fold.parent), SplitRecord.read(built_fold.parent)
    write = fold_data.write_patch_lmdb

    def fail_second(path, *arguments):
        if "val" in path.name:
            raise UserError(path, "a test", "a failure", "Nothing.")
        return write(path, *arguments)

    target = tmp_path / "fold0"
    target.mkdir()
    monkeypatch.setattr(fold_data, "write_patch_lmdb", fail_second)
    with pytest.raises(UserError, match="a failure"):
        fold_data.build_fold(target, dataset, split, 0, run, run_profile(run), 1)
    assert final_names(target) == {} and not leftovers(target)
