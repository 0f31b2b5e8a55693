"""A run's own scores are written by its own way alone; whatever else is scored has a name of its own."""

import shutil

import pytest

from deeppap.engines.device import Device
from deeppap.io.files import sha256_file
from deeppap.records import FoldRecord, ModelRecord, ScoreRecord
from deeppap.scoring.evaluate_fold import (
    NO_SCORES,
    EvaluateOptions,
    evaluate_fold,
    file_suffix,
    precision_of,
    stale_reason,
)
from deeppap.scoring.results import load_run
from deeppap.scoring.trained_model import TrainedModel
from tests.support.records import change_scores


def evaluate(fold, model=None, force=False, **options):
    opened = TrainedModel.open(fold, model, force, lambda _: None)
    evaluate_fold(opened, Device(), EvaluateOptions(force=force, **options), say=lambda _: None)


def names(fold):
    return {path.name for path in fold.iterdir() if path.suffix in (".csv", ".npz", ".json")}


@pytest.fixture
def scored(copy_of, evaluated_fold):
    return copy_of(evaluated_fold, "train_lmdb", "val_lmdb")[1]


def test_a_record_says_how_the_scores_were_made(evaluated_fold):
    record = ScoreRecord.beside(evaluated_fold / "scores.csv")
    assert (record.cells, record.views, record.crops, record.shift) == (8, 2, 2, 0)
    assert (record.engine, record.precision) == ("caffe", "float32") and record.device.startswith("CPU, ")
    assert record.crops_per_second * record.seconds_per_cell == pytest.approx(4)
    assert record.weights_sha == ModelRecord.read(evaluated_fold).weights_sha
    assert record.fold_sha == FoldRecord.read(evaluated_fold).fold_sha
    assert record.csv_sha == sha256_file(evaluated_fold / "scores.csv")
    assert stale_reason(evaluated_fold, 0) is None


def test_other_counts_leave_the_runs_own_scores_alone(scored):
    before = {name: sha256_file(scored / name) for name in names(scored)}
    evaluate(scored, views=1)
    way = "-views1-crops2"
    added = {
        f"scores{way}.csv",
        f"scores{way}.json",
        f"view_scores{way}.csv",
        f"ood{way}.csv",
    }
    assert names(scored) - before.keys() == added
    assert {name: sha256_file(scored / name) for name in before} == before
    assert stale_reason(scored, 0) is None
    # and the counts of the run, given in so many words, are its own way
    evaluate(scored, views=2, crops=2)
    assert names(scored) == before.keys() | added


def test_another_net_has_a_name_of_its_own(scored, tmp_path, trained_model):
    other = tmp_path / "other.caffemodel"
    shutil.copy(trained_model, other)
    with other.open("ab") as file:
        file.write(b"\x0a\x01x")  # another name of the net: other bytes, the same values
    before = sha256_file(scored / "scores.csv")
    evaluate(scored, other, force=True, views=1, crops=1)
    assert (scored / f"scores-views1-crops1-model{sha256_file(other)[:8]}-forced.csv").exists()
    assert sha256_file(scored / "scores.csv") == before
    # the selected net by its name is the fold's own
    evaluate(scored, next((scored / "snapshots").glob("*.caffemodel")), views=1, crops=1)
    assert (scored / "scores-views1-crops1.csv").exists()


def test_engine_and_precision_are_in_the_name(evaluated_fold):
    model = TrainedModel.open(evaluated_fold)
    assert file_suffix(model, 2, 2, Device()) == file_suffix(model, 2, 2, Device(gpu="0", tf32=True)) == ""
    assert file_suffix(model, 2, 2, Device(engine="another", precision="int8")) == "-another-int8"
    assert precision_of(Device(gpu="0", tf32=True)) == "tf32"
    assert precision_of(Device(gpu="0", tf32=True, engine="openvino", precision="bfloat16")) == "bfloat16"


def test_foreign_scores_are_not_taken_for_done(scored):
    evaluate(scored, views=1)
    own = {name: (scored / name).read_bytes() for name in ("scores.csv", "scores.json")}
    other = {f"scores.{kind}": (scored / f"scores-views1-crops2.{kind}").read_bytes() for kind in ("csv", "json")}

    def put(**files):
        for name, data in (own | files).items():
            (scored / name).write_bytes(data)

    put(**other)
    assert stale_reason(scored, 0) == f"{scored / 'scores.csv'} was made with other views"
    put(**{"scores.csv": other["scores.csv"]})
    assert stale_reason(scored, 0) == f"{scored / 'scores.csv'} has a record of other scores"
    put()
    assert stale_reason(scored, 0) is None
    change_scores(scored, weights_sha="e" * 64)
    assert "has scores of another net" in stale_reason(scored, 0)
    put()
    change_scores(scored, fold_sha="e" * 64)
    assert "has scores of another fold" in stale_reason(scored, 0)
    put()
    assert stale_reason(scored, 5) == NO_SCORES
    shutil.copy(scored / "scores.csv", scored / "scores_shift5.csv")
    assert "does not say how it was made" in stale_reason(scored, 5)


def test_a_run_is_read_with_its_own_scores_alone(scored):
    evaluate(scored, views=1)
    (fold,) = load_run(scored.parent).folds
    assert fold.made[0].views == 2 and fold.views.scores.shape[1] == 2
