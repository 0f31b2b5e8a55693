import csv
import shutil

import cv2
import numpy as np
import pytest

from data_prep.cells import counts
from data_prep.herlev import read_herlev
from data_prep.herlev_classes import BACKGROUND, CLASSES, CYTOPLASM, NUCLEUS, UNLABELLED
from data_prep.nucleus import centroid, nucleus_areas
from deeppap.io.errors import UserError


def kinds(dataset):
    """How many cells each of the seven classes has."""
    return [sum(cell.kind == known.name for cell in dataset.cells) for known in CLASSES]


@pytest.fixture(scope="module")
def real(herlev):
    return read_herlev(herlev)


@pytest.mark.herlev
def test_counts_of_table_1(real):
    assert kinds(real) == [74, 70, 98, 182, 146, 197, 150]
    assert counts(real.cells) == (242, 675)
    assert (real.name, len(real.cells)) == ("herlev", 917)


@pytest.mark.herlev
def test_centroids_classes_and_groups_of_the_real_set(real, herlev):
    checksums = herlev / "checksums.csv"
    if not checksums.exists():
        pytest.skip("no checksums.csv beside this copy of Herlev")
    with checksums.open(newline="") as file:
        rows = {row["stem"]: row for row in csv.DictReader(file)}
    assert rows.keys() == real.by_id().keys()
    for cell in real.cells:
        row = rows[cell.id]
        assert cell.centre == pytest.approx((float(row["nucleus_x"]), float(row["nucleus_y"])), abs=1e-3)
        assert {known.folder: known.name for known in CLASSES}[row["class_folder"]] == cell.kind


@pytest.mark.herlev
def test_fields_of_the_real_set(real):
    labels = {}
    for cell in real.cells:
        assert cell.id.startswith(f"{cell.group}-")
        labels.setdefault(cell.group, set()).add(cell.label)
    assert len(labels) == 323
    assert all(len(found) == 1 for found in labels.values())


def test_case_of_extensions_does_not_matter(phantom, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(phantom, other)
    for path in sorted(other.glob("*/*-d.bmp")):
        path.rename(path.with_name(path.name.replace("-d.bmp", "-D.BMP")))
    for path in sorted(other.glob("*/*.BMP")):
        if not path.name.endswith("-D.BMP"):
            path.rename(path.with_suffix(".bmp"))
    here, there = read_herlev(phantom, True), read_herlev(other, True)
    assert [(c.id, c.centre, c.kind) for c in there.cells] == [(c.id, c.centre, c.kind) for c in here.cells]


def test_a_subset_is_refused_unless_allowed(phantom, tmp_path):
    other = tmp_path / "subset"
    shutil.copytree(phantom, other, ignore=shutil.ignore_patterns("phantom.json"))
    with pytest.raises(UserError, match=r"normal_superficiel: expected 74 cells, found 3 \(71 missing\)"):
        read_herlev(other)
    found = read_herlev(other, allow_partial=True)
    assert len(found.cells) == 40
    assert (found.name, found.view_plan, found.pixel_um, found.paper, found.phantom) == (
        "herlev",
        "unbalanced",
        0.201,
        "herlev",
        False,
    )


def test_a_phantom_says_that_it_is_one_and_has_masks(dataset):
    assert (dataset.name, dataset.view_plan, dataset.paper, dataset.phantom) == ("phantom", "unbalanced", None, True)
    assert dataset.pixel_um is None  # drawn cells have no size
    areas = nucleus_areas(dataset)
    assert areas.keys() == dataset.by_id().keys()
    assert min(areas.values()) > 0


def paint(path, size, parts):
    mask = np.full((*size, 3), BACKGROUND, np.uint8)
    for colour, rows, columns in parts:
        mask[rows, columns] = colour
    cv2.imwrite(str(path), mask[:, :, ::-1])
    return path


def test_centroid_is_of_all_nucleus_pixels_and_of_no_others(tmp_path):
    parts = [
        (CYTOPLASM, slice(0, 30), slice(0, 40)),
        (UNLABELLED, slice(0, 30), slice(38, 40)),
        (NUCLEUS, slice(0, 2), slice(0, 3)),  # one component at the border: 6 pixels about (1, 0.5)
        (NUCLEUS, slice(10, 12), slice(30, 36)),  # another one: 12 pixels about (32.5, 10.5)
    ]
    mask = paint(tmp_path / "m.bmp", (60, 50), parts)
    assert centroid(mask, (60, 50)) == pytest.approx(((6 * 1 + 12 * 32.5) / 18, (6 * 0.5 + 12 * 10.5) / 18))
