"""Out of distribution: the limit, the file, when it is fitted, and the mark in classify and validate."""

import csv
from dataclasses import replace

import cv2
import numpy as np
import pytest
from msgspec import structs

from deeppap.engines.device import Device
from deeppap.io.errors import UserError
from deeppap.io.files import sha256_file
from deeppap.records import Request, RunRecord
from deeppap.scoring.cell_views import of_data_set
from deeppap.scoring.ood import (
    FILE,
    OODReference,
    _fifths,
    _limits,
    ensure_reference,
    find_reference,
    fit_gaussian,
    share_line,
)
from deeppap.scoring.score_cells import score_cells
from deeppap.scoring.trained_model import TrainedModel
from tests.support.checkout import run_tool
from tests.support.records import change


def drawn(rng, cells, views=3, shift=0.0):
    """Features of cells that share their own part over views: float32 (cells, views, 8)."""
    own = rng.normal(4 + shift, 0.5, (cells, 1, 8))
    return ((own + rng.normal(0, 0.3, (cells, views, 8))) ** 2).astype(np.float32)


def reference_of(train, held):
    gaussian = fit_gaussian(train)
    return OODReference("conv3", "a" * 64, *gaussian, _limits([(gaussian, held)]), len(held))


def test_one_in_a_hundred_held_out_cells_is_marked_and_far_ones_are(rng):
    train, held = drawn(rng, 600), drawn(rng, 1000)
    reference = reference_of(train, held)
    assert sum(reference.score(cell) > 1 for cell in held) in (9, 10)  # the limit is the tenth cell's own distance
    assert sum(reference.score(cell) > 1 for cell in drawn(rng, 1000)) <= 40
    assert all(reference.score(cell) > 1 for cell in drawn(rng, 50, shift=3))


def test_fewer_views_have_a_limit_of_their_own(rng):
    reference = reference_of(drawn(rng, 600), drawn(rng, 1000))
    assert reference.limits[0] > reference.limits[1] > reference.limits[2]
    one = drawn(rng, 1000, views=1)
    assert sum(reference.score(cell) > 1 for cell in one) <= 30
    more = np.repeat(one[0][None], 7, axis=1)[0]  # more views than it was fitted on: the last limit
    assert reference.score(more) == pytest.approx(reference.distances(more[None])[0] / reference.limits[-1])


def test_a_map_that_is_always_the_same_divides_by_nothing(rng):
    train = drawn(rng, 40)
    train[..., 3] = 0
    reference = reference_of(train, drawn(rng, 40))
    assert all(np.isfinite(array).all() for array in (reference.scale, reference.precision, reference.limits))


def test_the_file_comes_back_and_damage_is_named(rng, tmp_path):
    reference = reference_of(drawn(rng, 50), drawn(rng, 50))
    reference.write(tmp_path)
    cell = drawn(rng, 1)[0]
    assert OODReference.read(tmp_path).score(cell) == reference.score(cell)
    first = (tmp_path / FILE).read_bytes()
    reference.write(tmp_path)
    assert (tmp_path / FILE).read_bytes() == first
    for damaged in (b"", first[:100], first[:-200], b"x" * 500):
        (tmp_path / FILE).write_bytes(damaged)
        with pytest.raises(UserError, match=f"{FILE}"):
            OODReference.read(tmp_path)
    np.savez(tmp_path / FILE, **{**vars(reference), "limits": np.full(3, np.nan, np.float32)})
    with pytest.raises(UserError, match="limits"):
        OODReference.read(tmp_path)


def test_a_missing_reference_has_one_line_that_says_why(trained_fold, tmp_path):
    said = []
    model = TrainedModel.open(trained_fold)
    assert find_reference(trained_fold, model.weights_sha, said.append, 32) and not said
    assert model.ood_reference(said.append) and not said  # a phantom needs no hundred
    assert find_reference(trained_fold, "0" * 64, said.append) is None
    assert find_reference(tmp_path, model.weights_sha, said.append) is None
    # 27 cells once made a hundred per cent out of distribution fall to none
    assert find_reference(trained_fold, model.weights_sha, said.append) is None
    for line, word in zip(said, ("another net", "missing", "32 cells"), strict=True):
        assert line.startswith("out_of_distribution: unknown") and word in line


