"""Maxima of a map: between its pixels, highest first, one a nucleus."""

import numpy as np
import pytest

from deeppap.screening.nuclei.fcn_crops import target
from deeppap.screening.nuclei.maxima import maxima


def bumps(*places, shape=(60, 80)):
    """A map with bumps of (x, y, width, height), all in its pixels."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    prob = np.zeros(shape, np.float32)
    for cx, cy, sigma, height in places:
        prob = np.maximum(prob, height * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * sigma**2)))
    return prob.astype(np.float32)


def test_places_are_between_pixels_and_highest_first():
    places, heights = maxima(bumps((20.3, 30.8, 1.75, 0.6), (50.0, 10.5, 1.75, 0.9)), 0.2)
    assert places == pytest.approx(np.array([(100.5, 21.5), (41.1, 62.1)]), abs=0.25)
    assert heights[0] > heights[1] > 0.2


def test_two_nuclei_with_a_valley_are_two_and_one_that_ripples_is_one():
    assert len(maxima(bumps((20, 30, 1.75, 0.8), (26, 30, 1.75, 0.7)), 0.2)[0]) == 2
    assert len(maxima(bumps((40, 30, 4, 0.5), (44, 30, 4, 0.52)), 0.2)[0]) == 1


def test_what_is_too_low_is_left_out():
    assert len(maxima(bumps((20, 30, 1.75, 0.3)), 0.4)[0]) == 0
    places, heights = maxima(np.zeros((8, 8), np.float32), 0.1)
    assert (places.shape, heights.shape) == ((0, 2), (0,))


def test_the_target_map_is_read_back_as_the_points_it_was_drawn_from():
    points = np.array([(30.0, 40.0), (90.6, 71.3)])
    drawn = target(points, np.array([3.5, 5.0]), np.zeros((64, 64), np.uint8))
    found, heights = maxima(drawn.astype(np.float32) / 201, 0.3)
    assert found[np.argsort(found[:, 0])] == pytest.approx(points, abs=0.3)
    assert (heights > 0.8).all()
