"""The learning curve by the tool, on the phantom: nested parts, a fixed test fold, points that are done again."""

import json
import os

import pytest

from data_prep.fold_images import fold_images
from deeppap.io.errors import FieldError
from deeppap.phantom.cell_set import make_phantom_manifest
from deeppap.records import SplitRecord
from deeppap.report.learning_curve import read_curve
from deeppap.scoring.results import load_run
from deeppap.stats.learning_curve import CurvePoint, gains, learned_from, levels
from deeppap.stats.metrics import binary_metrics
from deeppap.studies.learning_curve import CurveOptions
from tests.support.checkout import run_tool
from tests.support.figures import texts
from tests.support.synthetic_run import answer_alike, write_synthetic_run

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
    assert learned_from(runs["seed1-100-alone"])[0] == CELLS - len(whole.folds[0])
    trained = {cell for cell, part, _ in fold_images(home / "seed1-040-alone/fold0") if part == "train"}
    assert len(trained) == learned_from(runs["seed1-040-alone"])[0]
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


def points_of(tmp_path):
    """Synthetic points: seeds with other scores of the same cells; "adapted" is given better ones."""
    made = []
    for seed, start in ((1, "alone"), (2, "alone"), (1, "adapted"), (2, "adapted")):
        folder = tmp_path / f"{start}{seed}"
        write_synthetic_run(folder, folds=[0], cells=42, seed=1, dataset="phantom-manifest")
        run = load_run(folder)
        shift = 0.1 * seed + (0.5 if start == "adapted" else 0)
        scores = (run.folds[0].scores + shift * run.folds[0].labels).clip(0, 1)
        fold = type(run.folds[0])(**{**vars(run.folds[0]), "scores": scores})
        made.append(CurvePoint(seed, 50, start, type(run)(**{**vars(run), "folds": (fold,)})))
    return made


def test_a_level_is_the_mean_over_seeds_and_a_gain_is_paired(tmp_path):
    points = points_of(tmp_path)
    adapted, alone = levels(points)
    assert (adapted.start, alone.start) == ("adapted", "alone")
    own = [binary_metrics(p.run.pooled("labels"), p.run.pooled("scores"))["auc"] for p in points]
    assert alone.each["auc"] == own[:2] and alone.values["auc"] == pytest.approx(sum(own[:2]) / 2)
    assert alone.limits["auc"] is None or alone.limits["auc"][0] <= alone.values["auc"] <= alone.limits["auc"][1]
    (found,) = gains(points, "adapted", "alone")
    assert found.value == pytest.approx(adapted.values["auc"] - alone.values["auc"])
    assert found.limits is None or found.limits[0] <= found.value <= found.limits[1]


def test_the_figure_names_both_starts_and_the_source(tmp_path):
    from deeppap.report.figures.learning_curve import draw

    said = texts(draw(points_of(tmp_path), {"sens": 0.5, "spec": 0.5, "auc": 0.7}))
    for words in ("adapted from the source net", "from CaffeNet alone", "the source net as it is"):
        assert words in said


@pytest.mark.slow
def test_points_of_other_weights_are_refused(curve, checkout, words, source_weights):
    others = ["--weights" if word == "--from-scratch" else word for word in words]
    others.insert(others.index("--weights") + 1, source_weights)
    refused = run_tool(checkout, "learning_curve", *others, status=2).stderr
    assert "seed1-040-alone/fold0" in refused and "weights" in refused and refused.count("\n") == 1


def test_each_note_names_the_nets_it_holds_for(tmp_path):
    from deeppap.report.tables.learning_curve import learning_curve_table

    points = points_of(tmp_path)
    folder = points[1].run.folder
    answer_alike(folder / "fold0")
    points[1] = points[1]._replace(run=load_run(folder))
    notes = learning_curve_table(points, None).notes
    assert [note for note in notes if "learned little or nothing" in note][0].startswith(
        "seed 2, 50 %, from CaffeNet alone: "
    )
    assert any(note.startswith("cell folds: ") or "a drawing" in note for note in notes)
