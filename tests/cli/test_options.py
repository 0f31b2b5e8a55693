"""Which snapshot is taken where nobody says: inner under field, else as in the paper; what is asked for is kept."""

import argparse
import json

import pytest

from data_prep.prepare import prepare_fold, prepare_run
from deeppap.cli.options import add_run_options, requested
from deeppap.records.request import CAVEAT, Request, selection_caveat
from deeppap.records.run_folder import RunRecord, open_run
from deeppap.report.terminal import summary
from deeppap.scoring.cell_score import CellScore
from deeppap.training.train_fold import TrainOptions, train_fold


def parsed(*words):
    parser = argparse.ArgumentParser()
    add_run_options(parser, "quick")
    return requested(parser.parse_args(words))


@pytest.mark.parametrize(
    ("words", "select"),
    [
        ("", "paper"),
        ("--protocol cell", "paper"),
        ("--protocol field", "inner"),
        ("--protocol field --select paper", "paper"),
        ("--protocol field --select last", "last"),
        ("--select inner", "inner"),
    ],
)
def test_an_option_left_out_is_told_from_one_that_is_given(words, select):
    assert parsed(*words.split()).select == select


def test_a_name_never_changes_what_it_stands_for():
    """Of runs made before field had a default of its own, too: they were called so and chose as in the paper."""
    facts = {"data": "d", "dataset": "herlev", "fingerprint": "f", "profile": "quick"}
    names = {
        (protocol, select): RunRecord(**facts, protocol=protocol, select=select).default_name()
        for protocol in ("cell", "field")
        for select in (None, "paper", "inner", "last")
    }
    assert names["cell", None] == names["cell", "paper"] == "herlev-cell-quick"
    assert names["field", "paper"] == "herlev-field-quick"
    assert names["field", None] == names["field", "inner"] == "herlev-field-quick-inner"
    assert len(set(names.values())) == 6


def test_an_older_run_by_field_is_read_as_it_was_made(tmp_path):
    """Its record says paper; the same command of today makes a run of its own beside it."""
    old = RunRecord(data="/d", dataset="herlev", fingerprint="f", protocol="field", select="paper")
    run = open_run(old, None, tmp_path)
    assert json.loads((run / "run.json").read_text())["select"] == "paper"
    assert RunRecord.read(run).select == "paper"
    now = RunRecord(data="/d", dataset="herlev", fingerprint="f", protocol="field")
    assert open_run(now, None, tmp_path) != run
    assert open_run(old, None, tmp_path) == run


def test_a_run_by_field_validates_on_training_cells(phantom, tmp_path):
    run, _, split, _ = prepare_run(Request(data=str(phantom), profile="smallest", protocol="field"), None, tmp_path)
    fold, _ = prepare_fold(Request(data=str(phantom), profile="smallest", protocol="field"), 0, 1, None, tmp_path)
    assert (run.name, RunRecord.read(run).select) == ("phantom-field-smallest-inner", "inner")
    train, validation = json.loads((fold / "fold.json").read_text())["cells"]
    assert train + validation == sum(len(cells) for cells in split.folds[1:])


def test_the_papers_choice_under_field_is_named_in_the_terminal(dataset, rng):
    scores = [CellScore(c, [], rng.dirichlet((1, 1)), rng.random(2), rng.random(2)) for c in dataset.cells]
    facts = {"data": "d", "dataset": "phantom", "fingerprint": "f"}
    said = {s: summary(RunRecord(**facts, protocol="field", select=s), scores) for s in ("paper", "inner")}
    assert CAVEAT in said["paper"] and CAVEAT not in said["inner"]
    assert CAVEAT not in summary(RunRecord(**facts), scores)
    assert selection_caveat("cell", "paper") == ""


@pytest.mark.slow
def test_the_papers_choice_under_field_is_named_by_training(phantom, tmp_path):
    request = Request(data=str(phantom), profile="smallest", protocol="field", select="paper")
    fold, _ = prepare_fold(request, 0, 1, None, tmp_path)
    said = []
    train_fold(fold, TrainOptions(None), said.append)
    assert f"note: {CAVEAT}" in said
