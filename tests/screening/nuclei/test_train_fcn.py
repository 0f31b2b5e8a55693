"""Training the nucleus net through its tools, with real Caffe, for a few iterations on drawn fields."""

import json
import re
import shutil
from dataclasses import replace

import cv2
import pytest

from deeppap.io.errors import UserError
from deeppap.io.files import complete_or_absent, sha256_file
from deeppap.screening.nuclei import train_fcn as train_fcn_module
from deeppap.screening.nuclei.detector import NucleusDetector
from deeppap.screening.nuclei.fields import FieldSet, read_fields
from deeppap.screening.nuclei.train_fcn import DetectorRecord, TrainRequest, resolve, train_fcn
from tests.support.checkout import run_tool
from tests.support.drawn_field import MPP, write_fields


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_fields(tmp_path_factory.mktemp("fields") / "drawn", 3)


@pytest.fixture(scope="module")
def options(folder):
    return ["--fields", folder, "--mpp", MPP, "--training-crops", 32, "--iterations", 4]


@pytest.fixture(scope="module")
def trained(checkout, options):
    """The folder that the tool trains in."""
    run_tool(checkout, "train_detector", *options, "--out", "runs/detector")
    return checkout / "runs/detector"


def test_folder_holds_weights_record_and_log(trained):
    names = {path.name for path in trained.iterdir()}
    files = {"nucleus_fcn.caffemodel", "images.sha256", "detector.json", "train.log", "learning.html", ".lock"}
    assert names == {*files, "solver.prototxt", "train_val.prototxt"}
    record = DetectorRecord.read(trained)
    assert record.sha256 == sha256_file(trained / "nucleus_fcn.caffemodel")
    assert (record.sets[0].name, record.sets[0].fields, record.iterations) == ("drawn", 3, 4)


def test_same_command_trains_once_and_another_is_refused(checkout, options, trained):
    before = sha256_file(trained / "nucleus_fcn.caffemodel")
    assert "already trained" in run_tool(checkout, "train_detector", *options, "--out", "runs/detector").stdout
    done = run_tool(checkout, "train_detector", *options, "--out", "runs/detector", "--seed", 3, status=2)
    assert "detector.json" in done.stderr and done.stderr.count("\n") == 1
    assert sha256_file(trained / "nucleus_fcn.caffemodel") == before


def test_same_seed_same_weights(checkout, options, trained):
    for seed, same in ((1, True), (2, False)):
        run_tool(checkout, "train_detector", *options, "--out", f"runs/seed{seed}", "--seed", seed)
        weights = checkout / f"runs/seed{seed}/nucleus_fcn.caffemodel"
        assert (sha256_file(weights) == sha256_file(trained / weights.name)) == same


def test_folder_of_something_else_is_refused(tmp_path, folder):
    """Such as a trained fold's: its snapshots and its log would be lost."""
    fold = tmp_path / "fold0"
    (fold / "snapshots").mkdir(parents=True)
    (fold / "snapshots/convnet_t_iter_8.caffemodel").touch()
    with pytest.raises(UserError, match="found snapshots"):
        train_fcn(fold, TrainRequest([FieldSet(read_fields(folder), MPP)], 8, 1))
    assert (fold / "snapshots/convnet_t_iter_8.caffemodel").exists()


def test_other_classes_or_prototxt_are_another_training(tmp_path, monkeypatch):
    (field,) = read_fields(write_fields(tmp_path / "drawn", 1))

    def record(**changes):
        return TrainRequest([FieldSet([replace(field, **changes)], MPP)]).record()

    assert record() != record(labels=("HSIL",) * len(field.points))
    shutil.copytree(train_fcn_module.PROTOTXT, tmp_path / "nets")
    before = record()
    monkeypatch.setattr(train_fcn_module, "PROTOTXT", tmp_path / "nets")
    assert record() == before
    solver = tmp_path / "nets/solver.prototxt"
    solver.write_text(solver.read_text() + "clip_gradients: 3\n")
    assert record() != before


def test_training_goes_on_from_the_newest_whole_snapshot(tmp_path, folder, monkeypatch):
    request = TrainRequest([FieldSet(read_fields(folder), MPP)], 32, 6)

    def resolve_in_twos(where, request):
        schedule = resolve(where, request)
        solver = where / "solver.prototxt"
        solver.write_text(solver.read_text().replace("snapshot: 6", "snapshot: 2"))
        return schedule

    def interrupted(path, *more):
        if path.suffix == ".caffemodel":
            raise InterruptedError
        return complete_or_absent(path, *more)

    monkeypatch.setattr(train_fcn_module, "resolve", resolve_in_twos)
    with monkeypatch.context() as patch, pytest.raises(InterruptedError):
        patch.setattr(train_fcn_module, "complete_or_absent", interrupted)
        train_fcn(tmp_path, request, say=lambda _: None)
    newest = tmp_path / "snapshots/nucleus_fcn_iter_6.caffemodel"
    newest.write_bytes(newest.read_bytes()[:500])
    lines = []
    train_fcn(tmp_path, request, lines.append)
    assert lines[0].startswith("passing over iteration 6")
    assert lines[1].startswith("resuming from iteration 4")
    assert NucleusDetector(tmp_path / "nucleus_fcn.caffemodel")


def test_evaluation_writes_pictures_and_scores(checkout, folder, trained, tmp_path):
    words = ["--fields", folder, "--mpp", MPP, "--out", "runs/evaluation"]
    done = run_tool(checkout, "evaluate_detector", *words)
    out = checkout / "runs/evaluation"
    scores = json.loads((out / "scores.json").read_text())["drawn"]
    assert scores["f"] > 0.9
    assert f"F {scores['f']:.3f}" in done.stdout
    assert cv2.imread(str(out / "drawn/frame001.png")).shape == (480, 640, 3)
    rows = (out / "detections.csv").read_text().splitlines()
    assert len(rows) == 1 + scores["hits"] + scores["missed"] + scores["false"]
    again = shutil.copytree(folder, tmp_path / "again")
    done = run_tool(checkout, "evaluate_detector", "--fields", folder, again, *words[2:])  # replaces the older one
    assert done.stdout.split("all folders together\n")[1].startswith("6 fields, 72 nuclei marked")
    seconds = float(re.search(r"detected in (\S+) s of processor time a megapixel", done.stdout)[1])
    assert 0 < seconds < 1000
    done = run_tool(checkout, "evaluate_detector", *words[:-1], trained, status=2)  # and nothing else
    assert "a file that it did not write" in done.stderr


def test_every_fold_is_trained_and_every_field_judged_once(checkout, folder):
    words = ["--fields", folder, "--mpp", MPP, "--fold-count", 3, "--iterations", 2, "--training-crops", 32]
    done = run_tool(checkout, "evaluate_detector", *words, "--runs", "runs/folds")
    assert "3 fields, 36 nuclei marked" in done.stdout
    assert len(list((checkout / "runs/folds").glob("fold*/nucleus_fcn.caffemodel"))) == 3
