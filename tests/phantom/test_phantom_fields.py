"""Phantom fields and slides: drawn to order, with the centres of their nuclei known."""

import csv
import json
import sys

import cv2
import numpy as np
import pytest

from deeppap.io.errors import UserError
from deeppap.phantom.field import FIELD_MPP, SIZE, draw_field, field_of, make_fields
from deeppap.phantom.slide import BLOCK, make_slide
from deeppap.screening.slides.slide import Box
from deeppap.screening.slides.tiff_slide import TiffSlide
from tests.support.checkout import run_tool


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("phantom") / "fields"
    make_fields(out, 2, 20, seed=3)
    return out


def rows_of(folder):
    with (folder / "nuclei.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_same_seed_same_bytes_another_seed_others(folder, tmp_path):
    for name, seed, same in (("again", 3, True), ("other", 4, False)):
        make_fields(tmp_path / name, 2, 20, seed)
        for path in folder.iterdir():
            if path.suffix in (".png", ".csv"):
                assert ((tmp_path / name / path.name).read_bytes() == path.read_bytes()) == same


def test_every_centre_lies_on_a_nucleus(folder):
    rows = rows_of(folder)
    assert {row["image"] for row in rows} == {"field_00.png", "field_01.png"}
    assert 25 < len(rows) <= 40
    assert len({row["label"] for row in rows}) > 3
    for row in rows:
        image = cv2.imread(str(folder / row["image"]), cv2.IMREAD_GRAYSCALE)
        x, y = round(float(row["nucleus_x"])), round(float(row["nucleus_y"]))
        around = image[max(0, y - 60) : y + 60, max(0, x - 60) : x + 60]
        assert image[y - 1 : y + 2, x - 1 : x + 2].mean() < np.median(around)


def test_it_says_what_it_is(folder):
    about = json.loads((folder / "phantom.json").read_text())
    assert (about["fields"], about["cells"], about["um_per_pixel"]) == (2, len(rows_of(folder)), FIELD_MPP)
    assert cv2.imread(str(folder / "field_00.png")).shape == (*SIZE, 3)


def test_where_no_room_is_left_fewer_cells_are_drawn():
    image, cells = draw_field((200, 200), 50, np.random.default_rng(1))
    assert image.shape == (200, 200, 3)
    assert len(cells) < 20
    assert all(0 <= cell.x < 200 and 0 <= cell.y < 200 for cell in cells)


@pytest.mark.parametrize("words", [("--fields", 0), ("--fields", 5000), ("--fields", 1, "--cells", 0)])
def test_counts_that_make_no_sense_are_one_line(checkout, tmp_path, words):
    done = run_tool(checkout, "make_phantom", tmp_path / "out", *words, status=2)
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_existing_folder_is_not_touched(checkout, folder):
    assert "this one is not touched" in run_tool(checkout, "make_phantom", folder, "--fields", 1, status=2).stderr


@pytest.fixture(scope="module")
def slide(tmp_path_factory):
    pytest.importorskip("imagecodecs", reason="make slides")
    path = tmp_path_factory.mktemp("slide") / "slide.tif"
    return path, make_slide(path, 4 * BLOCK, 3, seed=2)


def test_a_slide_is_a_pyramid_with_its_fields_where_it_says(slide):
    path, made = slide
    opened = TiffSlide(path)
    assert opened.levels == [(4096, 4096), (1024, 1024)]
    assert opened.mpp == pytest.approx(FIELD_MPP, rel=1e-4)
    row, column = np.argwhere(made.grid)[0]
    kind = made.grid[row, column]
    image, cells = field_of(2, kind - 1, 22, (BLOCK, BLOCK))
    x, y = int(column) * BLOCK, int(row) * BLOCK
    found, damages = opened.read(Box(x, y, BLOCK, BLOCK))
    assert damages == []
    assert np.abs(found.astype(int) - image[..., ::-1]).mean() < 3
    small = cv2.resize(image, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    found, _ = opened.read(Box(x // 4, y // 4, BLOCK // 4, BLOCK // 4), 1)
    assert np.abs(found.astype(int) - small[..., ::-1]).mean() < 3
    assert (cells[0].x + x, cells[0].y + y) in list(made.centres())
    assert (made.grid > 0).sum() == 3


def test_a_slide_of_the_same_seed_is_the_same_bytes(slide, tmp_path):
    make_slide(tmp_path / "slide.tif", 4 * BLOCK, 3, seed=2)
    assert (tmp_path / "slide.tif").read_bytes() == slide[0].read_bytes()


def test_what_is_not_installed_for_a_slide_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(UserError, match="imagecodecs: .*make slides"):
        make_slide(tmp_path / "slide.tif", BLOCK, 1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("side", "fields"), [(100, 1), (10**6, 1), (2 * BLOCK, 5), (2 * BLOCK, 0)])
def test_a_slide_that_cannot_be_is_one_line(tmp_path, side, fields):
    with pytest.raises(UserError):
        make_slide(tmp_path / "slide.tif", side, fields)
    assert not list(tmp_path.iterdir())
