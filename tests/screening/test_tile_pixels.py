"""Resampling on one lattice: a pixel is the same whatever part of the image it is computed from."""

import cv2
import numpy as np
import pytest

from data_prep import pixel_size
from data_prep.views import neighbourhood
from deeppap.screening.slides.open_slide import open_slide
from deeppap.screening.slides.slide import Box
from deeppap.screening.tile_pixels import ALIGN, Axis, TilePixels, _whole, resample


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


@pytest.mark.parametrize("factor", [1.2289, 2, 0.5, 0.7463, 0.25])
def test_the_whole_image_is_as_a_net_learns_from_it(rng, factor):
    """Enlarged linearly instead of by a cubic, cells of a field had other scores than in training and `validate`."""
    image = cv2.GaussianBlur(rng.integers(0, 256, (401, 603, 3), np.uint8), (0, 0), 1)
    axes = [Axis(side, scale) for side, scale in zip(image.shape, _whole(image.shape[:2], 1 / factor), strict=False)]
    found, _ = part_of(image, axes, 0, 0, 400, 602)
    expected = pixel_size.resample(image, factor)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("mpp", [0.247, 0.15])
def test_a_view_sees_what_other_tools_show_it(rng, tmp_path, mpp):
    """The same part of the same resampled image, and the same centre in it, whatever the tile."""
    image = cv2.GaussianBlur(rng.integers(0, 256, (701, 903, 3), np.uint8), (0, 0), 1)
    cv2.imwrite(str(tmp_path / "a.png"), image)
    whole = pixel_size.resample(image, mpp / 0.201)
    slide = open_slide(tmp_path / "a.png")
    for x, y in [(12.3, 5.0), (450.25, 333.75), (890.0, 690.5)]:
        tile = Box(int(x) // 300 * 300, int(y) // 300 * 300, 300, 300)
        found, at = TilePixels(slide, tile, mpp, 0.201).neighbourhood(x, y)
        expected, centre = neighbourhood(whole, pixel_size.moved((x, y), image.shape, whole.shape))
        assert at == pytest.approx(centre, abs=1e-6)
        assert found.shape == expected.shape
        assert np.abs(found.astype(int) - expected).max() <= 1


def test_same_pixel_size_changes_nothing(rng):
    image = rng.integers(0, 256, (300, 200), np.uint8)
    assert np.array_equal(part_of(image, (Axis(300, 1.0), Axis(200, 1.0)), 0, 0, 299, 199)[0], image)
