"""What all figures share: tiles, the flow of pictures, and that the same input gives the same bytes."""

import warnings

import matplotlib as mpl
import numpy as np
import pytest

from deeppap.report.figures import accuracy_by_views, calibration
from deeppap.report.figures.mosaic import Picture, Row, flow, grid
from deeppap.report.figures.style import new_figure, save, stretch
from tests.support.figures import cell_image


def test_grid_places_every_tile_and_fills_the_rest():
    tiles = np.arange(5, dtype=float).reshape(5, 1, 1) * np.ones((5, 2, 3))
    picture = grid(tiles, 3, gap=1, fill=-1)
    assert picture.shape == (5, 11)
    assert [picture[r, c] for r, c in ((0, 0), (0, 4), (0, 8), (3, 0), (3, 4))] == [0, 1, 2, 3, 4]
    assert (picture[2] == -1).all() and (picture[3:, 8:] == -1).all()


def test_flow_keeps_one_scale_and_stays_on_the_page():
    pictures = [Picture(cell_image(40, 60 + 10 * i), "x\ny") for i in range(9)]
    figure = flow([Row("heading", pictures)], 3.0, 0.01)
    figure.canvas.draw()
    boxes = [axes.get_position() for axes in figure.axes]
    width, height = figure.get_size_inches()
    for box, picture in zip(boxes, pictures, strict=True):
        assert box.width * width == pytest.approx(picture.image.shape[1] * 0.01)
        assert box.height * height == pytest.approx(picture.image.shape[0] * 0.01)
        assert box.x0 >= 0 and box.x1 <= 1 and box.y0 >= 0 and box.y1 <= 1
    for i, a in enumerate(boxes):
        assert not any(a.overlaps(b) for b in boxes[i + 1 :])


def test_stretch():
    assert np.array_equal(stretch(np.array([1.0, 2.0, 3.0])), [0, 0.5, 1])
    assert np.array_equal(stretch(np.array([2.0, 2.0])), [0.5, 0.5])


def test_saved_twice_are_the_same_bytes_and_settings_are_left_alone(tmp_path):
    settings = dict(mpl.rcParams)
    curves = [("run", np.array([0.05, 0.95]), np.array([0.0, 1.0]), np.array([3, 300]))]
    paths = [save(calibration.draw(curves), tmp_path / str(i), "x") for i in range(2)]
    for first, second in zip(*paths, strict=True):
        assert first.read_bytes() == second.read_bytes()
    svg = paths[0][1].read_text()
    assert "<dc:date>" not in svg and "<text" not in svg
    assert dict(mpl.rcParams) == settings


def test_figures_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        accuracy_by_views.draw([("run", [1, 5], [0.9, 0.95], None)]).canvas.draw()
        calibration.draw([("run", *np.array([[0.1], [0.0], [4.0]]))]).canvas.draw()
        new_figure(1, 1).canvas.draw()
