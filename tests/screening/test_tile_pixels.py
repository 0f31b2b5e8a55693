"""Resampling on one lattice: a pixel is the same whatever part of the image it is computed from."""

import cv2
import numpy as np
import pytest

from deeppap.screening.tile_pixels import ALIGN, Axis, resample


def part_of(image, axes, top, left, bottom, right):
    """The lattice's pixels over a box of the image, and the spans that they are."""
    spans = axes[0].cover(top, bottom), axes[1].cover(left, right)
    sources = [axis.source(span) for axis, span in zip(axes, spans, strict=True)]
    rows, columns = (slice(s.first, s.first + s.count) for s in sources)
    return resample(image[rows, columns], axes, spans, tuple(sources)), spans


@pytest.mark.parametrize("scale", [0.37, 0.804, 1.0, 1.2437, 2.238, 5.5])
@pytest.mark.parametrize("shape", [(700, 900), (700, 900, 3)])
def test_part_has_the_pixels_of_the_whole(rng, scale, shape):
    image = rng.integers(0, 256, shape, np.uint8)
    axes = Axis(shape[0], scale), Axis(shape[1], scale)
    whole, _ = part_of(image, axes, 0, 0, shape[0] - 1, shape[1] - 1)
    assert whole.shape[:2] == (axes[0].count, axes[1].count)
    for top, left in rng.integers(0, 500, (5, 2)).tolist():
        part, (rows, columns) = part_of(image, axes, top, left, top + 150, left + 220)
        assert rows.first % ALIGN == columns.first % ALIGN == 0
        assert np.array_equal(part, whole[rows.first :, columns.first :][: rows.count, : columns.count])


@pytest.mark.parametrize("scale", [0.5, 2, 4])
def test_whole_equals_opencv(rng, scale):
    image = cv2.GaussianBlur(rng.integers(0, 256, (400, 600, 3), np.uint8), (0, 0), 2)
    whole, _ = part_of(image, (Axis(400, scale), Axis(600, scale)), 0, 0, 399, 599)
    kind = cv2.INTER_LINEAR if scale < 1 else cv2.INTER_AREA
    expected = cv2.resize(image, whole.shape[1::-1], interpolation=kind)
    assert np.abs(whole.astype(int) - expected).max() <= 1


def test_same_pixel_size_changes_nothing(rng):
    image = rng.integers(0, 256, (300, 200), np.uint8)
    assert np.array_equal(part_of(image, (Axis(300, 1.0), Axis(200, 1.0)), 0, 0, 299, 199)[0], image)
