"""A slide made small, in bands."""

import cv2
import numpy as np
import pytest

from deeppap.screening.nuclei.regions import background_of
from deeppap.screening.slides import overview as module
from deeppap.screening.slides.overview import find_tissue, overview
from deeppap.screening.slides.tiff_slide import TiffSlide
from tests.support.drawn_field import draw_field
from tests.support.screening import spoil_segment, write_pyramid, write_tiff


@pytest.fixture(scope="module")
def image():
    return draw_field()[0]


def test_small_image_is_unchanged(tmp_path, image):
    found = overview(TiffSlide(write_tiff(tmp_path / "field.tif", image)), 2048)[0]
    assert np.array_equal(found, image)


@pytest.mark.parametrize("band", [3000, 8_000_000])
@pytest.mark.parametrize("pyramid", [False, True])
def test_large_image_is_averaged_whatever_the_bands(tmp_path, image, monkeypatch, band, pyramid):
    monkeypatch.setattr(module, "BAND", band)
    path = tmp_path / "slide.tif"
    slide = TiffSlide(write_pyramid(path, image) if pyramid else write_tiff(path, image, tile=(64, 64)))
    found, _ = overview(slide, 100)
    assert found.shape == (75, 100, 3)
    expected = cv2.resize(image, (100, 75), interpolation=cv2.INTER_AREA)
    assert np.abs(found.astype(int) - expected).mean() < 2


@pytest.mark.parametrize("side", [2048, 100])
def test_unreadable_part_does_not_pass_for_glass(tmp_path, image, side):
    path = write_tiff(tmp_path / "slide.tif", image, tile=(128, 128), compression="deflate")
    whole, _ = overview(TiffSlide(path), side)
    spoil_segment(path, 0, 6)
    found, _ = overview(TiffSlide(path), side)
    scale = found.shape[1] / 640
    inside = found[int(130 * scale) : int(250 * scale), int(130 * scale) : int(250 * scale)]
    assert np.ptp(inside.reshape(-1, 3), axis=0).max() == 0
    assert np.abs(inside[0, 0].astype(int) - np.median(whole, axis=(0, 1))).max() <= 2
    assert np.array_equal(found[:, int(270 * scale) :], whole[:, int(270 * scale) :])
    assert abs(background_of(found) - background_of(whole)) <= 1


@pytest.mark.parametrize("page", [0, 1])
def test_unreadable_part_may_be_tissue(tmp_path, page):
    """What cannot be seen is searched: a slide must not be bare because its overview is damaged."""
    image = np.full((2560, 2560, 3), 235, np.uint8)
    image[:8, :8] = 234  # pixels of one value are refused
    path = write_pyramid(tmp_path / "slide.tif", image, compression="deflate", tile=(256, 256))
    side = 640 if page else 2560  # made from the second level, or from the first
    place = np.array([1300.0])
    for damaged in (False, True):
        if damaged:
            spoil_segment(path, page, 2 * 5 + 2 if page else 5 * 10 + 5)
        small, lost = overview(TiffSlide(path), side * 2 if page else side)
        tissue = find_tissue(small, 2560, 2560, lost)
        assert lost.any() == tissue.at(place, place)[0] == damaged
        assert tissue.mask.mean() < 0.05
