import csv

import pytest

from data_prep.dataset import open_dataset
from deeppap.io.files import sha256_file
from deeppap.records import RunRecord, ScoreRecord, SplitRecord
from tests.support.checkout import run_tool


def rows(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_scores_csv(evaluated_fold):
    header, *found = rows(evaluated_fold / "scores.csv")
    assert header == ["id", "class7", "label", "score", "spread", "prob_0", "prob_1"]
    cells = open_dataset(evaluated_fold.parents[2] / RunRecord.read(evaluated_fold.parent).dataset.path).by_id()
    assert [row[0] for row in found] == SplitRecord.read(evaluated_fold.parent).folds[0]
    for row in found:
        assert (int(row[1]), int(row[2])) == (cells[row[0]].class7, cells[row[0]].label)
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


def test_the_terminal_shows_measures_and_classes(evaluate_output):
    for word in ("Sens", "Spec", "Acc", "H-mean", "F ", "AUC", "severe dysplasia", "8 cells of one fold"):
        assert word in evaluate_output.stdout


def test_again_gives_the_same_bytes_with_another_batch(evaluated_fold, copy_of, monkeypatch):
    from deeppap.engines.device import Device
    from deeppap.scoring.evaluate_fold import EvaluateOptions, evaluate_fold
    from deeppap.scoring.trained_model import TrainedModel

    place, fold = copy_of(evaluated_fold, "train_lmdb", "val_lmdb", "scores.csv", "view_scores.csv")
    monkeypatch.chdir(place)
    model = TrainedModel.open(fold)
    evaluate_fold(model, Device(), EvaluateOptions(), say=lambda _: None)
    for name in ("scores.csv", "view_scores.csv"):
        assert sha256_file(fold / name) == sha256_file(evaluated_fold / name)
    evaluate_fold(model, Device(), EvaluateOptions(shift=10, views=1, crops=1), say=lambda _: None)
    header, *found = rows(fold / "scores_shift10-views1-crops1.csv")
    assert (header, len(found)) == (rows(fold / "scores.csv")[0], 8)
    assert sha256_file(fold / "scores.csv") == sha256_file(evaluated_fold / "scores.csv")


@pytest.mark.parametrize("views", [0, -1, 101])
def test_counts_that_do_not_exist_are_refused(evaluated_fold, views):
    from deeppap.engines.device import Device
    from deeppap.io.errors import UserError
    from deeppap.scoring.evaluate_fold import EvaluateOptions, evaluate_fold
    from deeppap.scoring.trained_model import TrainedModel

    with pytest.raises(UserError, match="--views: expected 1 to 100"):
        evaluate_fold(TrainedModel.open(evaluated_fold), Device(), EvaluateOptions(views=views), say=lambda _: None)


@pytest.mark.parametrize("shift", [-5, 65])
def test_a_shift_that_is_none_is_one_line(checkout, evaluated_fold, shift):
    before = sorted(path.name for path in evaluated_fold.iterdir())
    done = run_tool(checkout, "evaluate", "--net", evaluated_fold, "--shift", shift, status=2)
    assert f"--shift: expected 0 to 64 pixels, found {shift}" in done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(path.name for path in evaluated_fold.iterdir()) == before


def test_scores_of_another_engine_have_a_name_of_their_own(copy_of, evaluated_fold):
    pytest.importorskip("onnxruntime", reason="the engines are not installed: make engines")
    place, fold = copy_of(evaluated_fold, "train_lmdb", "val_lmdb")
    before = sha256_file(fold / "scores.csv")
    run_tool(place, "evaluate", "--net", fold, "--engine", "onnxruntime", "--gpu", "none")
    assert sha256_file(fold / "scores.csv") == before
    caffe, other = (rows(fold / name)[1:] for name in ("scores.csv", "scores-onnxruntime.csv"))
    assert [row[0] for row in other] == [row[0] for row in caffe]
    assert [float(row[3]) for row in other] == pytest.approx([float(row[3]) for row in caffe], abs=1e-5)
    assert ScoreRecord.beside(fold / "scores-onnxruntime.csv").engine == "onnxruntime"
