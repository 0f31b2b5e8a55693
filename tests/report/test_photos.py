"""Figures made of the cells' own pictures (paper: Fig. 2, 4, 8, 9 and 10), and where scores come from."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from matplotlib.colors import to_rgba

from data_prep.manifest import read_manifest
from data_prep.views import Grid, plan_view
from deeppap.report.figures import photos
from deeppap.report.figures.cell_pictures import CellPictures
from deeppap.report.figures.style import YELLOW, LeftOutError, clean
from deeppap.report.runs import named
from deeppap.scoring.results import load_run
from tests.support.figures import texts
from tests.support.synthetic_cells import write_cell_pictures, write_heats
from tests.support.synthetic_run import write_synthetic_run


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """A run with pictures and heat maps, and its pictures."""
    base = tmp_path_factory.mktemp("shown")
    folder = write_synthetic_run(base / "run", cells=56, folds=(0, 2), seed=4)
    write_cell_pictures(folder, base / "data")
    write_heats(folder, base / "data")
    result = load_run(folder)
    return named([result])[0], CellPictures(result)


def dots(axes):
    return np.concatenate([c.get_offsets() for c in axes.collections if (c.get_facecolor() == to_rgba(YELLOW)).all()])


def test_views_dot_the_shifted_centres_and_the_middle_of_each_patch(shown):
    run, pictures = shown
    whole, _, shifted, *_ = photos.views.draw(run, pictures).axes
    ids = sorted(cell.id for cell in run.result.cells.values() if cell.label == 1)
    cell = ids[len(ids) // 2]
    views = [plan_view(cell, "train", Grid(10, 10), index, run.record.seed) for index in range(10)]
    x, y = pictures.image_and_centre(cell)[1]
    assert np.allclose(dots(whole), [(x + view.dx, y + view.dy) for view in views])
    assert len(dots(shifted)) == 10
    assert np.array_equal(dots(shifted)[:2], [[63.5, 63.5], [63.5 + 128 + 6, 63.5]])


def test_examples_draw_each_class_with_its_side(shown):
    run, pictures = shown
    said = texts(photos.examples.draw(run, pictures))
    assert "superficial (normal)" in said
    assert "carcinoma in situ (abnormal)" in said
    assert "20 µm" not in said  # nobody knows the size of a pixel


def test_right_cells_are_the_median_and_the_least_certain_of_their_class(shown):
    run, pictures = shown
    said = texts(photos.right_abnormal.draw(run, pictures))
    of = {
        cell: score
        for cell, score in zip(run.result.ids, run.scores, strict=True)
        if run.result.cells[cell].class_name == "carcinoma in situ"
    }
    right = sorted((cell for cell in of if of[cell] >= 0.5), key=lambda cell: (1 - of[cell], cell))
    for cell in (right[len(right) // 2], right[-1]):
        assert cell in said
        assert f"score {of[cell]:.2f}" in said
    assert "superficial" in texts(photos.right_normal.draw(run, pictures))


def test_a_long_name_is_shortened_in_the_middle_and_whole_on_the_page(shown):
    names = [f"laboratory_2_slide_{number}_field_{number}_cell_1" for number in (17, 18)]
    short = [clean(name, 24) for name in names]
    assert len(set(short)) == 2 and all(len(name) == 24 for name in short)
    assert clean(names[0], len(names[0])) == names[0] and clean(names[0], 9) == "labo…ll_1"
    run, pictures = shown
    figure = photos.heatmaps.draw(run, pictures)
    drawn = texts(figure)
    assert figure.get_label() and all(name in drawn for name in figure.get_label().split(", "))


def test_heat_maps_of_other_pictures_are_left_out(shown):
    run, pictures = shown
    path = run.folds[0].folder / photos.HEATMAPS
    kept = path.read_bytes()
    with np.load(path) as archive:
        arrays = dict(archive)
    try:
        np.savez(path, **(arrays | {"heat_0": np.zeros((4, 4))}))
        with pytest.raises(LeftOutError):
            photos.heatmaps.draw(run, pictures)
    finally:
        path.write_bytes(kept)


def test_heat_is_red_for_abnormal_blue_for_normal_and_nothing_where_there_is_none():
    picture, heat = np.full((40, 50, 3), 128, np.uint8), np.zeros((40, 50))
    heat[:, :10], heat[:, 40:] = 2, -1
    found = photos.overlay(picture, heat).astype(int)
    assert (found[:, 10:40] == 128).all()
    red, blue = found[0, 0], found[0, 49]
    assert red[0] > 128 > red[2]
    assert blue[2] > 128 > blue[0]
    assert np.abs(red - 128).sum() > np.abs(blue - 128).sum()  # half as much heat, half as much colour
    assert np.array_equal(photos.overlay(picture, heat * 0), picture)


def run_of(path, pixel_um=0.2, resampled_um=()):
    """A run of a manifest, as far as its pictures need it."""
    facts = {"path": str(path), "paths": (str(path),), "dataset_sha": read_manifest(path).dataset_sha()}
    data = SimpleNamespace(**facts, pixel_um=pixel_um, resampled_um=resampled_um)
    return SimpleNamespace(record=SimpleNamespace(dataset=data, classes=2, border="constant"))


def test_the_centre_lies_in_the_part_of_a_field_that_is_shown(tmp_path):
    image = np.full((700, 1100, 3), 220, np.uint8)
    places = [(150, 200), (900, 480)]
    for x, y in places:
        cv2.circle(image, (x, y), 4, (0, 0, 250), -1)
    assert cv2.imwrite(str(tmp_path / "field.png"), image)
    lines = ["image,label,nucleus_x,nucleus_y", *[f"field.png,{k},{x},{y}" for k, (x, y) in enumerate(places)]]
    (tmp_path / "cells.csv").write_text("\n".join(lines) + "\n")
    pictures = CellPictures(run_of(tmp_path / "cells.csv"))
    for cell in read_manifest(tmp_path / "cells.csv").cells:
        part, (x, y) = pictures.image_and_centre(cell.id)
        assert part.shape[0] < 300
        assert part[round(y), round(x)].tolist() == [250, 0, 0]


@pytest.mark.parametrize("factor", [1.0, 0.5, 2.0])
def test_pictures_of_a_validation_are_as_its_nets_saw_them(tmp_path, factor):
    """Images brought to the training set's pixel size are shown so, and the scale bar goes with them."""
    side, radius = 500, 16
    image = np.full((side, side, 3), 220, np.uint8)
    cv2.circle(image, (250, 250), radius, (0, 0, 0), -1)
    assert cv2.imwrite(str(tmp_path / "cell.png"), image)
    (tmp_path / "cells.csv").write_text("image,label,nucleus_x,nucleus_y\ncell.png,0,250,250\n")
    pictures = CellPictures(run_of(tmp_path / "cells.csv", 0.2 / factor, (0.2,) if factor != 1 else ()))
    cell = read_manifest(tmp_path / "cells.csv").cells[0].id
    for picture in (pictures.patch(cell), pictures.neighbourhood(cell)):
        dark = np.argwhere(picture[..., 0] < 110)
        assert abs(len(dark) / (np.pi * (radius + 0.25) ** 2 * factor**2) - 1) < 0.2
    whole, (x, y) = pictures.image_and_centre(cell)
    assert whole.shape[:2] == (side * factor, side * factor)
    assert np.abs(np.argwhere(whole[..., 0] < 110).mean(axis=0) - (y, x)).max() < 0.6
    assert pictures.micrometres() == pytest.approx(0.2 / factor)


def test_another_data_set_in_its_place_is_not_shown(shown):
    run, _ = shown
    data = run.record.dataset
    for path, sha, why in ((data.path, "0" * 64, "not the one"), ("/nowhere", data.dataset_sha, "no longer at")):
        record = SimpleNamespace(dataset=SimpleNamespace(path=path, paths=(path,), dataset_sha=sha), classes=2)
        with pytest.raises(LeftOutError, match=why):
            CellPictures(SimpleNamespace(record=record)).image(run.result.ids[0])
