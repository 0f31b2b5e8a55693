"""External validation on a phantom's fold: another set is scored and reported, one that shares an image is refused."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from msgspec.structs import replace as with_fields

from data_prep.dataset import open_dataset
from data_prep.image_hashes import fold_images, unfit_images
from data_prep.manifest import read_manifest
from deeppap.engines.device import Device
from deeppap.io.errors import FieldError, UserError
from deeppap.io.files import sha256_file
from deeppap.records import BlendRecord, ModelRecord, RunRecord, ScoreRecord, ThresholdRecord
from deeppap.report.notes import run_notes
from deeppap.scoring.results import load_run
from deeppap.scoring.trained_model import TrainedModel
from deeppap.studies.external import (
    External,
    ExternalOptions,
    as_seen,
    auc_by_mark,
    images_to_skip,
    require_one_training,
    require_replaceable,
    validate,
    write_external,
)
from tests.support.checkout import run_tool
from tests.support.second_net import second_net
from tests.support.sources import source_record


def field_set(folder, cells=6, bethesda=("NILM", "HSIL", "LSIL")):
    """Two drawn fields with three marked cells each."""
    folder.mkdir()
    rng = np.random.default_rng(5)
    rows = []
    for number in range(2):
        image = rng.normal(200, 6, (300, 500, 3)).clip(0, 255).astype(np.uint8)
        for place in range(cells // 2):
            x, y = 90 + 150 * place, 150
            cv2.circle(image, (x, y), 12 + 6 * place, (120, 60, 100), -1)
            rows.append([f"field{number}.png", x, y, bethesda[place % len(bethesda)]])
        cv2.imwrite(str(folder / f"field{number}.png"), image)
    return write_manifest(folder / "nuclei.csv", rows)


def write_manifest(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["image", "nucleus_x", "nucleus_y", "bethesda"], *rows])
    return path


def test_a_set_is_scored_by_image_and_reported(checkout, trained_fold, tmp_path, quick_reports):
    manifest = field_set(tmp_path / "fields")
    words = ["--net", trained_fold, "--views", "1", "--crops", "2", "--gpu", "none", "--run", "seen"]
    run_tool(checkout, "validate", manifest, *words)
    run = load_run(checkout / "runs/seen")
    assert sorted(cell.group for cell in run.cells.values()) == ["field0.png"] * 3 + ["field1.png"] * 3
    assert {cell.class_name for cell in run.cells.values()} == {"NILM", "HSIL", "LSIL"}
    scores = run.folder / "fold0/scores.csv"
    made, own = ScoreRecord.beside(scores), ModelRecord.read(trained_fold)
    assert (made.views, made.crops, made.shift, made.engine, made.precision) == (1, 2, 0, "caffe", "float32")
    assert (made.weights_sha, made.fold_sha, made.csv_sha) == (own.weights_sha, own.fold_sha, sha256_file(scores))
    table = json.loads((checkout / "runs/seen/report/tables/own_classes.json").read_text())
    assert {row[1]: row[3] for row in table["rows"]} == {"NILM": 2, "HSIL": 2, "LSIL": 2}
    # nobody knows the phantom's pixel size
    done = run_tool(checkout, "validate", manifest, *words, "--mpp", "0.247", status=2)
    assert "--mpp: expected a net whose" in done.stderr


def test_the_auc_is_told_apart_by_the_mark():
    def scored(label, score, mark, number):
        cell = SimpleNamespace(label=label, group=f"g{number}")
        return SimpleNamespace(cell=cell, score=score, out_of_distribution=mark)

    known = [scored(n % 2, 0.9 * (n % 2), False, n) for n in range(20)]
    foreign = [scored(n % 2, 0.5, True, n) for n in range(10)]
    first, second = auc_by_mark(known + foreign)
    assert "20 cells" in first and "1.000" in first
    assert "10 cells" in second and "0.500" in second
    for part, kind in (
        (known, "no normal or abnormal"),
        (known + foreign[::2], "only normal"),
        (known[1::2], "only abnormal"),
    ):
        (line,) = auc_by_mark(part)
        assert f"unknown, since {kind} cells" in line
    assert not list(auc_by_mark([scored(0, 0.5, None, n) for n in range(2)]))


def test_known_images_are_all_named_or_left_out(two_nets, phantom, tmp_path):
    """One picture twice, so that a copy under another name does not stay."""
    manifest, cell, net = field_set(tmp_path / "fields"), open_dataset(phantom).cells[0], two_nets[0]
    with manifest.open("a", newline="") as file:
        for name in ("known.png", "again.bmp"):
            cv2.imwrite(str(tmp_path / "fields" / name), cv2.imread(str(cell.image)))
            csv.writer(file).writerow([name, *cell.centre, "NILM"])
    with pytest.raises(UserError, match="found 2 of the 4 images .*again.bmp, known.png.*`skip_known`"):
        validate(manifest, [net], ExternalOptions(1, 1, name="left"))
    said, options = [], ExternalOptions(1, 1, name="left", skip_known=True)
    run = load_run(validate(manifest, [net], options, said.append))
    assert run.record.external.left_out == ("again.bmp", "known.png") and len(run.ids) == 6
    assert [line for line in said if "6 of 8 cells remain" in line]
    assert any("2 images that the net learned from are left out" in note for note in run_notes(run))
    write_manifest(manifest, [["known.png", *cell.centre, "NILM"]])
    with pytest.raises(UserError, match="found 1 of the 1 images .*known.png. Validate on other"):
        validate(manifest, [net], replace(options, name="none"))


def test_many_known_images_are_named_in_a_file(two_nets):
    images = {Path(f"{n}.png"): value for n, value in enumerate({row[2] for row in fold_images(two_nets[0].folder)})}
    with pytest.raises(UserError, match="runs/mine-known-images.txt"):
        images_to_skip({**images, Path("new.png"): "0" * 64}, two_nets, False, "mine")
    names = Path("runs/mine-known-images.txt").read_text().split()
    assert len(names) > 10 and sorted(names) == sorted(path.name for path in images)


def test_test_cells_judge_a_net_only_if_their_fields_were_kept_apart(two_nets):
    fold, run = two_nets[0].folder, two_nets[0].run
    rows = fold_images(fold)
    test, train = ({value for _, part, value in rows if part in parts} for parts in (["test"], ["train", "inner"]))

    def refused(protocol, select):
        return unfit_images(fold, with_fields(run, protocol=protocol, select=select))

    assert refused("field", "last") == refused("field", "inner") == train
    assert refused("field", "paper") == refused("cell", "inner") == test | train
    with pytest.MonkeyPatch.context() as patch:  # trained by hand: what it started from is not known
        patch.setattr(ModelRecord, "read_if_there", lambda _: None)
        assert refused("field", "last") == test | train


@pytest.fixture
def two_nets(checkout, trained_fold, tmp_path, monkeypatch):
    """The trained net and a second one of the same training: its last layer says half as much."""
    monkeypatch.chdir(checkout)
    one = TrainedModel.open(trained_fold, say=lambda _: None)
    other = second_net(one, tmp_path / "other.caffemodel")
    return one, other


def scored_by(models, manifest, name):
    folder = validate(manifest, models, ExternalOptions(views=2, crops=1, name=name), say=lambda _: None)
    return load_run(folder)


def test_several_nets_are_averaged_view_by_view(two_nets, tmp_path):
    manifest = field_set(tmp_path / "fields")
    one, other = two_nets
    runs = [scored_by(models, manifest, name) for name, models in (("a", [one]), ("b", [other]), ("ab", [one, other]))]
    first, second, both = (run.folds[0] for run in runs)
    both_run = runs[-1]
    assert np.abs(first.scores - second.scores).min() > 1e-4
    assert both.probs == pytest.approx((first.probs + second.probs) / 2, abs=1e-8)
    assert both.scores == pytest.approx((first.scores + second.scores) / 2, abs=1e-8)
    assert both.views.scores == pytest.approx((first.views.scores + second.views.scores) / 2, abs=1e-8)
    assert [net.weights_sha for net in both_run.record.external.nets] == [one.weights_sha, other.weights_sha]
    assert len({scored.made[0].weights_sha for scored in (first, second, both)}) == 3


def test_nets_of_different_trainings_are_not_averaged(two_nets):
    one, other = two_nets
    with pytest.raises(FieldError) as caught:
        require_one_training([one, other, one])
    assert caught.value.field == "net"
    changes = {"seed": 2, "profile": "quick", "border": "reflect", "control": "shuffle", "classes": 7, "select": "last"}
    runs = [with_fields(other.run, **{name: value}) for name, value in changes.items()]
    runs.append(with_fields(other.run, dataset=with_fields(other.run.dataset, dataset_sha="e" * 64)))
    strangers = [(one, replace(other, run=run)) for run in runs]
    strangers.append((one, replace(other, split=with_fields(other.split, split_sha="e" * 64))))

    def trained_by(net, **recipe):
        return replace(net, origin=with_fields(net.origin, recipe=with_fields(net.origin.recipe, **recipe)))

    strangers.append((one, trained_by(other, recipe_sha="f" * 64)))
    adapted = trained_by(one, source=source_record())
    require_one_training([adapted, trained_by(other, source=source_record())])
    strangers.append((one, trained_by(other, source=source_record())))
    strangers.append((adapted, trained_by(other, source=source_record(weights_sha="c" * 64))))
    for pair in strangers:
        with pytest.raises(UserError, match="fold1: expected "):
            require_one_training(pair)


def test_folds_that_kept_their_source_have_the_same_weights(two_nets):
    one = two_nets[0]
    same = replace(one, folder=one.folder.parent / "fold1", record=with_fields(one.record, fold_sha="e" * 64))
    blend = BlendRecord(share=0.0, trained=9)
    kept = [replace(net, origin=with_fields(net.origin, blend=blend)) for net in (one, same)]
    require_one_training(kept)
    for twice in ([*kept, kept[0]], [one, same]):
        with pytest.raises(FieldError, match="twice"):
            require_one_training(twice)


def external(dataset, path, models, **more):
    choice = models[0].views(more.pop("views", 2))
    return External(dataset, path, dataset.dataset_sha(), models, choice, 2, Device(), **more)


def test_what_is_not_the_runs_own_way_stands_in_the_name(two_nets, tmp_path):
    path = field_set(tmp_path / "fields")
    dataset = read_manifest(path)
    found = external(dataset, path, list(two_nets))
    assert found.default_name() == "nuclei-external-phantom-cell-smallest-fold0-fold1"
    other = external(dataset, path, list(two_nets), views=1, mpp=0.25)
    assert other.default_name().endswith("-fold1-views1-crops2-mpp0.25")


def test_images_are_enlarged_to_the_training_sets_pixel_size(two_nets, tmp_path):
    one = two_nets[0]
    known = replace(one, run=with_fields(one.run, dataset=with_fields(one.run.dataset, pixel_um=0.2)))
    bare = read_manifest(field_set(tmp_path / "fields"))
    for dataset in (bare, bare.stated(0.3)):  # what the user says of the images overrides what they state
        seen = as_seen(dataset, known.run, 0.25)
        assert {cell.scale for cell in seen.cells} == {0.25 / 0.2}
        assert (seen.pixel_um, seen.resampled_um()) == (0.2, (0.25,))
    assert as_seen(bare.stated(0.1), known.run, None).cells[0].scale == 0.5
    assert as_seen(bare, one.run, None) == bare
    several = replace(bare, cells=tuple(replace(c, pixel_um=0.1 + 0.1 * (k % 2)) for k, c in enumerate(bare.cells)))
    with pytest.raises(UserError, match="mpp: expected images of one pixel size, found 0.1 and 0.2 um"):
        as_seen(several, known.run, 0.25)
    for mpp in (0.001, 250, float("nan")):
        with pytest.raises(UserError, match="mpp: expected a number of 0.01 to 10"):
            as_seen(bare, known.run, mpp)
    with pytest.raises(UserError, match="fields: expected the images' pixel size, since the net was trained at 0.2 um"):
        as_seen(bare, known.run, None)
    with pytest.raises(UserError, match="mpp: expected a net whose training set states its pixel size"):
        as_seen(bare, one.run, 0.25)


def test_a_fold_whose_images_nobody_knows_is_refused(copy_of, trained_fold, tmp_path):
    place, fold = copy_of(trained_fold)
    (fold.parent / "images.sha256").unlink()
    done = run_tool(place, "validate", field_set(tmp_path / "fields"), "--net", fold, "--gpu", "none", status=2)
    assert "images.sha256" in done.stderr
    assert [path.name for path in (place / "runs").iterdir()] == [fold.parent.name]


@pytest.mark.parametrize("share", [None, 0.0, 0.5])
def test_the_record_has_the_share_of_adapted_weights(two_nets, tmp_path, share):
    blend = None if share is None else BlendRecord(share=share, abnormal=9, normal=9, tried=())
    net = replace(two_nets[0], origin=with_fields(two_nets[0].origin, blend=blend))
    path = field_set(tmp_path / "fields", 4)
    found = external(read_manifest(path), path, [net])
    cells = found.dataset.cells
    scores = net.score(cells[0].image, [cells[0].centre], views=1, crops=1)
    found = replace(found, started="2026-01-02T03:04:05+00:00")  # an hour of scoring ago
    write_external(tmp_path / "run", found, [replace(scores[0], cell=cell) for cell in cells])
    record = RunRecord.read(tmp_path / "run")
    assert [one.share for one in record.external.nets] == [share] and record.started == found.started


def test_another_sets_validation_is_not_replaced(two_nets, tmp_path):
    """Lists of marks are all called nuclei.csv."""
    first, second = (field_set(tmp_path / name, cells) for name, cells in (("a", 6), ("b", 4)))
    found, other = (external(read_manifest(path), path, [two_nets[0]]) for path in (first, second))
    folder = tmp_path / "runs" / found.default_name()
    require_replaceable(folder, found)
    cells = found.dataset.cells
    scores = two_nets[0].score(cells[0].image, [cells[0].centre], views=1, crops=1)
    write_external(folder, found, [replace(scores[0], cell=cell) for cell in cells])
    require_replaceable(folder, found)
    for stranger in (other, replace(found, models=[two_nets[1]])):
        with pytest.raises(UserError, match="an older validation of th"):
            require_replaceable(folder, stranger)


def test_thresholds_are_not_judged_by_the_cells_that_chose_them(two_nets, tmp_path, monkeypatch):
    """A fold of `last` has chosen its thresholds on its test cells, which may judge the net all the same."""
    chosen = ThresholdRecord(sensitivity=0.95, threshold=0.4, specificity=0.5, abnormal=60, normal=60, by="test")
    monkeypatch.setattr("deeppap.studies.external.of_nets", lambda _: (chosen,))
    path, net = field_set(tmp_path / "fields"), two_nets[0]
    dataset = read_manifest(path)
    scores = [replace(net.score(cell.image, [cell.centre], 1, 1)[0], cell=cell) for cell in dataset.cells]
    for chose, kept in ((False, (chosen,)), (True, None)):
        write_external(tmp_path / str(chose), external(dataset, path, [net], chose=chose), scores)
        assert ScoreRecord.beside(tmp_path / str(chose) / "fold0/scores.csv").thresholds == kept
