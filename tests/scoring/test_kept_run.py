"""A kept run reads as the run folder that it was made from, and holds no path of a machine."""

import gzip
import json
from dataclasses import fields

import numpy as np
import pytest

from deeppap.io.errors import UserError
from deeppap.records import RunRecord
from deeppap.scoring.kept_run import write_kept_run
from deeppap.scoring.results import load_run
from experiments.keep_results import keep
from tests.support.synthetic_run import write_synthetic_run

CHANGED = {"folder"}  # a fold's other files are not kept


@pytest.fixture
def run(tmp_path):
    return write_synthetic_run(tmp_path / "runs/herlev-cell-quick", folds=[0, 3], cells=70, dataset="herlev")


@pytest.fixture
def kept(run, tmp_path):
    folder = tmp_path / "results/herlev-cell-quick"
    keep(run, folder)
    return folder


def require_alike(one, other, names):
    for name in names:
        first, second = getattr(one, name), getattr(other, name)
        if isinstance(first, np.ndarray) or name == "views":
            assert np.array_equal(first, second), name
        elif name == "every":
            assert all(map(np.array_equal, first, second))
        else:
            assert first == second, name


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"classes": 7, "dataset": "herlev"},
        {"dataset": "own", "shift": False, "protocol": "field"},
        {"folds": [1], "dataset": "phantom-manifest"},
    ],
)
def test_a_kept_run_reads_as_its_run_folder(tmp_path, options):
    folder = write_synthetic_run(tmp_path / "run", **options)
    (folder / "fold1/model.json").unlink()
    (folder / "fold1/train.log").unlink()
    (tmp_path / "kept").mkdir()
    run = load_run(folder)
    write_kept_run(run, tmp_path / "kept")
    found = load_run(tmp_path / "kept")
    require_alike(run, found, ("record", "split", "cells", "missing_folds", "baselines"))
    for one, other in zip(run.folds, found.folds, strict=True):
        require_alike(one, other, {field.name for field in fields(one)} - CHANGED)


def test_no_path_of_a_machine_is_kept(run, tmp_path):
    record = json.loads((run / "run.json").read_text())
    record["command"] = ["/home/someone/DeepPap/tools/cross_validate.py", "--data=/home/someone/my data/herlev"]
    record["dataset"]["path"] = "../someone/herlev"
    (run / "run.json").write_text(json.dumps(record))
    keep(run, tmp_path / "results/x")
    texts = {path.name: path.read_bytes() for path in (tmp_path / "results/x").iterdir()}
    texts |= {name: gzip.decompress(text) for name, text in texts.items() if name.endswith(".gz")}
    assert texts.keys() == {"README.md", "run.json", "split.json", "scores.csv.gz", "views.csv.gz", "curve.csv"}
    assert not [name for name, text in texts.items() if b"someone" in text]
    assert load_run(tmp_path / "results/x").record.command == ["cross_validate.py", "--data=herlev"]


def test_the_same_run_replaces_an_older_copy(run, kept, tmp_path):
    before = {path.name: path.read_bytes() for path in kept.iterdir()}
    keep(run, kept)
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == before
    with pytest.raises(UserError):
        keep(kept, tmp_path / "results/again")


def test_a_damaged_file_is_named(kept):
    rows = gzip.decompress((kept / "scores.csv.gz").read_bytes()).decode().splitlines(keepends=True)
    for text, where in (
        ("".join([rows[0], rows[1].replace("0.", "x.", 1), *rows[2:]]), "scores.csv.gz:2"),
        ("".join(rows)[:-20], "scores.csv.gz"),
    ):
        (kept / "scores.csv.gz").write_bytes(gzip.compress(text.encode()))
        with pytest.raises(UserError) as error:
            load_run(kept)
        assert str(error.value).startswith(f"{kept / where}")
    (kept / "run.json").write_text("{}")
    with pytest.raises(UserError, match=RunRecord.FILE):
        load_run(kept)
