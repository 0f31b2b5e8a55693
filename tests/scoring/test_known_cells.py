"""What the net's training cells look like: the limit, the file, and the mark in evaluate, classify and validate."""

import csv
from dataclasses import replace

import cv2
import numpy as np
import pytest

from deeppap.engines.device import Device
from deeppap.io.errors import UserError
from deeppap.io.files import sha256_file
from deeppap.scoring.cell_views import of_data_set
from deeppap.scoring.evaluate_fold import EvaluateOptions, evaluate_fold, held_out_cells
from deeppap.scoring.ood import FILE, OODReference, _fifths, _limits, find_known_cells, fit, say_share
from deeppap.scoring.score_cells import score_cells
from deeppap.scoring.score_files import write_scores
from deeppap.scoring.trained_model import Mismatches, TrainedModel
from tests.support.checkout import run_tool


def drawn(rng, cells, views=3, shift=0.0):
    """Features of cells that share their own part over views: float32 (cells, views, 8)."""
    own = rng.normal(4 + shift, 0.5, (cells, 1, 8))
    return ((own + rng.normal(0, 0.3, (cells, views, 8))) ** 2).astype(np.float32)


def known_of(train, held):
    gaussian = fit(train)
    return OODReference("conv3", "a" * 64, *gaussian, _limits([(gaussian, held)]))


def test_one_in_a_hundred_held_out_cells_is_marked_and_far_ones_are(rng):
    train, held = drawn(rng, 600), drawn(rng, 1000)
    known = known_of(train, held)
    assert sum(known.ood_score(cell) > 1 for cell in held) in (9, 10)  # the limit is the tenth cell's own distance
    assert sum(known.ood_score(cell) > 1 for cell in drawn(rng, 1000)) <= 40
    assert all(known.ood_score(cell) > 1 for cell in drawn(rng, 50, shift=3))


def test_fewer_views_have_a_limit_of_their_own(rng):
    known = known_of(drawn(rng, 600), drawn(rng, 1000))
    assert known.limits[0] > known.limits[1] > known.limits[2]
    one = drawn(rng, 1000, views=1)
    assert sum(known.ood_score(cell) > 1 for cell in one) <= 30
    more = np.repeat(one[0][None], 7, axis=1)[0]  # more views than it was learned with: the last limit
    assert known.ood_score(more) == pytest.approx(known.distances(more[None])[0] / known.limits[-1])


def test_a_map_that_is_always_the_same_divides_by_nothing(rng):
    train = drawn(rng, 40)
    train[..., 3] = 0
    known = known_of(train, drawn(rng, 40))
    assert all(np.isfinite(array).all() for array in (known.scale, known.precision, known.limits))


def test_the_file_comes_back_and_damage_is_named(rng, tmp_path):
    known = known_of(drawn(rng, 50), drawn(rng, 50))
    known.write(tmp_path)
    cell = drawn(rng, 1)[0]
    assert OODReference.read(tmp_path).ood_score(cell) == known.ood_score(cell)
    first = (tmp_path / FILE).read_bytes()
    known.write(tmp_path)
    assert (tmp_path / FILE).read_bytes() == first
    for damaged in (b"", first[:100], first[:-200], b"x" * 500):
        (tmp_path / FILE).write_bytes(damaged)
        with pytest.raises(UserError, match=f"{FILE}: expected what the net's training cells look like"):
            OODReference.read(tmp_path)
    np.savez(tmp_path / FILE, **{**vars(known), "limits": np.full(3, np.nan, np.float32)})
    with pytest.raises(UserError, match="limits"):
        OODReference.read(tmp_path)


def test_who_cannot_tell_says_so(evaluated_fold, tmp_path):
    said = []
    model = TrainedModel.open(evaluated_fold)
    assert find_known_cells(evaluated_fold, model.weights_sha, "caffe", said.append) and not said
    assert find_known_cells(evaluated_fold, "0" * 64, "caffe", said.append) is None
    assert find_known_cells(tmp_path, model.weights_sha, "caffe", said.append) is None
    assert find_known_cells(evaluated_fold, model.weights_sha, "openvino", said.append) is None
    assert [line.split(", ", 1)[-1].split(";")[0] for line in said] == [
        f"since {evaluated_fold / FILE} is another net's",
        f"since {tmp_path / FILE} is missing",
        "which gives probabilities alone",
    ]


