"""What the options of a run ask for, and which snapshot is selected by default."""

import pytest

from data_prep.classes import PLAIN
from data_prep.prepare import prepare_fold
from deeppap.cli.options import add_run_options, add_source_options, requested, source_of
from deeppap.cli.tool import ToolParser
from deeppap.records import FoldRecord, Request, RunRecord, SplitRecord
from deeppap.records.structs import CAVEAT
from deeppap.report.table import summary
from deeppap.scoring.score_cells import CellScore
from deeppap.training.train_fold import TrainOptions, train_fold


def parsed(*words):
    parser = ToolParser("a tool", "")
    add_run_options(parser, default_profile="quick")
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
def test_the_default_selection_follows_from_the_protocol(words, select):
    assert parsed(*words.split()).select == select


def test_adapting_by_field_trains_on_all_but_the_test_cells(tmp_path):
    parser = ToolParser("a tool", "")
    add_run_options(parser, default_profile="quick")
    add_source_options(parser)
    net = ["--from", str(tmp_path)]
    for words, select in (("--protocol field", "last"), ("--protocol field --select inner", "inner"), ("", "paper")):
        assert requested(parser.parse_args([*net, *words.split()])).select == select


def test_every_option_reaches_the_request():
    words = "--data d --data e --pixel-um 0.2 --profile paper --protocol field --select last --classes 7"
    asked = {"data": ("d", "e"), "profile": "paper", "protocol": "field", "select": "last", "classes": 7}
    found = parsed(*words.split(), *["--control", "shuffle", "--encoding", "png", "--seed", "3", "--allow-partial"])
    assert found == Request(**asked, control="shuffle", pixel_um=0.2, encoding="png", seed=3, allow_partial=True)


def test_a_net_starts_from_one_of_three(trained_fold, source_weights, capsys):
    parser = ToolParser("a tool", "")
    add_source_options(parser)
    weights, source = source_of(parser.parse_args(["--from", str(trained_fold)]))
    assert (weights, source.fold) == (None, trained_fold)
    assert source_of(parser.parse_args(["--weights", str(source_weights)])) == (source_weights, None)
    assert source_of(parser.parse_args(["--from-scratch"])) == (None, None)
    with pytest.raises(SystemExit):
        parser.parse_args(["--from-scratch", "--weights", str(source_weights)])
    assert "not allowed with" in capsys.readouterr().err


def test_a_run_by_field_validates_on_training_cells(phantom, tmp_path):
    request = Request(data=(str(phantom),), profile="smallest", protocol="field")
    fold, _ = prepare_fold(request, 0, 1, None, tmp_path)
    assert (fold.parent.name, RunRecord.read(fold.parent).select) == ("phantom-field-smallest-inner", "inner")
    record = FoldRecord.read(fold)
    trained_on = [cell for cells in SplitRecord.read(fold.parent).folds[1:] for cell in cells]
    assert record.train_cells + record.val_cells == len(trained_on)


def test_the_papers_selection_under_field_is_named(phantom, dataset, rng, tmp_path, monkeypatch):
    request = Request(data=(str(phantom),), profile="smallest", protocol="field", select="paper")
    fold, _ = prepare_fold(request, 0, 1, None, tmp_path)
    said = []

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("deeppap.training.train_fold.train", stop)
    with pytest.raises(KeyboardInterrupt):  # said before Caffe starts
        train_fold(fold, TrainOptions(None), said.append)
    assert f"note: {CAVEAT}" in said
    scores = [CellScore(c, PLAIN, [], rng.dirichlet((1, 1)), rng.random(2), rng.random(2)) for c in dataset.cells]
    assert CAVEAT in summary(RunRecord.read(fold.parent), scores)
