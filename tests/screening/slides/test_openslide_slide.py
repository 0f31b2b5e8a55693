"""Scanners' formats through OpenSlide, on an SVS made here."""

import numpy as np
import pytest

from deeppap.io.errors import UserError
from deeppap.screening.nuclei.regions import background_of
from deeppap.screening.slides import openslide_slide
from deeppap.screening.slides.open_slide import open_slide
from deeppap.screening.slides.overview import overview
from deeppap.screening.slides.slide import Box
from tests.support.drawn_field import draw_field
from tests.support.screening import spoil_segment, write_pyramid

pytest.importorskip("openslide", reason="make slides")
APERIO = "Aperio Image Library v11.2.1\r\n640x480 [0,0 640x480] (128x128) JPEG/RGB Q=95|AppMag = 40|MPP = 0.2010"


@pytest.fixture(scope="module")
def image():
    return draw_field()[0]


@pytest.fixture
def svs(tmp_path, image):
    options = {"compression": "jpeg", "compressionargs": {"level": 95}, "description": APERIO}
    return write_pyramid(tmp_path / "slide.svs", image, **options)


def test_box_equals_image(svs, image):
    slide = open_slide(svs)
    assert type(slide).__name__ == "OpenSlideSlide"
    assert (slide.levels[0], slide.colour, slide.mpp) == ((640, 480), True, 0.201)
    found, damages = slide.read(Box(100, 90, 200, 170))
    assert found.flags.c_contiguous
    assert damages == []
    assert np.abs(found.astype(int) - image[90:260, 100:300]).mean() < 3
    found, _ = slide.read(Box(40, 30, 60, 50), slide.levels.index((160, 120)))  # in the level's own pixels
    assert np.abs(found.astype(int) - image[122:322:4, 162:402:4]).mean() < 12


def test_corrupt_tile_is_reported_and_the_rest_is_read(svs, image):
    spoil_segment(svs, 0, 6)
    slide = open_slide(svs)
    found, damages = slide.read(Box(0, 0, 640, 480))
    assert [damage.box for damage in damages] == [Box(0, 0, 256, 256)]
    assert np.abs(found[:, 256:].astype(int) - image[:, 256:]).mean() < 3
    assert slide.read(Box(300, 0, 300, 200))[1] == []  # the slide is usable after an error


@pytest.mark.parametrize("readable", [True, False], ids=["", "smallest-level-damaged"])
def test_unscanned_area_is_bare_glass(svs, image, readable, monkeypatch):
    """Formats such as MRXS leave out what the scanner skipped; no file of them can be written here."""
    slide = open_slide(svs)
    read = type(slide.slide).read_region

    def half_scanned(self, place, level, size):
        if not readable and level == len(slide.levels) - 1:
            raise slide.library.OpenSlideError("damaged")
        picture = read(self, place, level, size)
        left = max(0, 320 - place[0]) // round(slide.slide.level_downsamples[level])
        picture.paste((0, 0, 0, 0), (0, 0, min(left, size[0]), size[1]))
        return picture

    monkeypatch.setattr(type(slide.slide), "read_region", half_scanned)
    found, damages = slide.read(Box(0, 0, 640, 480))
    assert damages == [] and found.flags.c_contiguous
    glass = np.percentile(image[:, 320:].reshape(-1, 3), 95, axis=0)
    assert np.abs(found[:, :320].astype(int) - glass).max() < 8
    assert np.abs(found[:, 320:].astype(int) - image[:, 320:]).mean() < 3
    seen = background_of(overview(slide, 160)[0])
    assert abs(seen - background_of(image)) < 4


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5])
def test_truncated_slide_is_refused(svs, share):
    data = svs.read_bytes()
    svs.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(UserError, match="slide.svs") as caught:
        open_slide(svs)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("more", "origin"), [({"width": "500", "height": "400"}, (96, 64)), ({}, (0, 0))])
def test_origin_is_where_scanning_began(svs, monkeypatch, more, origin):
    """Formats such as MRXS tell; no file of them can be written here. QuPath crops by all four bounds or by none."""
    import openslide

    bounds = {f"openslide.bounds-{name}": value for name, value in ({"x": "96", "y": "64"} | more).items()}
    facts = dict(openslide.OpenSlide(str(svs)).properties) | bounds
    monkeypatch.setattr(openslide.OpenSlide, "properties", facts)
    assert open_slide(svs).origin == origin


@pytest.mark.parametrize(
    ("code", "found"), [("import os; os.abort()", "status -6"), ("import time; time.sleep(9)", "1 s")]
)
def test_a_slide_that_ends_its_library_ends_a_probe(svs, monkeypatch, code, found):
    """GLib aborts where it gets no memory; no slide of a few bytes does so with every OpenSlide."""
    monkeypatch.setattr(openslide_slide, "PROBE", code)
    monkeypatch.setattr(openslide_slide, "PROBE_SECONDS", 1)
    with pytest.raises(UserError, match=found) as caught:
        open_slide(svs)
    assert str(caught.value).isprintable()