def test_evaluate_learns_once_and_leaves_the_scores_as_they_were(copy_of, evaluated_fold, tmp_path):
    """scores.csv is the same, to the byte, as without anything learned."""
    _, fold = copy_of(evaluated_fold, "train_lmdb", "val_lmdb")
    model = TrainedModel.open(fold)
    cells, choice = held_out_cells(model, Refusal(False, print)), model.views()
    plain = score_cells(model.engine().view_input(model.mean, model.crops()), [of_data_set(c, choice) for c in cells])
    write_scores(tmp_path / "plain.csv", list(plain))
    assert (tmp_path / "plain.csv").read_bytes() == (fold / "scores.csv").read_bytes()
    learned = sha256_file(fold / FILE)
    with (fold / "unlike.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [cell.id for cell in cells]
    assert all((row["out_of_distribution"] == "yes") == (float(row["distance"]) > 1) for row in rows)
    (fold / FILE).unlink()
    said = []
    evaluate_fold(model, Device(), EvaluateOptions(), said.append)
    assert sha256_file(fold / FILE) == learned
    assert any("32 training cells looked at" in line for line in said)
    assert said[-1].startswith(f"{sum(row['out_of_distribution'] == 'yes' for row in rows)} of 8 cells (")
    said.clear()
    evaluate_fold(model, Device(), EvaluateOptions(), said.append)
    assert not any("looked at" in line for line in said)


def black_and_white(rng):
    return 255 * rng.integers(0, 2, (215, 215, 3)).astype(np.uint8)


@pytest.fixture
def two_cells(tmp_path, dataset, rng):
    """A training cell and a picture of noise, with a list of both."""
    (tmp_path / "cell.BMP").write_bytes(dataset.cells[0].image.read_bytes())
    cv2.imwrite(str(tmp_path / "noise.png"), black_and_white(rng))
    x, y = dataset.cells[0].centre
    text = f"image,nucleus_x,nucleus_y\ncell.BMP,{x:g},{y:g}\nnoise.png,107,107\n"
    (tmp_path / "cells.csv").write_text(text, encoding="utf-8")
    return tmp_path / "cells.csv"


def marks(output):
    return [row["out_of_distribution"] for row in csv.DictReader(output.splitlines())]


def test_classify_marks_noise_and_ends_with_the_share(checkout, evaluated_fold, two_cells, copy_of):
    words = ("--csv", two_cells, "--views", "2", "--gpu", "none", "--net")
    done = run_tool(checkout, "classify", *words, evaluated_fold)
    assert marks(done.stdout) == ["no", "yes"]
    assert done.stderr.splitlines()[-1].startswith("1 of 2 cells (50.0 %) are unlike the net's training cells")
    place, fold = copy_of(evaluated_fold, "train_lmdb", "val_lmdb")
    (fold / FILE).unlink()
    done = run_tool(place, "classify", *words, fold)
    assert marks(done.stdout) == ["", ""]
    assert "out_of_distribution: not told" in done.stderr and "tools/evaluate.py makes it" in done.stderr
    (fold / FILE).write_bytes(b"half a file")
    assert FILE in run_tool(place, "classify", *words, fold, status=2).stderr


def test_validate_marks_and_ends_with_the_share(checkout, evaluated_fold, two_cells, rng):
    manifest = two_cells.with_name("labelled.csv")
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(two_cells.parent / name), black_and_white(rng))
    manifest.write_text("image,nucleus_x,nucleus_y,label\na.png,107,107,1\nb.png,107,107,0\n", encoding="utf-8")
    words = ("--net", evaluated_fold, "--views", "2", "--crops", "1", "--gpu", "none", "--run", "unlike")
    printed = run_tool(checkout, "validate", manifest, *words).stdout
    assert "2 of 2 cells (100.0 %) are unlike the net's training cells" in printed
    assert marks((checkout / "runs/unlike/fold0/ood.csv").read_text()) == ["yes", "yes"]
    page = (checkout / "runs/unlike/report/report.html").read_text(encoding="utf-8")
    assert "2 of its cells are unlike the training cells" in page


def test_the_share_counts_only_what_was_compared():
    said = []
    say_share([None, None], said.append)
    say_share([True, None, False], said.append)
    assert len(said) == 1 and said[0].startswith("1 of 2 cells (50.0 %)")


def test_cells_of_fewer_groups_than_five_are_dealt_out_one_by_one(dataset):
    """A learning curve's smallest part, by field: its limit is cross-fitted all the same."""
    train = [replace(cell, group=f"g{number % 3}") for number, cell in enumerate(dataset.cells[:14])]
    parts = _fifths(train, "field", 1)
    assert sorted(cell for part in parts for cell in part) == sorted(cell.id for cell in train)
    assert [len(part) for part in parts] == [3, 3, 3, 3, 2]
