"""All folds down all the arrows, by the tool: what it leaves, that it goes on, and what it refuses."""

import csv
import dataclasses
import json

import cv2
import numpy as np
import pytest
from msgspec.structs import replace

from data_prep.cells import Cell, Dataset
from deeppap.records import FoldRecord, RunRecord, ScoreRecord
from deeppap.stats.intervals import TOO_FEW, interval
from deeppap.studies.cross_validate import line_of_test_cells
from deeppap.training.caffe_log import parse
from tests.support.checkout import make_checkout, run_tool


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return make_checkout(tmp_path_factory.mktemp("cross_validated"))


@pytest.fixture(scope="module")
def manifest(place):
    """Ten cells with masks, the abnormal ones' nuclei larger, under a name that once was another set's."""
    folder, rng = place / "cells", np.random.default_rng(1)
    folder.mkdir()
    rows = ["image,label,mask,pixel_um"]
    for index in range(10):
        label = index % 2
        image = rng.integers(120, 200, (90, 80, 3)).astype(np.uint8)
        mask = np.zeros((90, 80), np.uint8)
        cv2.circle(mask, (40, 45), 8 + 6 * label, 255, -1)
        image[mask > 0] //= 2
        cv2.imwrite(str(folder / f"{index}.png"), image)
        cv2.imwrite(str(folder / f"{index}_mask.png"), mask)
        rows.append(f"{index}.png,{label},{index}_mask.png,0.25")
    (folder / "herlev.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder / "herlev.csv"


@pytest.fixture(scope="module")
def cross_validated(place, manifest, source_weights, quick_reports):
    """One fold of five, with shifted centres: (run folder, what was printed)."""
    words = ["--data", manifest, "--profile", "smallest", "--weights", source_weights, "--gpu", "none"]
    done = run_tool(place, "cross_validate", *words, "--folds", "1", "--shift", "--workers", "1")
    return place / "runs/herlev-cell-smallest", done.stdout, words


@pytest.mark.slow
def test_a_fold_leaves_scores_baselines_and_a_report(cross_validated):
    run, printed, _ = cross_validated
    assert "1 fold(s) to do: " in printed
    assert [path.name for path in run.glob("fold*")] == ["fold1"]
    for name in ("scores.csv", "scores_shift5.csv", "scores_shift10.csv"):
        with (run / "fold1" / name).open(newline="") as file:
            assert len(list(csv.DictReader(file))) == 2, name
    assert not (run / "fold1/train_lmdb").exists()  # given back, for want of --keep
    assert (run / "report/report.html").is_file()
    answers = json.loads((run / "baselines.json").read_text())["nucleus_area"]["predictions"]
    assert all(answer[0] == int(cell) % 2 for cell, answer in answers.items())
    dataset = RunRecord.read(run).dataset
    assert (dataset.name, dataset.view_plan, dataset.pixel_um, dataset.paper) == ("herlev", "balanced", 0.25, None)


@pytest.mark.slow
def test_a_second_call_does_only_what_is_missing(cross_validated, place):
    run, _, words = cross_validated
    before = (run / "fold1/scores.csv").stat().st_mtime_ns
    printed = run_tool(place, "cross_validate", *words, "--folds", "1", "--shift", "--workers", "1").stdout
    assert "fold(s) to do" not in printed
    assert (run / "fold1/scores.csv").stat().st_mtime_ns == before


@pytest.mark.slow
def test_scores_made_otherwise_are_made_again(cross_validated, place):
    """Those of other views, and shifted ones of another net, as after a fold was trained anew."""
    run, _, words = cross_validated
    fold, before = run / "fold1", (run / "fold1/scores.csv").read_bytes()
    run_tool(place, "evaluate", "--net", fold, "--views", 1, "--gpu", "none")
    assert (fold / "scores.csv").read_bytes() == before
    for kind in ("csv", "json"):
        (fold / f"scores-views1-crops2.{kind}").replace(fold / f"scores.{kind}")
    shifted = ScoreRecord.beside(fold / "scores_shift5.csv")
    replace(shifted, weights_sha="0" * 64).write_beside(fold / "scores_shift5.csv")
    run_tool(place, "report", run, status=2)
    printed = run_tool(place, "cross_validate", *words, "--folds", "1", "--workers", "1").stdout
    assert f"scoring again: {fold.relative_to(place) / 'scores.csv'}" in printed
    assert (fold / "scores.csv").read_bytes() == before
    assert ScoreRecord.beside(fold / "scores_shift5.csv").weights_sha == shifted.weights_sha


@pytest.mark.parametrize("folds", ["5", "0, x"])
def test_folds_that_do_not_exist_are_refused(place, manifest, source_weights, folds):
    words = ["--data", manifest, "--profile", "smallest", "--weights", source_weights, "--gpu", "none"]
    done = run_tool(place, "cross_validate", *words, "--folds", folds, status=2)
    assert "--folds: " in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_second_training_of_a_fold_on_a_worker_gives_the_same_bytes(cross_validated, place):
    pytest.importorskip("distributed", reason="make cluster")
    first, _, words = cross_validated
    words = [*words, "--folds", "1", "--run", "on-a-worker", "--cluster", "local", "--workers", 1]
    printed = run_tool(place, "cross_validate", *words).stdout
    assert "-- fold 1\n" in printed
    fold, run = first / "fold1", place / "runs/on-a-worker"
    for name in ("scores.csv", "view_scores.csv", "mean.binaryproto"):
        assert (run / "fold1" / name).read_bytes() == (fold / name).read_bytes()
    logs = [parse(folder / "train.log") for folder in (fold, run / "fold1")]
    assert logs[0].train and logs[0] == logs[1]
    assert FoldRecord.read(fold) == FoldRecord.read(run / "fold1")  # with the checksums of both LMDBs
    assert not list(run.glob(".driver-*"))


@pytest.mark.parametrize(
    ("images", "grouped", "few"), [(5, True, False), (4, True, True), (1, True, True), (1, False, False)]
)
def test_whether_the_test_cells_can_judge_a_net_is_said_before_training(tmp_path, images, grouped, few):
    """Five groups with cells of each label, as the report's intervals need."""
    names = [f"{k // 2 % images}" for k in range(10)]
    cells = [Cell(f"{k}", tmp_path / name, k % 2, "", (0, 0), name) for k, name in enumerate(names)]
    cells = cells if grouped else [dataclasses.replace(cell, group=None) for cell in cells]
    line = line_of_test_cells(Dataset("mine", tmp_path, tuple(cells)), [cell.id for cell in cells])
    assert f"test cells: 10, 5 of them abnormal, from {images} image" in line
    assert line.startswith("!!") is few
    labels, groups = [cell.label for cell in cells], [cell.group for cell in cells] if grouped else None
    assert (interval(labels, np.linspace(0, 1, 10), "auc", groups) == TOO_FEW) is few