def test_training_fits_it_once_and_again_for_another_net(copy_of, trained_fold, monkeypatch):
    place, fold = copy_of(trained_fold, "train_lmdb", "val_lmdb")
    monkeypatch.chdir(place)
    model, said, fitted = TrainedModel.open(fold), [], sha256_file(fold / FILE)
    ensure_reference(model, Device(), said.append)
    assert not said
    (fold / FILE).unlink()
    ensure_reference(model, Device(), said.append)
    assert sha256_file(fold / FILE) == fitted
    assert len(said) == 1 and "32 training cells" in said[0]
    replace(OODReference.read(fold), weights_sha="0" * 64).write(fold)
    ensure_reference(model, Device(engine="openvino"), said.append)  # whatever scores, Caffe shows its layers
    assert sha256_file(fold / FILE) == fitted


def test_without_the_images_a_training_still_ends(copy_of, trained_fold, dataset, monkeypatch):
    place, fold = copy_of(trained_fold, "train_lmdb", "val_lmdb", FILE)
    monkeypatch.chdir(place)
    change(RunRecord, fold.parent, dataset=structs.replace(RunRecord.read(fold.parent).dataset, path="nowhere"))
    said = []
    ensure_reference(TrainedModel.open(fold), Device(), said.append)
    assert len(said) == 1 and "nowhere" in said[0]
    assert not (fold / FILE).exists()


def test_the_scores_are_those_without_a_reference(trained_fold, dataset):
    model = TrainedModel.open(trained_fold)
    cells = [of_data_set(cell, model.views()) for cell in dataset.cells[:3]]
    ready = model.engine().view_input(model.mean, model.crops())
    plain = score_cells(ready, cells, model.outputs)
    for score, checked in zip(plain, score_cells(ready, cells, model.outputs, model.ood_reference()), strict=True):
        assert np.array_equal(score.prob, checked.prob)
        assert (score.ood_score, checked.ood_score > 0) == (None, True)


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


def test_classify_marks_noise_and_ends_with_the_share(checkout, trained_fold, two_cells, copy_of):
    words = ("--csv", two_cells, "--views", "2", "--gpu", "none", "--net")
    done = run_tool(checkout, "classify", *words, trained_fold)
    assert marks(done.stdout) == ["no", "yes"]
    assert done.stderr.splitlines()[-1].startswith("1 of 2 cells (50.0 %)")
    place, fold = copy_of(trained_fold, "train_lmdb", "val_lmdb")
    (fold / FILE).unlink()
    done = run_tool(place, "classify", *words, fold)
    assert marks(done.stdout) == ["", ""]
    assert FILE in done.stderr
    (fold / FILE).write_bytes(b"half a file")
    assert FILE in run_tool(place, "classify", *words, fold, status=2).stderr


def test_validate_marks_and_counts(checkout, evaluated_fold, two_cells, rng, quick_reports):
    manifest = two_cells.with_name("labelled.csv")
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(two_cells.parent / name), black_and_white(rng))
    manifest.write_text("image,nucleus_x,nucleus_y,label\na.png,107,107,1\nb.png,107,107,0\n", encoding="utf-8")
    words = ("--net", evaluated_fold, "--views", "2", "--crops", "1", "--gpu", "none", "--run", "noise")
    said = run_tool(checkout, "validate", manifest, *words).stdout
    assert "2 of 2 cells (100.0 %)" in said
    net = evaluated_fold.relative_to(checkout)
    assert f"tools/train.py --from {net} --data {manifest}" in said.splitlines()[-1]
    assert marks((checkout / "runs/noise/fold0/ood.csv").read_text()) == ["yes", "yes"]
    assert RunRecord.read(checkout / "runs/noise").external.out_of_distribution == 2


def test_the_share_counts_only_what_was_checked():
    assert share_line([None, None]) is None
    assert share_line([True, None, False]).startswith("1 of 2 cells (50.0 %)")
    assert "mean little" in share_line([True, False]) and "mean little" not in share_line([False, False])


def test_cells_of_fewer_groups_than_five_are_dealt_out_one_by_one(dataset):
    """A learning curve's smallest part, by field: its limit is cross-fitted all the same."""
    train = [replace(cell, group=f"g{number % 3}") for number, cell in enumerate(dataset.cells[:14])]
    parts = _fifths(train, Request(protocol="field"))
    assert sorted(cell for part in parts for cell in part) == sorted(cell.id for cell in train)
    assert [len(part) for part in parts] == [3, 3, 3, 3, 2]
