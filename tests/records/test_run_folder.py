"""A run's record: what it keeps, and that records of older versions are still read."""

import json
from dataclasses import replace

import pytest

from deeppap.io.errors import UserError
from deeppap.records.request import Request
from deeppap.records.run_folder import RunRecord, open_run

FACTS = {"view_plan": "balanced", "pixel_um": 0.25, "paper": None, "phantom": False, "labels": [1, 2]}


def config(dataset="mine", **facts):
    return RunRecord(data="/d", dataset=dataset, fingerprint="f", cells=3, **{**FACTS, "labels": (1, 2), **facts})


def older(run):
    """The record as it was before it kept what the data set's name told."""
    path = run / "run.json"
    record = json.loads(path.read_text())
    for name in ("view_plan", "pixel_um", "paper", "labels"):
        del record["dataset"][name]
    path.write_text(json.dumps(record))
    return run


def test_a_record_gives_back_its_configuration(tmp_path):
    assert RunRecord.read(open_run(config(classes=7, seed=5), None, tmp_path)) == config(classes=7, seed=5)


def test_every_option_of_a_request_is_in_the_record(tmp_path):
    record = json.loads((open_run(config(), None, tmp_path) / "run.json").read_text())
    assert vars(Request()).keys() - {"data"} <= record.keys()
    assert record["dataset"] == {**FACTS, "name": "mine", "path": "/d", "fingerprint": "f", "cells": 3}


@pytest.mark.parametrize(
    ("name", "plan", "pixel", "paper"),
    [
        ("herlev", "unbalanced", 0.201, "herlev"),
        ("phantom", "unbalanced", None, None),
        ("mine", "balanced", None, None),
    ],
)
def test_an_older_record_is_read(tmp_path, name, plan, pixel, paper):
    run = older(open_run(config(name, phantom=name == "phantom"), None, tmp_path))
    found = RunRecord.read(run)
    assert (found.view_plan, found.pixel_um, found.paper, found.labels) == (plan, pixel, paper, None)
    # the same data set still finds its run again
    same = config(name, view_plan=plan, pixel_um=pixel, paper=paper, phantom=name == "phantom")
    assert open_run(same, None, tmp_path) == run


@pytest.mark.parametrize("pixel", ["0.2", 0, -1, True, [0.2]])
def test_a_pixel_size_that_is_none_is_refused(tmp_path, pixel):
    path = open_run(config(), None, tmp_path) / "run.json"
    record = json.loads(path.read_text())
    record["dataset"]["pixel_um"] = pixel
    path.write_text(json.dumps(record))
    with pytest.raises(UserError, match="expected a run's configuration, found pixel_um"):
        RunRecord.read(path.parent)


@pytest.mark.parametrize("labels", ["12", [1], [1, 2, 3], [1, 2.5], [True, False], {"normal": 1}])
def test_numbers_of_cells_that_are_none_are_refused(tmp_path, labels):
    path = open_run(config(), None, tmp_path) / "run.json"
    record = json.loads(path.read_text())
    record["dataset"]["labels"] = labels
    path.write_text(json.dumps(record))
    with pytest.raises(UserError, match="expected a run's configuration, found labels"):
        RunRecord.read(path.parent)


def test_a_data_set_that_moved_is_opened_where_it_is_now(tmp_path):
    run = open_run(config(), None, tmp_path)
    before = json.loads((run / "run.json").read_text())
    assert open_run(replace(config(), data="/elsewhere"), None, tmp_path) == run
    assert RunRecord.read(run) == replace(config(), data="/elsewhere")
    before["dataset"]["path"] = "/elsewhere"
    assert json.loads((run / "run.json").read_text()) == before
