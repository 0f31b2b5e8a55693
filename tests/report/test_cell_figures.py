"""Figures made of the cells' own pictures, on plain arrays (paper: Fig. 2, 4, 8, 9 and 10)."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from matplotlib.colors import to_rgba

from data_prep.manifest import read_manifest
from deeppap.report.figures import examples, misclassified, right_cells, views, why
from deeppap.report.figures.cell_pictures import CellPictures
from deeppap.report.figures.style import YELLOW, clean
from deeppap.report.overlay import overlay
from tests.support.figures import cell_image, texts


def dots(axes):
    return np.concatenate([c.get_offsets() for c in axes.collections if (c.get_facecolor() == to_rgba(YELLOW)).all()])


def views_of_cell(title="cell"):
    patches = np.stack([cell_image(128, 128) for _ in range(10)])
    shifted = [(50.0 + i, 40.0 - i) for i in range(10)]
    return views.ViewsOfCell(title, cell_image(), (50.0, 40.0), shifted, patches, patches)


def test_views_dot_the_shifted_centres_and_the_middle_of_each_patch():
    cell = views_of_cell()
    whole, _, shifted = views.draw([cell]).axes
    assert np.array_equal(dots(whole), cell.shifted)
    assert len(dots(shifted)) == 10
    assert np.array_equal(dots(shifted)[:2], [[63.5, 63.5], [63.5 + 128 + 6, 63.5]])


def test_file_names_cannot_break_a_figure():
    """A name with a dollar sign is not a formula, and a control character is spelt out."""
    figure = views.draw([views_of_cell("a$x^$_\x1b[2J")])
    assert "a$x^$_\\x1b[2J" in texts(figure)
    assert len(clean("x" * 500)) == 60


def test_examples_draw_what_fits_on_a_line_and_at_least_one():
    big, small = [cell_image(30, 900)] * 5, [cell_image(30, 100)] * 5
    figure = examples.draw([("big", 0, big), ("small", 1, small), ("huge", 1, [cell_image(20, 2000)])])
    assert len(figure.axes) == 1 + 5 + 1
    assert "big (normal)" in texts(figure) and "20 µm" not in texts(figure)
    assert "20 µm" in texts(examples.draw([("small", 0, small)], 0.201))


def test_misclassified_says_how_many_there_are():
    missed = [misclassified.Missed(cell_image(), f"c{i}", "columnar", 0.9, 0) for i in range(2)]
    said = texts(misclassified.draw(missed, (0, 7)))
    assert "abnormal called normal: 0" in said
    assert "normal called abnormal: 7, the 2 furthest from the threshold shown" in said
    assert "score 0.90" in said and "c1" in said


def test_scored_patches_show_scores_and_ids():
    figure = right_cells.draw([("light", [(cell_image(), "a-1", 0.994)]), ("severe", [])])
    assert all(part in texts(figure) for part in ("light", "score 0.99", "a-1"))


def test_heat_is_red_for_abnormal_blue_for_normal_and_nothing_where_there_is_none():
    picture, heat = np.full((40, 50, 3), 128, np.uint8), np.zeros((40, 50))
    heat[:, :10], heat[:, 40:] = 2, -1
    found = overlay(picture, heat).astype(int)
    assert (found[:, 10:40] == 128).all()
    red, blue = found[0, 0], found[0, 49]
    assert red[0] > 128 > red[2] and blue[2] > 128 > blue[0]
    assert np.abs(red - 128).sum() > np.abs(blue - 128).sum()  # half as much heat, half as much colour
    assert np.array_equal(overlay(picture, heat * 0), picture)


def test_cells_stand_beside_their_heat():
    cells = [why.Explained(cell_image(60, 70), np.random.default_rng(1).normal(size=(60, 70)), "columnar\nscore 0.10")]
    figure = why.draw([("classified correctly", cells), ("misclassified", [])])
    assert figure.axes[0].get_images()[0].get_array().shape == (60, 70 + why.GAP + 70, 3)
    assert "misclassified: none" in texts(figure) and "score 0.10" in texts(figure)


def test_the_centre_lies_in_the_part_of_a_field_that_is_shown(tmp_path):
    image = np.full((700, 1100, 3), 220, np.uint8)
    places = [(150, 200), (900, 480)]
    for x, y in places:
        cv2.circle(image, (x, y), 4, (0, 0, 250), -1)
    assert cv2.imwrite(str(tmp_path / "field.png"), image)
    lines = ["image,label,nucleus_x,nucleus_y", *[f"field.png,{k},{x},{y}" for k, (x, y) in enumerate(places)]]
    (tmp_path / "cells.csv").write_text("\n".join(lines) + "\n")
    dataset = read_manifest(tmp_path / "cells.csv")
    run = SimpleNamespace(run={"dataset": {"path": str(tmp_path / "cells.csv"), "fingerprint": dataset.dataset_sha()}})
    pictures = CellPictures(run)
    for cell in dataset.cells:
        shown, (x, y) = pictures.image_and_centre(cell.id)
        assert shown.shape[0] < 300 and shown[round(y), round(x)].tolist() == [250, 0, 0]


@pytest.mark.parametrize("enlarged", [None, 0.5, 2.0])
def test_pictures_of_a_validation_are_as_its_nets_saw_them(tmp_path, enlarged):
    """Images brought to the training set's pixel size are shown so, and the scale bar goes with them."""
    side, radius, factor = 500, 16, enlarged or 1.0
    image = np.full((side, side, 3), 220, np.uint8)
    cv2.circle(image, (250, 250), radius, (0, 0, 0), -1)
    assert cv2.imwrite(str(tmp_path / "cell.png"), image)
    (tmp_path / "cells.csv").write_text("image,label,nucleus_x,nucleus_y\ncell.png,0,250,250\n")
    dataset = read_manifest(tmp_path / "cells.csv")
    facts = {"path": str(tmp_path / "cells.csv"), "fingerprint": dataset.dataset_sha(), "pixel_um": 0.2}
    pictures = CellPictures(SimpleNamespace(run={"dataset": facts, "external": {"enlarged": enlarged}}))
    cell = dataset.cells[0].id
    for picture in (pictures.patch(cell), pictures.neighbourhood(cell)):
        dark = np.argwhere(picture[..., 0] < 110)
        assert abs(len(dark) / (np.pi * (radius + 0.25) ** 2 * factor**2) - 1) < 0.2
    shown, (x, y) = pictures.image_and_centre(cell)
    assert shown.shape[:2] == (side * factor, side * factor)
    assert np.abs(np.argwhere(shown[..., 0] < 110).mean(axis=0) - (y, x)).max() < 0.6
    assert pictures.micrometres() == pytest.approx(0.2 / factor)
