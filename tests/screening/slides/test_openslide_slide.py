"""Scanners' formats through OpenSlide, on an SVS, an SCN and an MRXS made here."""

import numpy as np
import pytest

from deeppap.io.errors import UserError
from deeppap.screening.nuclei.detector import NucleusDetector
from deeppap.screening.nuclei.regions import background_of
from deeppap.screening.open_image import open_image
from deeppap.screening.slides import openslide_slide
from deeppap.screening.slides.open_slide import open_slide
from deeppap.screening.slides.slide import Box
from tests.support.drawn_field import draw_field
from tests.support.mirax import write_mrxs
from tests.support.screening import MPP, spoil_segment, write_pyramid, write_scn

pytest.importorskip("openslide", reason="make slides")
APERIO = "Aperio Image Library v11.2.1\r\n640x480 [0,0 640x480] (128x128) JPEG/RGB Q=95|AppMag = 40|MPP = 0.2010"


@pytest.fixture(scope="module")
def image():
    return draw_field()[0]


@pytest.fixture
def svs(tmp_path, image):
    options = {"compression": "jpeg", "compressionargs": {"level": 95}, "description": APERIO}
    return write_pyramid(tmp_path / "slide.svs", image, **options)


@pytest.fixture(scope="module")
def stained():
    """Pictures by their places on a slide, on glass that is not white."""
    fields = [np.rint(draw_field(seed)[0] * (0.8, 0.92, 0.9)).astype(np.uint8) for seed in (1, 2)]
    return dict(zip(((200, 100), (1700, 900)), fields, strict=True))


@pytest.fixture(params=["leica", "mirax"])
def gapped(request, tmp_path, stained):
    """A slide of which the scanner skipped most."""
    write, ending = {"leica": (write_scn, "scn"), "mirax": (write_mrxs, "mrxs")}[request.param]
    path = write(tmp_path / f"slide.{ending}", (2600, 1700), stained, MPP)
    slide = open_slide(path)
    assert (slide.slide.properties["openslide.vendor"], slide.mpp) == (request.param, MPP)
    return path


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
def test_unscanned_area_is_bare_glass(gapped, stained, readable, monkeypatch):
    slide = open_slide(gapped)
    whole = Box(0, 0, *slide.levels[0])
    scanned = np.zeros(slide.levels[0][::-1], bool)
    for (x, y), field in stained.items():
        scanned[y : y + field.shape[0], x : x + field.shape[1]] = True
    alpha = np.asarray(slide.slide.read_region((0, 0), 0, slide.levels[0]))[..., 3]
    assert np.array_equal(alpha, 255 * scanned)
    read = type(slide.slide).read_region

    def damaged(self, place, level, size):
        if level == len(slide.levels) - 1:
            raise slide.library.OpenSlideError("damaged")
        return read(self, place, level, size)

    if not readable:
        monkeypatch.setattr(type(slide.slide), "read_region", damaged)
    found, damages = slide.read(whole)
    assert damages == [] and found.flags.c_contiguous
    fields = np.concatenate([field.reshape(-1, 3) for field in stained.values()])
    assert np.abs(found[~scanned].astype(int) - np.percentile(fields, 95, axis=0)).max() < 4
    for (x, y), field in stained.items():
        assert np.array_equal(found[y : y + field.shape[0], x : x + field.shape[1]], field)


def test_nuclei_of_a_slide_with_gaps_are_those_of_its_pictures_alone(gapped, stained):
    image, detector = open_image(str(gapped)), NucleusDetector()
    assert image.glass == pytest.approx(background_of(next(iter(stained.values()))), abs=4)
    pixels, _ = image.slide.read(Box(0, 0, *image.slide.levels[0]))
    found = [(n.x, n.y) for n in detector.detect(pixels, image.slide.mpp, image.glass)]
    alone = [n.moved(*at) for at, field in stained.items() for n in detector.detect(field, image.slide.mpp)]
    alone = np.array([(n.x, n.y) for n in alone])
    assert len(found) == len(alone) > 15
    distances = np.linalg.norm(np.array(found)[:, None] - alone, axis=2)
    assert distances.min(axis=0).max() < 3  # pixels: 0.6 micrometres
    assert image.tissue.at(*alone.T).all()
    x, y = np.array([(1300, 850), (50, 50), (1300, 300), (2500, 500), (500, 1500)]).T  # none of them was scanned
    assert not image.tissue.at(x, y).any()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5])
def test_truncated_slide_is_refused(svs, share):
    data = svs.read_bytes()
    svs.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(UserError, match="slide.svs") as caught:
        open_slide(svs)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("left_out", "origin"), [("", (200, 100)), ("openslide.bounds-width", (0, 0))])
def test_origin_is_where_scanning_began(gapped, monkeypatch, left_out, origin):
    """QuPath crops by all four bounds or by none."""
    import openslide

    facts = {name: value for name, value in openslide.OpenSlide(str(gapped)).properties.items() if name != left_out}
    monkeypatch.setattr(openslide.OpenSlide, "properties", facts)
    assert open_slide(gapped).origin == origin


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
