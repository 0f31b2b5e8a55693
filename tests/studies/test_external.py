"""External validation on a phantom's fold: another set is scored and reported, one that shares an image is refused."""

import csv
import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from data_prep.dataset import open_dataset
from data_prep.image_hashes import image_hashes, read_images, require_no_shared_image, write_images
from data_prep.manifest import read_manifest
from data_prep.resample import moved, resample
from deeppap.engines.device import Device
from deeppap.io.errors import UserError
from deeppap.io.files import sha256_file
from deeppap.scoring.results import load_run
from deeppap.scoring.trained_model import TrainedModel
from deeppap.studies.external import ExternalOptions, require_one_training, scale, training_images, validate
from deeppap.studies.external_run import Validated, default_name, external_facts, free_folder
from tests.support.checkout import run_tool
from tests.support.second_net import second_net


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


def test_a_set_is_scored_by_image_and_reported(checkout, trained_fold, tmp_path):
    manifest = field_set(tmp_path / "fields")
    words = ["--net", trained_fold, "--views", "1", "--crops", "2", "--gpu", "none", "--run", "seen"]
    printed = run_tool(checkout, "validate", manifest, *words).stdout
    assert "external" in printed
    run = load_run(checkout / "runs/seen")
    assert len(run.ids) == 6
    assert sorted(set(run.groups())) == ["field0.png", "field1.png"]
    assert {cell.class_name for cell in run.cells.values()} == {"NILM", "HSIL", "LSIL"}
    record = json.loads((run.folder / "fold0/scores.json").read_text())
    own = json.loads((trained_fold / "model.json").read_text())
    assert record.items() >= {"views": 1, "crops": 2, "shift": 0, "engine": "caffe", "precision": "float32"}.items()
    assert (record["model_sha256"], record["data"]) == (own["sha256"], own["data"])
    assert record["sha256"] == sha256_file(run.folder / "fold0/scores.csv")
    assert run.folds[0].how[0] == record
    table = json.loads((checkout / "runs/seen/report/tables/own_classes.json").read_text())
    assert {row[1]: row[3] for row in table["rows"]} == {"NILM": 2, "HSIL": 2, "LSIL": 2}
    done = run_tool(checkout, "validate", manifest, *words, "--mpp", "0.247", status=2)
    assert "pixel_um" in done.stderr  # nobody knows the phantom's


def test_a_shared_image_is_refused_whatever_its_format(checkout, trained_fold, phantom, tmp_path):
    cell = open_dataset(phantom).cells[0]
    (tmp_path / "set").mkdir()
    cv2.imwrite(str(tmp_path / "set/renamed.png"), cv2.imread(str(cell.image)))
    manifest = write_manifest(tmp_path / "set/cells.csv", [["renamed.png", *cell.centre, "NILM"]])
    words = ["--net", trained_fold, "--gpu", "none"]
    assert "renamed.png" in run_tool(checkout, "validate", manifest, *words, status=2).stderr


@pytest.fixture
def two_nets(checkout, trained_fold, tmp_path, monkeypatch):
    """The trained net and a second one of the same training: its last layer says half as much."""
    monkeypatch.chdir(checkout)
    one = TrainedModel.open(trained_fold, say=lambda _: None)
    other = second_net(one, tmp_path / "other.caffemodel")
    return one, other


def scored_by(models, manifest, name):
    folder = validate(manifest, models, ExternalOptions(views=2, crops=1, name=name), say=lambda _: None)
    return load_run(folder).folds[0]


