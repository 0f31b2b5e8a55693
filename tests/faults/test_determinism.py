"""Data preparation gives the same bytes whatever the circumstances; another seed gives others."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from data_prep.dataset import open_dataset
from deeppap.phantom.cell_set import make_phantom
from tests.support.checkout import make_checkout, run_tool
from tests.support.fault_tools import final_names

COMMAND = ("--fold", "1", "--profile", "smallest", "--run", "run")


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    root = tmp_path_factory.mktemp("cells") / "phantom"
    make_phantom(root, 20)
    return root


def prepared(folder, cells, *words, process=False):
    """Every byte that data preparation leaves, but for run.json (it says when and how)."""
    place = make_checkout(folder)
    done = run_tool(place, "build_lmdb", *COMMAND, *words, herlev=cells, process=process)
    assert "training" in done.stdout
    return {name: digest for name, digest in final_names(place / "runs/run").items() if name != "run.json"}


@pytest.fixture(scope="module")
def expected(tmp_path_factory, cells):
    return prepared(tmp_path_factory.mktemp("expected") / "place", cells, "--workers", "1")


def test_the_reader_sorts_whatever_the_system_lists(cells, monkeypatch):
    whole = open_dataset(cells)
    listed = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda path: sorted(listed(path), reverse=True))
    backwards = open_dataset(cells)
    monkeypatch.setattr(Path, "iterdir", lambda path: sorted(listed(path), key=lambda p: hash(p.name)))
    assert backwards.cells == whole.cells == open_dataset(cells).cells
    assert backwards.dataset_sha() == whole.dataset_sha()


@pytest.fixture
def turkish(tmp_path, monkeypatch):
    """A Turkish machine's environment, whose decimal point is a comma; its locale is made where there is none."""
    monkeypatch.setenv("LC_ALL", "tr_TR.UTF-8")
    if decimal_point() != ",":
        with contextlib.suppress(FileNotFoundError):
            made = ["localedef", "-i", "tr_TR", "-f", "UTF-8", tmp_path / "tr_TR.UTF-8"]
            subprocess.run(made, env={**os.environ, "LC_ALL": "C"}, capture_output=True)
        monkeypatch.setenv("LOCPATH", str(tmp_path))
    if decimal_point() != ",":
        pytest.skip("tr_TR.UTF-8 is not installed and localedef cannot make it: apt-get install locales")


def decimal_point() -> str:
    """That of a program started here which asks for the environment's locale; nothing where that is not installed."""
    asks = "import locale; locale.setlocale(locale.LC_ALL, ''); print(locale.localeconv()['decimal_point'])"
    return subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True).stdout.strip()


def test_any_workers_locale_time_zone_and_hash_seed(tmp_path, cells, expected, turkish, monkeypatch):
    strange = {"LANG": "C", "TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "7", "PYTHONUTF8": "0"}
    for name, value in strange.items():
        monkeypatch.setenv(name, value)
    assert prepared(tmp_path / "turkish", cells, "--workers", "3", process=True) == expected
    assert {"fold1/train_lmdb/data.mdb", "fold1/mean.binaryproto", "split.json", "cells.csv"} <= expected.keys()


def test_another_seed_gives_another_set(tmp_path, cells, expected):
    other = prepared(tmp_path / "place", cells, "--workers", "1", "--seed", "2")
    assert other.keys() == expected.keys()
    same = {name for name in other if other[name] == expected[name]}
    assert same == {"cells.csv", "images.sha256"}, "cells are cells, whatever the seed"
