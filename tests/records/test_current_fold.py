"""The link data/fold: it stays where somebody trains through it, and every fold knows when it was the current one."""

import json
import os
import subprocess
import sys
import time

import lmdb
import pytest
from deeppap.io.lmdb_readers import reader_of

from deeppap.io.errors import UserError
from deeppap.records.current_fold import CURRENT, make_current, was_current

READ = """
import lmdb, sys
with lmdb.open(sys.argv[1], readonly=True) as environment, environment.begin() as transaction:
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folds(tmp_path, monkeypatch):
    """Two folds with an LMDB each, in a folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    made = [tmp_path / f"runs/r/fold{number}" for number in range(2)]
    for fold in made:
        fold.mkdir(parents=True)
        with lmdb.open(str(fold / "train_lmdb"), map_size=1 << 20) as environment, environment.begin(write=True) as t:
            t.put(b"key", b"value")
    return made


@pytest.fixture
def reader():
    """Start a process that holds an LMDB open: (folder) -> Popen."""
    running = []

    def start(folder):
        command = [sys.executable, "-c", READ, folder]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout.readline() == "open\n"
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_an_lmdb_names_its_reader(folds, reader):
    folder = folds[0] / "train_lmdb"
    assert reader_of(folder) is None
    process = reader(folder)
    assert reader_of(folder) == process.pid
    assert reader_of(folds[1] / "train_lmdb") is None
    process.kill()  # what a killed process left in LMDB's table of readers holds nobody up
    process.wait()
    assert reader_of(folder) is None
    assert reader_of(folds[0] / "val_lmdb") is None  # there is none


def test_the_link_does_not_move_under_a_reader(folds, reader):
    make_current(folds[0])
    process = reader(folds[0] / "train_lmdb")
    with pytest.raises(UserError, match=f"nobody trains through, found process {process.pid} reading runs/r/fold0"):
        make_current(folds[1])
    assert CURRENT.resolve() == folds[0]
    make_current(folds[0])  # where it is already
    process.communicate("")
    make_current(folds[1])
    assert CURRENT.resolve() == folds[1]


def test_a_reader_that_comes_between_the_question_and_the_move_brings_it_back(folds, reader, monkeypatch):
    make_current(folds[0])
    rename = os.replace

    def slow_replace(self, target):
        if not started:
            started.append(reader(folds[0] / "train_lmdb"))
        rename(self, target)

    started = []
    monkeypatch.setattr(type(CURRENT), "replace", slow_replace)
    with pytest.raises(UserError, match="nobody trains through"):
        make_current(folds[1])
    assert started and CURRENT.resolve() == folds[0]
    assert was_current(folds[0], time.time()) and not was_current(folds[1], time.time())


def test_a_fold_knows_when_it_was_the_current_one(folds):
    assert not was_current(folds[0], time.time())
    make_current(folds[0])
    make_current(folds[1])
    (first, until), (second, none) = (json.loads((fold / ".current.json").read_text())[0] for fold in folds)
    assert first <= until <= second and none is None
    assert was_current(folds[0], until) and not was_current(folds[0], until + 60) and not was_current(folds[0], 0)
    assert was_current(folds[1], second + 1e6)
    make_current(folds[0])
    assert len(json.loads((folds[0] / ".current.json").read_text())) == 2


def test_a_record_that_is_none_is_refused(folds):
    (folds[0] / ".current.json").write_text('[["a", 1]]')
    with pytest.raises(UserError, match=r"\.current.json: expected a list of \[from, until\]"):
        was_current(folds[0], 0)
