"""Drawn fields and slides: the centres of their nuclei are known."""

import csv
import json

import cv2
import numpy as np
import pytest

from deeppap.io.errors import UserError
from deeppap.phantom.field import FIELD_MPP, SIZE, draw_field, field_of, make_fields
from deeppap.phantom.slide import BLOCK, make_slide
from deeppap.screening.slides.slide import Box
from deeppap.screening.slides.tiff_slide import TiffSlide


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("phantom") / "fields"
    make_fields(out, 2, 12, seed=3)
    return out


def test_the_same_seed_gives_the_same_bytes(folder, tmp_path):
    make_fields(tmp_path / "again", 1, 12, seed=3)
    make_fields(tmp_path / "other", 1, 12, seed=4)
    again, other = ((tmp_path / name / "field_00.png").read_bytes() for name in ("again", "other"))
    assert again == (folder / "field_00.png").read_bytes() != other


def test_every_centre_lies_on_a_nucleus(folder):
    with (folder / "nuclei.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["image"] for row in rows} == {"field_00.png", "field_01.png"}
    assert 15 < len(rows) <= 24
    assert len({row["label"] for row in rows}) > 3
    for row in rows:
        image = cv2.imread(str(folder / row["image"]), cv2.IMREAD_GRAYSCALE)
        assert image.shape == SIZE
        x, y = round(float(row["nucleus_x"])), round(float(row["nucleus_y"]))
        around = image[max(0, y - 60) : y + 60, max(0, x - 60) : x + 60]
        assert image[y - 1 : y + 2, x - 1 : x + 2].mean() < np.median(around)
    about = json.loads((folder / "phantom.json").read_text())
    assert (about["fields"], about["cells"], about["um_per_pixel"]) == (2, len(rows), FIELD_MPP)


def test_fewer_cells_are_drawn_where_no_room_is_left():
    image, cells = draw_field((200, 200), 25, np.random.default_rng(1))
    assert image.shape == (200, 200, 3)
    assert 0 < len(cells) < 15
    assert all(0 <= cell.x < 200 and 0 <= cell.y < 200 for cell in cells)


@pytest.mark.parametrize(("fields", "cells"), [(0, 12), (5000, 12), (1, 0)])
def test_counts_out_of_range_are_refused(tmp_path, fields, cells):
    with pytest.raises(UserError):
        make_fields(tmp_path / "out", fields, cells)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def slide(tmp_path_factory):
    path = tmp_path_factory.mktemp("slide") / "slide.tif"
    return path, make_slide(path, 4 * BLOCK, 3, seed=2)


def test_a_slide_is_a_pyramid_with_its_fields_where_it_says(slide):
    path, made = slide
    opened = TiffSlide(path)
    assert opened.levels == [(4096, 4096), (1024, 1024)]
    assert opened.mpp == pytest.approx(FIELD_MPP, rel=1e-4)
    assert (made.grid > 0).sum() == 3
    row, column = np.argwhere(made.grid)[0]
    image, cells = field_of(2, made.grid[row, column] - 1, 22, (BLOCK, BLOCK))
    x, y = int(column) * BLOCK, int(row) * BLOCK
    assert (cells[0].x + x, cells[0].y + y) in list(made.centres())
    for level, shrink in enumerate((1, 4)):
        found, damages = opened.read(Box(x // shrink, y // shrink, BLOCK // shrink, BLOCK // shrink), level)
        expected = cv2.resize(image, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA)
        assert damages == []
        assert np.abs(found.astype(int) - expected[..., ::-1]).mean() < 3  # JPEG


@pytest.mark.parametrize(("side", "fields"), [(100, 1), (10**6, 1), (2 * BLOCK, 5), (2 * BLOCK, 0)])
def test_an_impossible_slide_is_refused(tmp_path, side, fields):
    with pytest.raises(UserError):
        make_slide(tmp_path / "slide.tif", side, fields)
    assert not list(tmp_path.iterdir())
