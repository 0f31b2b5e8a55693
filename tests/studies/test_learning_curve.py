"""The learning curve by the tool, on the phantom: a fixed test fold, points that are done again."""

import os

import pytest

from data_prep.image_hashes import fold_images
from deeppap.io.errors import FieldError
from deeppap.records import SplitRecord
from deeppap.report.learning_curve import read_curve
from deeppap.scoring.results import load_run
from deeppap.studies.learning_curve import CurveOptions
from tests.support.checkout import run_tool
from tests.support.own_cells import write_manifest

EACH = 12  # cells of a label: enough for five folds of whole groups, and for a part of them


@pytest.fixture(scope="module")
def words(tmp_path_factory, trained_fold):
    cells = write_manifest(tmp_path_factory.mktemp("mine") / "mine", EACH, EACH)
    asked = ["--data", cells.parent, "--profile", "smallest", "--protocol", "field", "--shares", 40, "--seeds", 1]
    return [*asked, "--from", trained_fold, "--from-scratch", "--gpu", "none", "--workers", 1]


@pytest.fixture(scope="module")
def curve(checkout, words, quick_reports):
    """(the curve's run folder, what was printed)."""
    printed = run_tool(checkout, "learning_curve", *words).stdout
    return checkout / "runs/mine-field-smallest-last-curve-from-phantom-cell-smallest-fold0", printed


POINTS = ["seed1-040-adapted", "seed1-040-alone"]


@pytest.mark.slow
def test_both_nets_learn_from_one_part_and_test_the_same_cells(curve):
    home, printed = curve
    runs = [load_run(home / name) for name in POINTS]
    tested = SplitRecord.read(home).folds[0]
    assert {run.ids for run in runs} == {tuple(tested)}
    left_out = set(runs[0].split.left_out)
    assert left_out and left_out == set(runs[1].split.left_out)
    cells = runs[0].cells
    kept = {cells[name].group for name in cells.keys() - left_out - set(tested)}
    assert not kept & {cells[name].group for name in left_out}  # groups stay whole
    trained = {cell for cell, part, _ in fold_images(home / POINTS[1] / "fold0") if part == "train"}
    assert {point.cells for point in read_curve(home, "source-as-it-is").points} == {len(trained)}
    assert "2 nets, 0 of them done; test fold 0" in printed and "2 net(s) to do: " in printed and "about 0:" in printed


@pytest.mark.slow
def test_a_half_written_point_is_done_again_and_no_other(curve, checkout, words):
    home, _ = curve
    half, whole = (home / name / "fold0/scores.csv" for name in POINTS)
    before, untouched = half.read_bytes(), whole.stat().st_mtime_ns
    os.truncate(half, half.stat().st_size - 30)
    assert "2 nets, 1 of them done" in run_tool(checkout, "learning_curve", *words).stdout
    assert (half.read_bytes(), whole.stat().st_mtime_ns) == (before, untouched)


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