def test_several_nets_are_averaged_view_by_view(two_nets, tmp_path):
    manifest = field_set(tmp_path / "fields")
    one, other = two_nets
    first, second, both = (
        scored_by(models, manifest, name) for name, models in (("a", [one]), ("b", [other]), ("ab", [one, other]))
    )
    assert np.abs(first.scores - second.scores).min() > 1e-4
    assert both.probs == pytest.approx((first.probs + second.probs) / 2, abs=1e-8)
    assert both.scores == pytest.approx((first.scores + second.scores) / 2, abs=1e-8)
    assert both.views.scores == pytest.approx((first.views.scores + second.views.scores) / 2, abs=1e-8)
    nets = both.how[0]["nets"]
    assert [net["model_sha256"] for net in nets] == [net.weights_sha for net in two_nets]
    assert first.how[0]["model_sha256"] == nets[0]["model_sha256"] != both.how[0]["model_sha256"]


def test_nets_that_are_no_average_are_refused(two_nets, tmp_path):
    one, other = two_nets
    with pytest.raises(UserError, match="every net once"):
        require_one_training([one, other, one])
    changes = ({"seed": 2}, {"profile": "quick"}, {"fingerprint": "e" * 64}, {"control": "shuffle"})
    for change in (*changes, {"classes": 7}, {"protocol": "field"}, {"select": "inner"}):
        strange = replace(other, config=replace(other.config, **change))
        with pytest.raises(UserError, match=f"fold1: expected {next(iter(change))} .* as in "):
            require_one_training([one, strange])
    scratch = replace(other, origin=other.origin | {"trained": other.origin["trained"] | {"fingerprint": "f" * 64}})
    with pytest.raises(UserError, match="fold1: expected solver, counts and weights .* as in .*, found ffff"):
        require_one_training([one, scratch])
    with pytest.raises(UserError, match="fold1: expected split .* as in .*, found eeee"):
        require_one_training([one, replace(other, split=other.split | {"fingerprint": "e" * 64})])


def test_an_adapted_net_is_no_average_with_another(two_nets, tmp_path):
    def adapted(net, sha256):
        source = {"run": "r", "fold": 0, "sha256": sha256, "dataset": {"name": "herlev"}}
        return replace(net, origin=net.origin | {"trained": {"source": source}})

    plain, (one, other) = two_nets[0], (adapted(net, "a" * 64) for net in two_nets)
    require_one_training([one, other])
    with pytest.raises(UserError, match="fold1: expected adapted from no net as in .*, found r, fold 0, aaaaaaaaaaaa"):
        require_one_training([plain, other])
    with pytest.raises(UserError, match="expected adapted from r, fold 0, aaaaaaaaaaaa as in .*, found r, fold 0, bbb"):
        require_one_training([one, adapted(other, "b" * 64)])
    made = {"factor": None, "mpp": None, "views": 2, "crops": 2, "device": Device()}
    found = Validated(read_manifest(field_set(tmp_path / "fields")), tmp_path, "f", [one, other], [], **made)
    assert external_facts(found)["source"]["dataset"] == {"name": "herlev"}
    assert external_facts(replace(found, models=[plain]))["source"] is None


def test_what_is_not_the_runs_own_way_stands_in_the_name(two_nets, tmp_path):
    one, other = two_nets
    dataset = read_manifest(field_set(tmp_path / "fields"))
    made = {"factor": None, "mpp": None, "views": 2, "crops": 2, "device": Device()}
    found = Validated(dataset, tmp_path, "f", [one, other], [], **made)
    assert default_name(found) == "nuclei-external-phantom-cell-smallest-fold0-fold1"
    assert default_name(replace(found, views=1, mpp=0.25)).endswith("-fold1-views1-crops2-mpp0.25")


def test_images_are_enlarged_to_the_training_sets_pixel_size(two_nets):
    one = two_nets[0]
    known = replace(one, config=replace(one.config, pixel_um=0.2))
    assert scale(known, 0.25, asked=True) == pytest.approx(1.25)
    assert scale(known, None, asked=False) is None and scale(one, 0.25, asked=False) is None
    for mpp in (0.001, 250, float("nan")):
        with pytest.raises(UserError, match="mpp: expected 0.01 to 10 micrometres"):
            scale(known, mpp, asked=True)
    with pytest.raises(UserError, match="run.json: expected the training set's pixel_um"):
        scale(one, 0.25, asked=True)


