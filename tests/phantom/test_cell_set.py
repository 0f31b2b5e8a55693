"""Drawn sets: Herlev's shape, sizes and counts; the same bytes for the same seed."""

import csv
import json

import cv2
import numpy as np
import pytest

from data_prep.dataset import open_dataset
from data_prep.herlev_classes import BACKGROUND, CLASSES, CYTOPLASM, NUCLEUS, SPECK, UNLABELLED
from deeppap.io.errors import UserError
from deeppap.phantom.cell import PAP, draw_mask
from deeppap.phantom.cell_set import FIELD_CELLS, class_counts, make_phantom, make_phantom_manifest, places
from tests.support.fault_tools import final_names

CELLS = 60
# medians of Herlev: height, width (pixels), area of the nucleus as a fraction of the image
HERLEV_SIZES = [
    (310, 322, 0.006), (264, 292, 0.017), (82, 92, 0.177), (150, 175, 0.166),
    (122, 124, 0.228), (88, 95, 0.302), (81, 85, 0.421),
]  # fmt: skip


def is_nucleus(mask):
    return (mask == NUCLEUS).all(axis=2)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom") / "small"
    make_phantom(folder, CELLS)
    return folder


@pytest.mark.parametrize("cells", [14, 15, 29, 60, 917, 2000, None])
def test_counts_follow_herlev_with_two_of_each_class(cells):
    counts = class_counts(cells)
    total = cells or 917
    assert sum(counts) == total and min(counts) >= 2
    if total >= 60:
        assert all(abs(n - e.count * total / 917) <= 1 for n, e in zip(counts, CLASSES, strict=True))


def test_the_set_is_read_as_herlev_and_known_as_a_phantom(small):
    dataset = open_dataset(small)
    assert dataset.name == "phantom"
    assert [sum(c.kind == known.name for c in dataset.cells) for known in CLASSES] == class_counts(CELLS)
    assert {p.name for p in small.iterdir() if p.is_file()} == {"README.txt", "phantom.json"}
    assert "No figure obtained from it is a result" in (small / "README.txt").read_text()


def test_masks_have_the_five_colours_and_the_nucleus_is_dark_and_central(small):
    seen = set()
    for cell in open_dataset(small).cells:
        image = cv2.imread(str(cell.image))
        mask = cv2.imread(str(cell.image.with_name(f"{cell.id}-d.bmp")))[:, :, ::-1]
        assert image.shape == mask.shape
        seen |= set(map(tuple, np.unique(mask.reshape(-1, 3), axis=0).tolist()))
        x, y = cell.centre
        assert is_nucleus(mask)[round(y), round(x)], cell.id
        grey = image.mean(axis=2)
        assert grey[is_nucleus(mask)].mean() < grey[(mask == CYTOPLASM).all(axis=2)].mean() - 5, cell.id
    assert seen == {NUCLEUS, CYTOPLASM, BACKGROUND, UNLABELLED, SPECK}


@pytest.fixture(scope="module")
def nuclei():
    """Nucleus masks of 50 cells of each class, 30 of the large: class -> list of (H, W) bool."""
    drawn = {}
    for class7, style in enumerate(PAP):
        rngs = (np.random.default_rng((1, class7, index)) for index in range(50 if class7 > 1 else 30))
        drawn[class7] = [is_nucleus(draw_mask(style, rng)[2]) for rng in rngs]
    return drawn


def test_median_sizes_are_herlevs(nuclei):
    found = [np.median([(*mask.shape, mask.mean()) for mask in nuclei[class7]], axis=0) for class7 in range(7)]
    np.testing.assert_allclose(found, HERLEV_SIZES, rtol=0.10)


def test_names_are_unique_and_no_field_mixes_labels():
    found = places(class_counts(None), seed=1)
    assert len({place.stem for place in found}) == 917
    labels = {}
    for place in found:
        assert [len(part) for part in place.stem.split("-")] == [9, 9, 3]
        labels.setdefault(place.field, set()).add(CLASSES[place.class7].label)
    assert all(len(both) == 1 for both in labels.values())
    assert 917 / len(labels) == pytest.approx(FIELD_CELLS, rel=0.15)


@pytest.mark.parametrize("make", [make_phantom, make_phantom_manifest])
def test_the_same_seed_gives_the_same_bytes(tmp_path, make):
    for name, seed in (("one", 1), ("two", 1), ("other", 2)):
        make(tmp_path / name, 14, seed)
    one, two, other = (final_names(tmp_path / name) for name in ("one", "two", "other"))
    assert one == two
    shared = set(one.values()) & set(other.values())
    assert shared == {one["README.txt"]}


def test_a_folder_that_exists_is_refused(small):
    before = {path: path.stat().st_mtime_ns for path in small.rglob("*")}
    with pytest.raises(UserError, match="expected a new name"):
        make_phantom(small, CELLS)
    assert {path: path.stat().st_mtime_ns for path in small.rglob("*")} == before


def test_a_manifest_is_balanced_and_its_centres_are_dark(tmp_path):
    path = make_phantom_manifest(tmp_path / "set", CELLS)
    rows = list(csv.DictReader(path.open()))
    assert list(rows[0]) == ["image", "label", "nucleus_x", "nucleus_y", "group"]
    labels = [row["label"] for row in rows]
    assert labels.count("0") == labels.count("1") == CELLS / 2
    assert labels != sorted(labels)
    for row in rows:
        image = cv2.imread(str(path.parent / row["image"])).mean(axis=2)
        x, y = round(float(row["nucleus_x"])), round(float(row["nucleus_y"]))
        assert image[y - 2 : y + 3, x - 2 : x + 3].mean() < image.mean() - 20, row["image"]
    slides = {(row["group"], row["label"]) for row in rows}
    assert len(slides) == len({group for group, _ in slides}) == 16
    assert len(open_dataset(path.parent).cells) == CELLS
    assert json.loads((path.parent / "phantom.json").read_text())["counts"] == [30, 30]


@pytest.mark.parametrize(
    ("make", "option", "value"),
    [
        (make_phantom, "cells", 13),
        (make_phantom, "cells", 10**9),
        (make_phantom, "seed", -1),
        (make_phantom_manifest, "cells", 15),
    ],
)
def test_arguments_out_of_range_are_refused(tmp_path, make, option, value):
    with pytest.raises(UserError) as caught:
        make(tmp_path / "set", **{option: value})
    assert caught.value.field == option
    assert list(tmp_path.iterdir()) == []
