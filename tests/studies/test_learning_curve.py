"""The learning curve by the tool, on the phantom: nested parts, a fixed test fold, points that are done again."""

import json
import os

import pytest

from data_prep.image_hashes import fold_images
from deeppap.io.errors import FieldError
from deeppap.phantom.cell_set import make_phantom_manifest
from deeppap.records import SplitRecord
from deeppap.report.learning_curve import read_curve
from deeppap.scoring.results import load_run
from deeppap.studies.learning_curve import CurveOptions
from tests.support.checkout import run_tool

CELLS = 24  # enough for five folds of whole slides, and for a part of them


@pytest.fixture(scope="module")
def words(tmp_path_factory, trained_fold):
    folder = make_phantom_manifest(tmp_path_factory.mktemp("mine") / "mine", CELLS, seed=4, workers=1)
    asked = ["--data", folder, "--profile", "smallest", "--protocol", "field", "--shares", "40,100", "--seeds", 1]
    return [*asked, "--from", trained_fold, "--from-scratch", "--gpu", "none", "--workers", 1]


@pytest.fixture(scope="module")
def curve(checkout, words):
    """(the curve's run folder, what was printed)."""
    printed = run_tool(checkout, "learning_curve", *words).stdout
    return checkout / "runs/mine-field-smallest-last-curve-from-phantom-cell-smallest-fold0", printed


POINTS = [f"seed1-{share:03d}-{start}" for share in (40, 100) for start in ("adapted", "alone")]


@pytest.mark.slow
def test_every_point_tests_the_same_cells_and_parts_are_nested(curve):
    home, printed = curve
    runs = {name: load_run(home / name) for name in POINTS}
    whole = SplitRecord.read(home)
    assert {run.ids for run in runs.values()} == {tuple(whole.folds[0])}
    small, large = (set(runs[f"seed1-{share:03d}-alone"].split.left_out or []) for share in (40, 100))
    assert large == set() and small
    assert small == set(runs["seed1-040-adapted"].split.left_out)
    cells = runs[POINTS[0]].cells
    kept = {cells[name].group for name in cells.keys() - small - set(whole.folds[0])}
    assert not kept & {cells[name].group for name in small}  # groups stay whole
    learned = {(point.start, point.share): point.cells for point in read_curve(home, "source-as-it-is").points}
    assert learned["alone", 100] == CELLS - len(whole.folds[0])
    trained = {cell for cell, part, _ in fold_images(home / "seed1-040-alone/fold0") if part == "train"}
    assert len(trained) == learned["alone", 40]
    assert "4 nets, 0 of them done; test fold 0" in printed and "4 net(s) to do: " in printed and "about 0:" in printed


@pytest.mark.slow
def test_the_table_has_a_row_for_each_point_and_one_for_the_source(curve):
    home, printed = curve
    table = json.loads((home / "curve/learning_curve.json").read_text())
    assert [row[1] for row in table["rows"]] == [0, 40, 100, 40, 100]
    assert table["data"]["before"].keys() == {"sens", "spec", "auc"}
    assert "from CaffeNet alone" in printed and (home / "curve/learning_curve.png").is_file()
    assert len(read_curve(home, "source-as-it-is").points) == 4


@pytest.mark.slow
def test_a_half_written_point_is_done_again_and_no_other(curve, checkout, words):
    home, _ = curve
    scores = {name: home / name / "fold0/scores.csv" for name in POINTS}
    before = {name: (path.read_bytes(), path.stat().st_mtime_ns) for name, path in scores.items()}
    cut, unscored, untrained = POINTS[0], POINTS[1], POINTS[2]
    os.truncate(scores[cut], scores[cut].stat().st_size - 30)
    (home / unscored / "fold0/scores.json").unlink()
    for name in ("scores.csv", "scores.json", "model.json"):
        (home / untrained / "fold0" / name).unlink()
    printed = run_tool(checkout, "learning_curve", *words).stdout
    assert "4 nets, 1 of them done" in printed
    assert {name: path.read_bytes() for name, path in scores.items()} == {n: data for n, (data, _) in before.items()}
    assert scores[POINTS[3]].stat().st_mtime_ns == before[POINTS[3]][1]
    assert "of them done" not in run_tool(checkout, "learning_curve", *words).stdout


@pytest.mark.parametrize("shares", [[50, 20], [0, 50], [50, 101], [20, 20], []])
def test_wrong_shares_are_refused(shares):
    with pytest.raises(FieldError) as caught:
        CurveOptions(None, None, shares=shares)
    assert caught.value.field == "shares"


@pytest.mark.slow
def test_points_of_other_weights_are_refused(curve, checkout, words, source_weights):
    others = ["--weights" if word == "--from-scratch" else word for word in words]
    others.insert(others.index("--weights") + 1, source_weights)
    refused = run_tool(checkout, "learning_curve", *others, status=2).stderr
    assert "seed1-040-alone/fold0" in refused and "weights" in refused and refused.count("\n") == 1
