"""The report says of a fold's training what is known, and of the rest that it is not recorded."""

import json
import shutil

import pytest

from reporting.facts import what_was_run
from reporting.notes import run_notes
from scoring.results import load_run
from tests.support.synthetic_run import write_synthetic_run

RECIPE = {"solver": "s", "train_val": "n", "deploy": "d", "batch_size": 0, "epochs": 0, "fingerprint": "f"}
CAFFENET = "bvlc_reference_caffenet.caffemodel"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_synthetic_run(tmp_path_factory.mktemp("written") / "run", folds=3, cells=42)


@pytest.fixture
def run(written, tmp_path):
    return shutil.copytree(written, tmp_path / "run")


def trained(run, fold, **changes):
    path = run / f"fold{fold}/model.json"
    recipe = {**RECIPE, "weights": {"name": CAFFENET, "sha256": "1" * 64}, **changes}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"trained": recipe}))


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
