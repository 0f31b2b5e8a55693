"""The report says of a fold's training what is known, and of the rest that it is not recorded."""

import json
import shutil

import pytest

from deeppap.io.errors import UserError
from deeppap.records.request import CAVEAT
from deeppap.report.facts import _device, what_was_run
from deeppap.report.notes import run_notes
from deeppap.report.tables.all_tables import all_tables
from deeppap.scoring.results import load_run
from tests.support.records import rewrite
from tests.support.synthetic_run import answer_alike, write_records, write_synthetic_run

RECIPE = {"solver": "s", "train_val": "n", "deploy": "d", "batch_size": 0, "epochs": 0, "fingerprint": "f"}
CAFFENET = "bvlc_reference_caffenet.caffemodel"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_synthetic_run(tmp_path_factory.mktemp("written") / "run", folds=3, cells=42)


@pytest.fixture
def run(written, tmp_path):
    return shutil.copytree(written, tmp_path / "run")


def trained(run, fold, **changes):
    recipe = {**RECIPE, "weights": {"name": CAFFENET, "sha256": "1" * 64}, **changes}
    rewrite(run / f"fold{fold}/model.json", trained=recipe)


def scoring_notes(run):
    return [note for note in run_notes(load_run(run)) if note.startswith("scores")]


def facts(run):
    return {row[0]: row[1] for row in what_was_run([load_run(run)])[1]}


def test_a_training_by_hand_is_not_given_a_history(run):
    """Its run's record says nothing of it, whatever an older one holds."""
    for fold in range(3):
        (run / f"fold{fold}/model.json").unlink()
    record = json.loads((run / "run.json").read_text())
    for weights in ({"weights": None}, {"weights": {"name": CAFFENET}}, {}):
        del record["weights"]
        record |= weights
        (run / "run.json").write_text(json.dumps(record))
        notes = "\n".join(run_notes(load_run(run)))
        assert "Gaussian" not in notes and "lowest loss" not in notes
        assert "trained by caffe train itself: the newest snapshot was scored" in notes
        assert facts(run)["Weights"] == "not recorded"
        assert facts(run)["Snapshot scored"] == "the newest one of a training by hand"
        record.setdefault("weights", None)


def test_an_external_set_is_not_called_trained_by_hand(run):
    for fold in range(3):
        (run / f"fold{fold}/model.json").unlink()
    external = {"trained_on": "herlev", "nets": [{"fold": 0}], "enlarged": None, "training_um": None}
    rewrite(run / "run.json", external=external)
    notes = "\n".join(run_notes(load_run(run)))
    assert "caffe train itself" not in notes and "external: a set that the net has not seen" in notes
    assert facts(run)["Snapshot scored"] == "those of the nets' own runs"


def test_an_external_report_names_its_nets_and_all_they_were_trained_on(run):
    nets = [{"folder": f"runs/a/fold{fold}", "sha256": f"{fold}" * 64} for fold in (0, 2)]
    first = {"run": "b", "dataset": {"name": "phantom"}, "trained": {"weights": {"name": CAFFENET}}}
    source = {"run": "c", "dataset": {"name": "herlev"}, "trained": {"source": first}}
    external = {"trained_on": "cric", "nets": nets, "enlarged": None, "training_um": None}
    rewrite(run / "run.json", external=external, weights=None)
    assert facts(run)["Weights"] == "runs/a/fold0, sha256 000000000000; runs/a/fold2, sha256 222222222222"
    assert any("; trained on cric, 2 net(s)" in note for note in run_notes(load_run(run)))
    rewrite(run / "run.json", external=external | {"source": source})
    said = "; trained on cric, before that on herlev, before that on phantom, 2 net(s)"
    assert any(said in note for note in run_notes(load_run(run)))


def test_the_papers_choice_under_field_is_named_on_every_table(run):
    rewrite(run / "run.json", protocol="field")
    assert any(CAVEAT in note for note in run_notes(load_run(run)))
    assert all(any(CAVEAT in note for note in table.notes) for table in all_tables([load_run(run)]))
    for fold in range(3):
        rewrite(run / f"fold{fold}/model.json", select="inner")
    assert not any("snapshot" in note for note in run_notes(load_run(run)))


def test_one_fold_by_hand_is_named(run):
    (run / "fold1/model.json").unlink()
    notes = run_notes(load_run(run))
    assert any(note.startswith("fold 1: trained by caffe train itself") for note in notes)
    assert any(note.startswith("folds 0,2: snapshot chosen by the lowest loss") for note in notes)
    assert facts(run)["Weights"] == f"folds 0,2: {CAFFENET}, sha256 111111111111; fold 1: not recorded"


def test_each_fold_has_weights_of_its_own(run):
    trained(run, 0)
    trained(run, 1, weights=None)
    trained(run, 2)
    notes = run_notes(load_run(run))
    assert "fold 1: started from Gaussian values: nothing was transferred from ImageNet" in notes
    assert facts(run)["Weights"].endswith("; fold 1: none: Gaussian values in every layer")


def test_folds_that_were_not_trained_alike_are_named(run):
    for fold in range(3):
        trained(run, fold)
    assert not any("trained alike" in note for note in run_notes(load_run(run)))
    trained(run, 1, solver="other", epochs=7, fingerprint="g")
    (note,) = [note for note in run_notes(load_run(run)) if "trained alike" in note]
    assert "folds 0,2 against fold 1: other solver, epochs" in note


