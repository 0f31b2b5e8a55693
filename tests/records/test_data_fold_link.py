"""The link data/fold stays where somebody trains through it."""

import subprocess
import sys

import lmdb
import pytest

from deeppap.records.run_folder import is_read

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


def test_an_lmdb_that_is_read_is_known(folds, reader):
    folder = folds[0] / "train_lmdb"
    assert not is_read(folder)
    process = reader(folder)
    assert is_read(folder) and not is_read(folds[1] / "train_lmdb")
    process.kill()  # what a killed process left in LMDB's table of readers holds nobody up
    process.wait()
    assert not is_read(folder)
    assert not is_read(folds[0] / "val_lmdb")  # there is none
