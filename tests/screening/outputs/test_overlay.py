"""The overlay: rings where the nuclei are, in their scores' colours, over a scale bar and a legend."""

import cv2
import numpy as np
import pytest

from deeppap.screening.outputs.colours import STEPS, colour_of
from deeppap.screening.outputs.overlay import STRIP, Overlay
from deeppap.screening.outputs.scale_bar import scale_bar
from tests.support.screening import cell_at


def drawn(tmp_path, cells, size=(900, 300), grey=False, shrink=1):
    shape = (size[1] // shrink, size[0] // shrink) if grey else (size[1] // shrink, size[0] // shrink, 3)
    overlay = Overlay(np.full(shape, 200, np.uint8), size, 0.25)
    for cell in cells:
        overlay.add(cell)
    overlay.write(tmp_path / "overlay.png")
    return cv2.imread(str(tmp_path / "overlay.png"))


def has_colour(part, colour):
    return (np.abs(part.astype(int) - np.array(colour[::-1])).max(axis=-1) <= 8).any()


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("score", [0.05, 0.3, 0.5, 0.7, 0.95])
def test_an_outline_is_drawn_where_the_nucleus_is(tmp_path, grey, score):
    picture = drawn(tmp_path, [cell_at(400, 150, score)], grey=grey)
    assert picture.shape == (300 + STRIP, 900, 3)
    assert has_colour(picture[140:161, 390:411], colour_of(score))
    outside = picture[:300].copy()
    outside[140:161, 390:411] = 200
    assert (outside == 200).all()
    assert (picture[150, 400] == 200).all()  # the nucleus itself stays to be seen


def test_abnormal_is_thicker_too_not_only_another_colour(tmp_path):
    counts = [(drawn(tmp_path, [cell_at(400, 150, s)])[:300] != 200).any(axis=2).sum() for s in (0.1, 0.9)]
    assert counts[1] > 1.2 * counts[0]


@pytest.mark.parametrize("shrink", [1, 5])
def test_a_point_is_a_ring_also_on_a_slide_made_small(tmp_path, shrink):
    picture = drawn(tmp_path, [cell_at(450, 150, 0.9, outline=None)], shrink=shrink)
    row, column = np.argwhere((picture[: 300 // shrink] != 200).any(axis=2)).mean(axis=0)
    assert (column * shrink, row * shrink) == pytest.approx((450, 150), abs=shrink)


def test_the_strip_has_the_legend_and_a_bar_of_a_round_length(tmp_path):
    strip = drawn(tmp_path, [])[300:]
    assert all(has_colour(strip, colour) for colour in STEPS)
    bar = np.flatnonzero((strip[14, :300] < 60).all(axis=1))
    assert (len(bar) - 1) * 0.25 == pytest.approx(20, abs=0.3)


@pytest.mark.parametrize(
    ("pixels", "mpp", "words"), [(1280, 0.2, "50 um"), (2048, 10, "2 mm"), (100, 0.05, "1 um"), (2000, 0.5, "200 um")]
)
def test_a_scale_bar_says_its_length(pixels, mpp, words):
    length, found = scale_bar(pixels, mpp)
    assert found == words
    assert length <= pixels / 5


def test_colours_part_the_scores_in_five():
    assert [colour_of(s) for s in (0, 0.19, 0.2, 0.5, 0.61, 0.8, 1.0)] == [STEPS[k] for k in (0, 0, 1, 2, 3, 4, 4)]


def test_neighbouring_steps_differ_to_the_colour_blind():
    """In lightness, or in blue against yellow, which nearly all of them see."""
    lab = cv2.cvtColor(np.array([STEPS], np.uint8), cv2.COLOR_RGB2LAB)[0].astype(int)
    apart = np.abs(np.diff(lab[:, [0, 2]], axis=0)).max(axis=1)
    assert (apart > 20).all()
