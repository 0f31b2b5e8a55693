"""The scores that evaluating writes and their names; every other engine scores as Caffe does."""

import csv
import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest

from data_prep.classes import SEVEN
from data_prep.dataset import open_dataset
from deeppap.engines.device import ENGINES, Device, has_bfloat16
from deeppap.io.files import sha256_file
from deeppap.records import FoldRecord, ModelRecord, RunRecord, ScoreRecord, SplitRecord
from deeppap.scoring.evaluate_fold import (
    NO_SCORES,
    EvaluateOptions,
    evaluate_fold,
    file_suffix,
    precision_of,
    stale_reason,
)
from deeppap.scoring.trained_model import TrainedModel
from tests.support.checkout import run_tool
from tests.support.records import change_scores


def rows(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def evaluate(fold, weights=None, **options):
    model = TrainedModel.open(fold, weights, lambda _: None)
    return evaluate_fold(model, Device(), EvaluateOptions(**options), say=lambda _: None)


def contents(fold):
    return {path.name: sha256_file(path) for path in fold.iterdir() if path.suffix in (".csv", ".npz", ".json")}


@pytest.fixture
def scored(copy_of, evaluated_fold):
    return copy_of(evaluated_fold, "train_lmdb", "val_lmdb")[1]


def test_scores_csv(evaluated_fold):
    header, *found = rows(evaluated_fold / "scores.csv")
    assert header == ["id", "class7", "label", "score", "spread", "prob_0", "prob_1"]
    cells = open_dataset(evaluated_fold.parents[2] / RunRecord.read(evaluated_fold.parent).dataset.path).by_id()
    assert [row[0] for row in found] == SplitRecord.read(evaluated_fold.parent).folds[0]
    for row in found:
        assert (SEVEN[int(row[1])].name, int(row[2])) == (cells[row[0]].kind, cells[row[0]].label)
        score, spread, normal, abnormal = map(float, row[3:])
        assert score == abnormal
        assert normal + abnormal == pytest.approx(1, abs=1e-6)
        assert 0 <= spread <= 0.5
    assert len({row[3] for row in found}) == len(found)


def test_view_scores_csv(evaluated_fold):
    header, *found = rows(evaluated_fold / "view_scores.csv")
    assert header == ["id", "view", "angle", "dx", "dy", "score", "score_centre"]
    scores = {row[0]: row for row in rows(evaluated_fold / "scores.csv")[1:]}
    assert {(row[1], row[2]) for row in found} == {("0", "0"), ("50", "180")}
    for name, row in scores.items():
        views = [float(view[5]) for view in found if view[0] == name]
        assert len(views) == 2
        assert sum(views) / 2 == pytest.approx(float(row[3]), abs=1e-8)
        assert abs(views[0] - views[1]) / 2 == pytest.approx(float(row[4]), abs=1e-8)


def test_the_record_says_how_the_scores_were_made(evaluated_fold):
    record = ScoreRecord.beside(evaluated_fold / "scores.csv")
    assert (record.cells, record.views, record.crops, record.shift) == (8, 2, 2, 0)
    assert (record.engine, record.precision) == ("caffe", "float32") and record.device.startswith("CPU, ")
    assert record.crops_per_second * record.seconds_per_cell == pytest.approx(4)
    assert record.weights_sha == ModelRecord.read(evaluated_fold).weights_sha
    assert record.fold_sha == FoldRecord.read(evaluated_fold).fold_sha
    assert record.csv_sha == sha256_file(evaluated_fold / "scores.csv")
    assert stale_reason(evaluated_fold, 0) is None


def test_again_gives_the_same_bytes(evaluated_fold, copy_of):
    fold = copy_of(evaluated_fold, "train_lmdb", "val_lmdb", "scores.csv", "view_scores.csv")[1]
    evaluate(fold)
    for name in ("scores.csv", "view_scores.csv"):
        assert sha256_file(fold / name) == sha256_file(evaluated_fold / name)
    evaluate(fold, shift=10, views=1, crops=1)
    header, *found = rows(fold / "scores_shift10-views1-crops1.csv")
    assert (header, len(found)) == (rows(fold / "scores.csv")[0], 8)
    assert sha256_file(fold / "scores.csv") == sha256_file(evaluated_fold / "scores.csv")


@pytest.mark.parametrize("shift", [-5, 65])
def test_a_shift_out_of_range_is_one_line(checkout, evaluated_fold, shift):
    before = sorted(path.name for path in evaluated_fold.iterdir())
    done = run_tool(checkout, "evaluate", "--net", evaluated_fold, "--shift", shift, status=2)
    assert "--shift" in done.stderr and done.stderr.count("\n") == 1
    assert sorted(path.name for path in evaluated_fold.iterdir()) == before


def test_other_counts_leave_the_runs_own_scores_alone(scored):
    before = contents(scored)
    evaluate(scored, views=1)
    suffix = "-views1-crops2"
    added = {f"scores{suffix}.csv", f"scores{suffix}.json", f"view_scores{suffix}.csv"}
    after = contents(scored)
    assert after.keys() - before.keys() == added
    assert {name: after[name] for name in before} == before
    assert stale_reason(scored, 0) is None
    # the run's counts in so many words make the run's own scores
    evaluate(scored, views=2, crops=2)
    assert contents(scored).keys() == before.keys() | added


def test_another_snapshot_has_a_name_of_its_own(scored, trained_model):
    other = scored / "snapshots/other.caffemodel"
    shutil.copy(trained_model, other)
    with other.open("ab") as file:
        file.write(b"\x0a\x01x")  # another name of the net: other bytes, the same values
    before = sha256_file(scored / "scores.csv")
    evaluate(scored, other, views=1, crops=1)
    assert (scored / f"scores-views1-crops1-model{sha256_file(other)[:8]}.csv").exists()
    assert sha256_file(scored / "scores.csv") == before
    # the selected net given by its name is the fold's own
    evaluate(scored, scored / "snapshots" / trained_model.name, views=1, crops=1)
    assert (scored / "scores-views1-crops1.csv").exists()


def test_engine_and_precision_are_in_the_name(evaluated_fold):
    model = TrainedModel.open(evaluated_fold)
    assert file_suffix(model, 2, 2, Device()) == file_suffix(model, 2, 2, Device(gpu="0", tf32=True)) == ""
    assert file_suffix(model, 2, 2, Device(engine="another", precision="int8")) == "-another-int8"
    assert precision_of(Device(gpu="0", tf32=True)) == "tf32"
    assert precision_of(Device(gpu="0", tf32=True, engine="openvino", precision="bfloat16")) == "bfloat16"


def test_foreign_scores_are_stale(scored):
    evaluate(scored, views=1)
    own = {name: (scored / name).read_bytes() for name in ("scores.csv", "scores.json")}
    other = {f"scores.{kind}": (scored / f"scores-views1-crops2.{kind}").read_bytes() for kind in ("csv", "json")}

    def put(**files):
        for name, data in (own | files).items():
            (scored / name).write_bytes(data)

    put(**other)
    assert stale_reason(scored, 0).endswith("other views")
    put(**{"scores.csv": other["scores.csv"]})
    assert "a record of other scores" in stale_reason(scored, 0)
    put()
    assert stale_reason(scored, 0) is None
    change_scores(scored, weights_sha="e" * 64)
    assert "scores of another net" in stale_reason(scored, 0)
    put()
    change_scores(scored, fold_sha="e" * 64)
    assert "scores of another fold" in stale_reason(scored, 0)
    put()
    assert stale_reason(scored, 5) == NO_SCORES
    shutil.copy(scored / "scores.csv", scored / "scores_shift5.csv")
    assert "does not say how it was made" in stale_reason(scored, 5)


OTHERS = [(engine, precision) for engine, many in ENGINES.items() if engine != "caffe" for precision in many]


@pytest.mark.parametrize(("engine", "precision"), OTHERS)
def test_an_engine_scores_as_caffe_does(engine, precision, evaluated_fold, copy_of, monkeypatch):
    if importlib.util.find_spec(engine) is None:
        pytest.skip(f"{engine} is not installed: make engines")
    if precision == "bfloat16" and not has_bfloat16():
        pytest.skip("this processor has no bfloat16")
    place, fold = copy_of(evaluated_fold, "train_lmdb", "val_lmdb")
    monkeypatch.chdir(place)
    model = TrainedModel.open(fold)
    device = Device(engine=engine, precision=precision, without_gpu=True)
    found = evaluate_fold(model, device, EvaluateOptions(), say=lambda _: None)
    scores = np.array([score.score for score in found])
    expected = np.array([float(row[3]) for row in rows(fold / "scores.csv")[1:]])  # by Caffe
    assert len(list(Path(fold).glob(f"scores-{engine}*.csv"))) == 1
    allowed = 1e-5 if precision == "float32" else 0.01
    np.testing.assert_allclose(scores, expected, rtol=0, atol=allowed)
    changed = (scores >= 0.5) != (expected >= 0.5)
    assert np.abs(expected[changed] - 0.5).max(initial=0) <= np.abs(scores - expected).max()
    assert precision == "bfloat16" or not changed.any()
