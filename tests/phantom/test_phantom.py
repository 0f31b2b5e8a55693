import csv
import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

from data_prep.dataset import open_dataset
from data_prep.herlev_classes import BACKGROUND, CLASSES, CYTOPLASM, NUCLEUS, SPECK, UNLABELLED
from deeppap.io.errors import UserError
from deeppap.io.files import sha256_file
from deeppap.phantom.cell import PAP, draw_mask
from deeppap.phantom.cell_set import (
    FIELD_CELLS,
    _herlev_cell,
    class_counts,
    make_phantom,
    make_phantom_manifest,
    places,
)
from tests.support.checkout import ROOT

TOOL = ROOT / "tools/make_phantom.py"
CELLS = 100


def digests(folder):
    return {str(p.relative_to(folder)): sha256_file(p) for p in sorted(folder.rglob("*")) if p.is_file()}


def masks(folder):
    return {path: cv2.imread(str(path))[:, :, ::-1] for path in sorted(folder.glob("*/*-d.bmp"))}


def nucleus(mask):
    return (mask == NUCLEUS).all(axis=2)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom") / "small"
    make_phantom(folder, CELLS, workers=1)
    return folder


def test_full_counts_are_herlevs():
    assert class_counts(None) == class_counts(917) == [74, 70, 98, 182, 146, 197, 150]


@pytest.mark.parametrize("cells", [14, 15, 29, 60, 917, 2000])
def test_scaled_counts_are_exact_with_two_of_each_class(cells):
    counts = class_counts(cells)
    assert sum(counts) == cells
    assert min(counts) >= 2
    if cells >= 60:
        assert all(abs(n - e.count * cells / 917) <= 1 for n, e in zip(counts, CLASSES, strict=True))


def test_files_lie_as_in_herlev(small):
    found = [len(list((small / entry.folder).glob("*.BMP"))) for entry in CLASSES]
    assert found == class_counts(CELLS)
    images = sorted(path.stem for path in small.glob("*/*.BMP"))
    assert sorted(path.stem.removesuffix("-d") for path in small.glob("*/*-d.bmp")) == images
    assert {p.name for p in small.iterdir() if p.is_file()} == {"README.txt", "phantom.json"}
    assert "No figure obtained from it is a result" in (small / "README.txt").read_text()


def test_reader_accepts_it_and_calls_it_a_phantom(small):
    dataset = open_dataset(small)
    assert dataset.name == "phantom"
    assert [sum(c.class7 == k for c in dataset.cells) for k in range(7)] == class_counts(CELLS)


def test_masks_have_the_five_colours_alone(small):
    known = {NUCLEUS, CYTOPLASM, BACKGROUND, UNLABELLED, SPECK}
    seen = set()
    for path, mask in masks(small).items():
        image = cv2.imread(str(path.with_name(path.name.replace("-d.bmp", ".BMP"))))
        assert image.shape == mask.shape
        colours = {(v >> 16, v >> 8 & 255, v & 255) for v in np.unique(mask @ [1 << 16, 1 << 8, 1]).tolist()}
        assert {NUCLEUS, CYTOPLASM} <= colours <= known, path
        seen |= colours
    assert seen == known


def test_nucleus_centroid_lies_in_the_nucleus_and_the_nucleus_is_darker(small):
    centres = {cell.id: cell.centre for cell in open_dataset(small).cells}
    for path, mask in masks(small).items():
        stem = path.name.removesuffix("-d.bmp")
        x, y = centres[stem]
        assert nucleus(mask)[round(y), round(x)], path
        image = cv2.imread(str(path.with_name(f"{stem}.BMP"))).mean(axis=2)
        assert image[nucleus(mask)].mean() < image[(mask == CYTOPLASM).all(axis=2)].mean() - 5, path


@pytest.fixture(scope="module")
def many():
    """140 masks of each class, 70 of the large: class -> list of (height, width, nucleus mask)."""
    drawn = {}
    for class7, style in enumerate(PAP):
        rngs = (np.random.default_rng((1, class7, index)) for index in range(140 if class7 > 1 else 70))
        found = [draw_mask(style, rng)[2] for rng in rngs]
        drawn[class7] = [(*mask.shape[:2], nucleus(mask)) for mask in found]
    return drawn


@pytest.mark.parametrize("class7", range(7))
def test_median_sizes_are_herlevs(many, class7):
    height, width, fraction = np.median([(h, w, n.mean()) for h, w, n in many[class7]], axis=0)
    # measured on the real set
    expected = [
        (310, 322, 0.006), (264, 292, 0.017), (82, 92, 0.177), (150, 175, 0.166),
        (122, 124, 0.228), (88, 95, 0.302), (81, 85, 0.421),
    ][class7]  # fmt: skip
    assert (height, width, fraction) == pytest.approx(expected, rel=0.10)


def test_border_and_second_components_occur_as_in_herlev(many):
    nuclei = [n for cells in many.values() for _, _, n in cells]
    border = np.mean([n[0].any() or n[-1].any() or n[:, 0].any() or n[:, -1].any() for n in nuclei])
    double = np.mean([cv2.connectedComponents(n.astype(np.uint8))[0] > 2 for n in nuclei])
    assert 0.04 < border < 0.16
    assert 0.02 < double < 0.08


def test_nucleus_size_alone_does_not_tell_columnar_from_severe(many):
    columnar, severe = (np.array([n.sum() for _, _, n in many[k]]) for k in (2, 5))
    larger = (severe[:, None] > columnar).mean()  # the area under the ROC curve
    assert 0.7 < larger < 0.95


