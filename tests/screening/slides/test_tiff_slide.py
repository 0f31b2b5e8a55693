"""TIFF in all its layouts: read as a whole image is, what is lost is named, and the pixel size that it states."""

import gc
import weakref

import numpy as np
import pytest

from deeppap.screening.slides.slide import Box
from deeppap.screening.slides.tiff_slide import TiffSlide
from tests.support.drawn_field import draw_field
from tests.support.screening import MPP, spoil_segment, write_pyramid, write_tiff

BOXES = [Box(0, 0, 640, 480), Box(100, 90, 200, 170), Box(639, 479, 1, 1), Box(0, 470, 640, 10)]


@pytest.fixture(scope="module")
def image():
    return draw_field()[0]


@pytest.mark.parametrize("options", [{"rowsperstrip": 7}, {"tile": (128, 64), "compression": "deflate"}], ids=str)
@pytest.mark.parametrize("grey", [False, True])
def test_box_equals_image(tmp_path, image, options, grey):
    pixels = image[..., 1] if grey else image
    slide = TiffSlide(write_tiff(tmp_path / "field.tif", pixels, **options))
    assert (slide.levels, slide.colour) == ([(640, 480)], not grey)
    assert slide.mpp == pytest.approx(MPP, rel=1e-4)
    for box in BOXES:
        found, damages = slide.read(box)
        assert np.array_equal(found, pixels[box.y : box.bottom, box.x : box.right])
        assert damages == []


def test_cache_is_freed_with_its_slide(tmp_path, image):
    slide = TiffSlide(write_tiff(tmp_path / "field.tif", image, tile=(64, 64)))
    slide.read(BOXES[0])
    kept = weakref.ref(slide)
    gc.disable()
    try:
        del slide
        assert kept() is None  # without waiting for a collection of cycles
    finally:
        gc.enable()


def test_levels_of_a_pyramid_without_its_label(tmp_path, image):
    path = write_pyramid(tmp_path / "slide.tif", image)
    write_tiff(path, image[:200, :100], append=True, subfiletype=1)  # the label beside it
    slide = TiffSlide(path)
    assert slide.levels == [(640, 480), (320, 240), (160, 120)]
    assert np.abs(slide.read(Box(0, 0, 160, 120), 2)[0].astype(int) - image[2::4, 2::4]).mean() < 12


@pytest.mark.parametrize("compression", ["jpeg", "deflate", "jpeg2000"])
def test_corrupt_tile_is_reported_and_the_rest_is_read(tmp_path, image, compression):
    path = write_tiff(tmp_path / "slide.tif", image, tile=(128, 128), compression=compression)
    whole, damages = TiffSlide(path).read(BOXES[0])
    assert damages == []
    spoil_segment(path, 0, 6)  # second row, second column
    slide = TiffSlide(path)
    found, damages = slide.read(BOXES[0])
    assert [damage.box for damage in damages] == [Box(128, 128, 128, 128)]
    assert damages[0].reason and "\n" not in damages[0].reason
    assert (found[128:256, 128:256] == 255).all()
    found[128:256, 128:256] = whole[128:256, 128:256]
    assert np.array_equal(found, whole)
    assert slide.read(Box(256, 0, 100, 100))[1] == []
    assert slide.read(Box(0, 127, 129, 2))[1] == damages


@pytest.mark.parametrize("grey", [False, True])
def test_tile_of_a_sparse_file_is_bare_glass(tmp_path, image, grey):
    """Scanners leave tiles out where they took no picture: a cell beside one is a cell."""
    import tifffile

    pixels = image[..., 1] if grey else image
    path = write_tiff(tmp_path / "sparse.tif", pixels, tile=(128, 128))
    with tifffile.TiffFile(path, mode="r+") as file:
        tags = file.pages[0].tags
        for tag in (tags["TileOffsets"], tags["TileByteCounts"]):
            tag.overwrite([0, *tag.value[1:]])
    found, damages = TiffSlide(path).read(BOXES[0])
    assert damages == []
    rest = np.concatenate([part.reshape(-1, *pixels.shape[2:]) for part in (pixels[:128, 128:], pixels[128:])])
    assert np.abs(found[:128, :128].astype(int) - np.percentile(rest, 95, axis=0)).max() <= 2
    assert np.array_equal(found[:, 128:], pixels[:, 128:])
