"""External validation on a phantom's fold: another set is scored and reported, one that shares an image is refused."""

import csv
import json

import cv2
import numpy as np
import pytest

from common.errors import UserError
from data_prep.dataset import open_dataset
from data_prep.image_hashes import image_hashes, read_images, require_no_shared_image, write_images
from data_prep.manifest import read_manifest
from data_prep.resample import moved, resample
from scoring.results import load_run
from tests.support.checkout import run_tool


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
    words = ["--fold-folder", trained_fold, "--views", "1", "--crops", "2", "--gpu", "none", "--run", "seen"]
    printed = run_tool(checkout, "validate", manifest, *words).stdout
    assert "external" in printed
    run = load_run(checkout / "runs/seen")
    assert len(run.ids) == 6
    assert sorted(set(run.groups())) == ["field0.png", "field1.png"]
    assert {cell.class_name for cell in run.cells.values()} == {"NILM", "HSIL", "LSIL"}
    table = json.loads((checkout / "runs/seen/report/tables/own_classes.json").read_text())
    assert {row[1]: row[3] for row in table["rows"]} == {"NILM": 2, "HSIL": 2, "LSIL": 2}
    done = run_tool(checkout, "validate", manifest, *words, "--mpp", "0.247", status=2)
    assert "pixel_um" in done.stderr  # nobody knows the phantom's


def test_a_shared_image_is_refused_whatever_its_format(checkout, trained_fold, phantom, tmp_path):
    cell = open_dataset(phantom).cells[0]
    (tmp_path / "set").mkdir()
    cv2.imwrite(str(tmp_path / "set/renamed.png"), cv2.imread(str(cell.image)))
    manifest = write_manifest(tmp_path / "set/cells.csv", [["renamed.png", *cell.centre, "NILM"]])
    words = ["--fold-folder", trained_fold, "--gpu", "none"]
    assert "renamed.png" in run_tool(checkout, "validate", manifest, *words, status=2).stderr


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