def test_stems_are_unique_and_no_field_mixes_labels():
    found = places(class_counts(None), seed=1)
    assert len({place.stem for place in found}) == 917
    labels = {}
    for place in found:
        field, frame, number = place.stem.split("-")
        assert (len(field), len(frame), len(number)) == (9, 9, 3)
        labels.setdefault(field, set()).add(CLASSES[place.class7].label)
    assert all(len(both) == 1 for both in labels.values())
    assert 917 / len(labels) == pytest.approx(FIELD_CELLS, rel=0.15)


def test_small_phantoms_have_a_field_for_each_fold():
    found = places(class_counts(14), seed=1)
    for label in (0, 1):
        assert len({place.field for place in found if CLASSES[place.class7].label == label}) >= 5


def test_same_seed_same_bytes_whatever_the_workers(small, tmp_path):
    make_phantom(tmp_path / "two", CELLS, workers=2)
    assert digests(tmp_path / "two") == digests(small)


def test_another_seed_draws_other_cells(small, tmp_path):
    make_phantom(tmp_path / "other", 20, seed=2, workers=1)
    make_phantom(tmp_path / "same", 20, seed=1, workers=1)
    images = [
        {digest for name, digest in digests(tmp_path / kind).items() if name.endswith(".BMP")}
        for kind in ("other", "same")
    ]
    assert len(images[0]) == len(images[1]) == 20
    assert not images[0] & images[1]


def test_a_cell_depends_on_seed_class_and_index_alone(small, tmp_path):
    place = places(class_counts(CELLS), seed=1)[-1]
    folder = CLASSES[place.class7].folder
    (tmp_path / folder).mkdir()
    _herlev_cell((str(tmp_path), place, 1))
    for name in (f"{place.stem}.BMP", f"{place.stem}-d.bmp"):
        assert (tmp_path / folder / name).read_bytes() == (small / folder / name).read_bytes()


def test_the_same_phantom_is_left_alone_and_anything_else_is_refused(small, tmp_path, capsys):
    before = {path: path.stat().st_mtime_ns for path in small.rglob("*")}
    assert make_phantom(small, CELLS) == class_counts(CELLS)
    assert "already this phantom" in capsys.readouterr().out
    with pytest.raises(UserError, match="another phantom"):
        make_phantom(small, CELLS, seed=2)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("keep")
    with pytest.raises(UserError, match="something else"):
        make_phantom(tmp_path / "mine", 20)
    assert (tmp_path / "mine/notes.txt").read_text() == "keep"
    assert {path: path.stat().st_mtime_ns for path in small.rglob("*")} == before


def test_a_phantom_with_an_image_missing_is_not_taken_for_whole(tmp_path):
    make_phantom(tmp_path / "set", 14, workers=1)
    next((tmp_path / "set").glob("*/*.BMP")).unlink()
    with pytest.raises(UserError, match="13 of its 14 images"):
        make_phantom(tmp_path / "set", 14)


def test_a_failure_leaves_nothing(tmp_path, monkeypatch):
    def fail(path, image):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("deeppap.phantom.cell_set._write_image", fail)
    with pytest.raises(UserError, match="full disk"):
        make_phantom(tmp_path / "set", 14, workers=1)
    assert list(tmp_path.iterdir()) == []


def test_manifest_is_balanced_readable_and_true_to_its_images(tmp_path):
    path = make_phantom_manifest(tmp_path / "set", 60, workers=1)
    rows = list(csv.DictReader(path.open()))
    assert list(rows[0]) == ["image", "label", "nucleus_x", "nucleus_y", "group"]
    labels = [row["label"] for row in rows]
    assert labels.count("0") == labels.count("1") == 30
    assert labels != sorted(labels)
    groups = {}
    for row in rows:
        groups.setdefault(row["group"], set()).add(row["label"])
        image = cv2.imread(str(path.parent / row["image"])).mean(axis=2)
        x, y = round(float(row["nucleus_x"])), round(float(row["nucleus_y"]))
        assert image[y - 2 : y + 3, x - 2 : x + 3].mean() < image.mean() - 20, row["image"]
    assert len(groups) == 16
    assert all(len(both) == 1 for both in groups.values())
    assert len(open_dataset(path.parent).cells) == 60
    assert json.loads((path.parent / "phantom.json").read_text())["counts"] == [30, 30]


def test_manifest_has_the_same_bytes_whatever_the_workers(tmp_path):
    make_phantom_manifest(tmp_path / "one", 60, workers=1)
    make_phantom_manifest(tmp_path / "two", 60, workers=2)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


@pytest.mark.parametrize(
    "make, values",
    [
        (make_phantom, {"cells": 13}),
        (make_phantom, {"cells": 10**9}),
        (make_phantom, {"seed": -1}),
        (make_phantom, {"workers": 0}),
        (make_phantom_manifest, {"cells": 15}),
    ],
)
def test_arguments_out_of_range_are_a_users_mistake(tmp_path, make, values):
    with pytest.raises(UserError, match=f"--{next(iter(values))}"):
        make(tmp_path / "set", **values)
    assert list(tmp_path.iterdir()) == []


def test_tool_says_a_bad_argument_in_one_line_and_exits_with_2(tmp_path):
    command = [sys.executable, TOOL, tmp_path / "set", "--cells", "3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("make_phantom.py: --cells: expected 14 to 20000, found 3.")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "set").exists()