def test_a_fold_whose_images_nobody_knows_is_refused(copy_of, trained_fold, phantom, tmp_path):
    """Neither images.sha256 nor the data set: whether the set was trained on cannot be told."""
    place, fold = copy_of(trained_fold)
    run, manifest = fold.parent, field_set(tmp_path / "fields")
    (run / "images.sha256").unlink()
    model = TrainedModel.open(fold, say=lambda _: None)
    assert training_images(model) == set(image_hashes(open_dataset(phantom)))  # from the data set itself
    record = json.loads((run / "run.json").read_text())
    for path in ("gone", manifest):  # no data set there, or another one
        record["dataset"]["path"] = str(path)
        (run / "run.json").write_text(json.dumps(record))
        with pytest.raises(
            UserError, match="images.sha256: expected the training images' checksums, or .* found neither"
        ):
            training_images(TrainedModel.open(fold, say=lambda _: None))
    done = run_tool(place, "validate", manifest, "--net", fold, "--gpu", "none", status=2)
    assert "images.sha256: expected the training images' checksums" in done.stderr
    assert [path.name for path in (place / "runs").iterdir()] == [run.name]


def test_checksums_are_read_back(dataset, tmp_path):
    write_images(tmp_path / "images.sha256", dataset)
    known = read_images(tmp_path / "images.sha256")
    assert known == set(image_hashes(dataset))
    with pytest.raises(UserError, match="images"):
        require_no_shared_image(known, image_hashes(dataset), tmp_path)
    (tmp_path / "images.sha256").write_text("none\n")
    with pytest.raises(UserError, match="sha256"):
        read_images(tmp_path / "images.sha256")


def test_a_resampled_image_keeps_its_centres():
    image = np.zeros((101, 151, 3), np.uint8)
    cv2.circle(image, (60, 40), 9, (255, 255, 255), -1)
    for factor in (0.5, 1.229, 2.0):
        other = resample(image, factor)
        rows, columns = np.nonzero(other[..., 0] > 127)
        assert moved((60, 40), image.shape, other.shape) == pytest.approx((columns.mean(), rows.mean()), abs=0.35)


def test_bethesda_classes_are_labels(tmp_path):
    found = read_manifest(field_set(tmp_path / "fields"))
    assert {found.kinds[cell.id]: cell.label for cell in found.cells} == {"NILM": 0, "HSIL": 1, "LSIL": 1}
    write_manifest(tmp_path / "fields/nuclei.csv", [["field0.png", 9, 9, "AGUS"]])
    with pytest.raises(UserError, match="Bethesda"):
        read_manifest(tmp_path / "fields/nuclei.csv")


def test_another_sets_validation_is_not_replaced(two_nets, tmp_path):
    """Lists of marks are all called nuclei.csv."""
    first, second = (field_set(tmp_path / name, cells) for name, cells in (("a", 6), ("b", 4)))
    made = {"factor": None, "mpp": None, "views": 2, "crops": 2, "device": Device()}
    found, other = (
        Validated(read_manifest(path), path, read_manifest(path).dataset_sha(), [two_nets[0]], [], **made)
        for path in (first, second)
    )
    folder = free_folder(found, tmp_path / "runs", None)
    folder.mkdir(parents=True)
    record = {"protocol": "external", "dataset": {"fingerprint": found.fingerprint}}
    record["external"] = {"nets": [{"sha256": two_nets[0].weights_sha}]}
    (folder / "run.json").write_text(json.dumps(record))
    assert free_folder(found, tmp_path / "runs", None) == folder  # an older one of the same set
    with pytest.raises(UserError, match="an older validation of this set, found another set's"):
        free_folder(other, tmp_path / "runs", None)
    with pytest.raises(UserError, match="an older validation of these nets, found other nets'"):
        free_folder(replace(found, models=[two_nets[1]]), tmp_path / "runs", folder.name)
