"""The overlay: rings where the nuclei are, in their scores' colours, over a scale bar and a legend."""

import cv2
import numpy as np
import pytest

from deeppap.screening.cells import COLOURS, colour_of
from deeppap.screening.outputs.overlay import STRIP, Overlay, font, scale_bar
from tests.support.screening import cell_at


def drawn(tmp_path, cells, grey=False, shrink=1):
    shape = (300 // shrink, 900 // shrink) if grey else (300 // shrink, 900 // shrink, 3)
    overlay = Overlay(np.full(shape, 200, np.uint8), (900, 300), 0.25)
    for cell in cells:
        overlay.add(cell)
    overlay.write(tmp_path / "overlay.png")
    return cv2.imread(str(tmp_path / "overlay.png"))


def has_colour(part, colour):
    return (np.abs(part.astype(int) - np.array(colour[::-1])).max(axis=-1) <= 8).any()


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("score", [0.05, 0.3, 0.5, 0.7, 0.95])
def test_outline_is_drawn_at_the_nucleus(tmp_path, grey, score):
    picture = drawn(tmp_path, [cell_at(400, 150, score)], grey=grey)
    assert picture.shape == (300 + STRIP, 900, 3)
    assert has_colour(picture[140:161, 390:411], colour_of(score))
    outside = picture[:300].copy()
    outside[140:161, 390:411] = 200
    assert (outside == 200).all()
    assert (picture[150, 400] == 200).all()  # the nucleus itself stays visible


@pytest.mark.parametrize("shrink", [1, 5])
def test_point_is_a_ring(tmp_path, shrink):
    picture = drawn(tmp_path, [cell_at(450, 150, 0.9, outline=None)], shrink=shrink)
    row, column = np.argwhere((picture[: 300 // shrink] != 200).any(axis=2)).mean(axis=0)
    assert (column * shrink, row * shrink) == pytest.approx((450, 150), abs=shrink)


def test_strip_has_a_legend_and_a_scale_bar(tmp_path):
    strip = drawn(tmp_path, [])[300:]
    assert all(has_colour(strip, colour) for colour in COLOURS)
    bar = np.flatnonzero((strip[14, :300] < 60).all(axis=1))
    assert (len(bar) - 1) * 0.25 == pytest.approx(20, abs=0.3)


@pytest.mark.parametrize(
    ("pixels", "mpp", "words"), [(1280, 0.2, "50 µm"), (2048, 10, "2 mm"), (100, 0.05, "1 µm"), (2000, 0.5, "200 µm")]
)
def test_scale_bar_states_its_length(pixels, mpp, words):
    length, found = scale_bar(pixels, mpp)
    assert found == words
    assert length <= pixels / 5


def test_the_font_has_every_letter_of_the_scale_bar():
    absent = bytes(font().getmask("\ufffe"))
    assert all(bytes(font().getmask(letter)) != absent for letter in "0123456789µm")


def test_five_colours_that_the_colour_blind_tell_apart():
    assert [colour_of(s) for s in (0, 0.19, 0.2, 0.5, 0.61, 0.8, 1.0)] == [COLOURS[k] for k in (0, 0, 1, 2, 3, 4, 4)]
    # they differ in lightness, or in blue against yellow, which nearly everyone sees
    lab = cv2.cvtColor(np.array([COLOURS], np.uint8), cv2.COLOR_RGB2LAB)[0].astype(int)
    assert (np.abs(np.diff(lab[:, [0, 2]], axis=0)).max(axis=1) > 20).all()