def test_scores_that_do_not_belong_together_are_named(run):
    write_records(run)
    assert scoring_notes(run) == []
    rewrite(run / "fold1/scores.json", views=1)
    rewrite(run / "fold2/scores_shift10.json", precision="int8")
    usual = "100 views x 10 crops by caffe in float32"
    assert scoring_notes(run) == [
        f"scores: {usual} (folds 0,2); 1 views x 10 crops by caffe in float32 (fold 1), which do not belong together",
        f"scores with centres moved by up to 10 px: {usual} (folds 0,1); "
        f"100 views x 10 crops by caffe in int8 (fold 2), at the true centres {usual}",
    ]


def test_shifted_scores_alone_of_another_way_are_named(run):
    write_records(run)
    for fold in range(3):
        rewrite(run / f"fold{fold}/scores_shift5.json", crops=1)
    (note,) = scoring_notes(run)
    assert "100 views x 1 crops by caffe in float32 (folds 0,1,2), at the true centres 100 views x 10 crops" in note


def test_what_older_files_do_not_say_is_said(run):
    assert [note for note in scoring_notes(run) if "px: made in a way that is not recorded (folds 0,1,2)" in note]


@pytest.mark.parametrize(
    ("name", "change", "found"),
    [
        ("scores", {"model_sha256": "e" * 64}, "scores of another net, eeeeeeeeeeee"),
        ("scores_shift5", {"model_sha256": "e" * 64}, "scores of another net, eeeeeeeeeeee"),
        ("scores_shift5", {"shift": 10}, "scores under a shift of 10 pixels"),
        ("scores", {"sha256": "e" * 64}, "a record of other scores"),
    ],
)
def test_scores_of_something_else_are_refused(run, name, change, found):
    write_records(run)
    rewrite(run / f"fold1/{name}.json", **change)
    with pytest.raises(UserError, match=f"fold1/{name}.csv: expected this fold's own scores, found {found}"):
        load_run(run)


def test_an_adapted_net_shows_its_whole_chain(run):
    data = {"name": "herlev", "cells": 917, "fingerprint": "a" * 64}
    first = {**RECIPE, "weights": {"name": CAFFENET, "sha256": "1" * 64}}
    source = {"run": "herlev-cell-paper", "fold": 3, "sha256": "b" * 64, "dataset": data, "trained": first}
    own = {"name": "convnet_t_iter_6.caffemodel", "sha256": "b" * 64}
    for fold in range(3):
        trained(run, fold, weights=own, source=source)
    net = "ConvNet-T of herlev-cell-paper, fold 3, sha256 bbbbbbbbbbbb, trained on herlev (917 cells, aaaaaaaaaaaa)"
    assert facts(run)["Weights"].endswith(f"{net}, from {CAFFENET}, sha256 111111111111")
    (note,) = [note for note in run_notes(load_run(run)) if "adapted: " in note]
    assert note.endswith("those of herlev-cell-paper, fold 3, trained on herlev; not the paper's transfer")
    # an older source does not say what it was trained with
    for fold in range(3):
        trained(run, fold, weights=own, source={**source, "trained": {"weights": {}}})
    assert facts(run)["Weights"].endswith(f"{net}, from not recorded")


def test_scores_of_another_engine_and_precision_are_named():
    evaluation = {"device": "CPU, X, 2 threads", "engine": "openvino", "precision": "bfloat16", "tf32": False}
    assert _device(evaluation) == "CPU, X, 2 threads, bfloat16, by openvino"
    assert _device({"device": "GPU, Y", "engine": "caffe", "precision": "tf32", "tf32": True}) == "GPU, Y, TF32"
    assert _device({"device": "CPU, Z"}) == "CPU, Z, float32"  # an older record


def test_a_training_that_has_not_ended_is_not_called_one_by_hand(run):
    recipe = {**RECIPE, "weights": {"name": "other.caffemodel", "sha256": "2" * 64}}
    (run / "fold1/model.json").unlink()
    (run / "fold1/training.json").write_text(json.dumps(recipe))
    notes = "\n".join(run_notes(load_run(run)))
    assert "fold 1: its training has not ended: the newest snapshot was scored" in notes
    assert "caffe train itself" not in notes
    assert facts(run)["Weights"].endswith("; fold 1: other.caffemodel, sha256 222222222222")
    assert "; fold 1: the newest one of a training that has not ended" in facts(run)["Snapshot scored"]


def test_an_external_set_judges_no_net(run):
    """A few foreign cells do not show that a net has learned nothing; it may know its own."""
    external = {"trained_on": "herlev", "nets": [{"fold": 0}], "enlarged": None, "training_um": None}
    rewrite(run / "run.json", external=external | {"views": 1, "crops": 10})
    answer_alike(run / "fold0")
    notes = "\n".join(run_notes(load_run(run)))
    assert "fold 0: on this set the area under its curve, 95 % interval 0.50 to 0.50, is not above chance" in notes
    assert "learned little" not in notes
    assert "1 view(s) x 10 crops a cell" in notes


def test_of_a_run_without_a_scored_fold_no_training_is_told(run):
    for fold in range(3):
        (run / f"fold{fold}/scores.csv").unlink()
    assert facts(run)["Snapshot scored"] == "paper (lowest validation loss on the fold that is reported)"
