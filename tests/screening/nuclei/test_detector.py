"""The detector with its shipped weights on drawn fields: what it must find, and what it must refuse."""

import cv2
import numpy as np
import pytest

from deeppap.engines.device import Device, has_bfloat16
from deeppap.io.errors import UserError
from deeppap.io.files import sha256_file
from deeppap.screening.nuclei.detector import WEIGHTS, NucleusDetector
from deeppap.screening.nuclei.evaluation import match
from tests.support.drawn_field import CYTOPLASM, GLASS, MPP, NUCLEUS, add_dirt, draw_field, field_of


@pytest.fixture(scope="module")
def detector():
    return NucleusDetector()


def hits(nuclei, points, radius=4.0):
    """(hits, missed, false), a centre being right within a micrometre."""
    result = match(field_of("field.png", points), nuclei, radius)
    return len(result.pairs), len(result.missed), len(result.false)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_nucleus_is_found_in_colour_and_in_grey(detector, seed):
    image, points = draw_field(seed)
    for field in (image, cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)):
        assert hits(detector.detect(field, MPP), points) == (len(points), 0, 0)


def test_area_outline_and_confidence_are_in_their_units(detector):
    image = np.full((300, 300, 3), GLASS, np.uint8)
    cv2.circle(image, (150, 140), 60, CYTOPLASM, -1)
    cv2.circle(image, (150, 140), 16, NUCLEUS, -1)
    (nucleus,) = detector.detect(image, MPP)
    assert (nucleus.x, nucleus.y) == pytest.approx((150, 140), abs=0.8)  # pixels: 0.2 micrometres
    assert nucleus.area_um2 == pytest.approx(np.pi * (16 * MPP) ** 2, rel=0.15)
    assert 0 < nucleus.confidence <= 1
    assert nucleus.outline.dtype == np.float64
    assert np.linalg.norm(nucleus.outline - (150, 140), axis=1) == pytest.approx(16, abs=2.5)


@pytest.mark.parametrize("mpp", [MPP, 0.2, 0.5])
def test_an_outline_encloses_the_nucleus_and_no_less(detector, mpp):
    """QuPath shows the polygon's area beside ours, and a person's correction comes back as a polygon."""
    image, _ = draw_field(2)
    scale = MPP / mpp
    nuclei = detector.detect(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), mpp)
    assert len(nuclei) > 5
    for nucleus in nuclei:
        moments = cv2.moments(nucleus.outline[:, None].astype(np.float32))
        assert moments["m00"] * mpp**2 == pytest.approx(nucleus.area_um2, rel=0.03)
        centre = moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
        assert np.hypot(centre[0] - nucleus.x, centre[1] - nucleus.y) * mpp < 1.0  # micrometres


def test_result_does_not_depend_on_the_pixel_size(detector):
    image, points = draw_field(4)
    large = cv2.resize(image, None, fx=1.6, fy=1.6, interpolation=cv2.INTER_LINEAR)
    found = detector.detect(large, MPP / 1.6)
    places = np.array([((n.x + 0.5) / 1.6 - 0.5, (n.y + 0.5) / 1.6 - 0.5) for n in found])
    expected = np.array([(n.x, n.y) for n in detector.detect(image, MPP)])
    assert len(places) == len(expected) == len(points)
    assert detector.detect(image, MPP) == detector.detect(image.copy(), MPP)
    assert np.linalg.norm(places[:, None] - expected, axis=2).min(axis=0).max() < 4  # pixels: a micrometre


def discs(*centres):
    """A blurred grey field with dark discs on a cell."""
    image = np.full((300, 300), 240, np.uint8)
    cv2.circle(image, (150, 150), 70, 200, -1)
    for x in centres:
        cv2.circle(image, (x, 150), 14, 90, -1)
    return cv2.GaussianBlur(image, (0, 0), 1)


def test_touching_nuclei_are_two_with_an_outline_each(detector):
    found = detector.detect(discs(135, 165), MPP)
    assert hits(found, [(135, 150), (165, 150)]) == (2, 0, 0)
    assert all(30 < nucleus.area_um2 < 50 for nucleus in found)  # 38 as drawn


def test_dirt_and_folds_are_refused(detector):
    image, points = draw_field(5)
    found, missed, false = hits(detector.detect(add_dirt(image), MPP), points)
    assert (found + missed, false) == (len(points), 0)
    assert missed <= 1  # a grain may lie on a nucleus


def test_empty_image(detector):
    for value in (0, 128, 255):
        assert detector.detect(np.full((200, 300, 3), value, np.uint8), MPP) == []
    assert detector.detect(np.full((1, 1), 200, np.uint8), MPP) == []


def test_confidence_leaves_out_the_less_certain(detector):
    image, points = draw_field(8)
    assert NucleusDetector(confidence=1.0).detect(image, MPP) == []
    assert len(NucleusDetector(confidence=0.0).detect(image, MPP)) >= len(points)


@pytest.mark.parametrize(
    ("image", "mpp", "found"),
    [
        (np.zeros((9, 9), np.uint16), 0.25, "uint16 (9, 9)"),
        (np.zeros((9, 9, 4), np.uint8), 0.25, "uint8 (9, 9, 4)"),
        (np.zeros((0, 9), np.uint8), 0.25, "uint8 (0, 9)"),
        (np.zeros((9, 9), np.uint8), 0.0, "found 0."),
        (np.zeros((9, 9), np.uint8), 250.0, "found 250"),
    ],
)
def test_other_array_is_refused(detector, image, mpp, found):
    with pytest.raises(UserError, match="expected") as error:
        detector.detect(image, mpp)
    assert found in str(error.value)


def test_shipped_weights_are_those_of_their_readme():
    readme = (WEIGHTS.parent / "readme.md").read_text(encoding="utf-8")
    assert sha256_file(WEIGHTS) in readme
    assert WEIGHTS.stat().st_size < 1e6


@pytest.mark.parametrize(
    ("engine", "precision", "apart"),
    [("openvino", "float32", 1e-3), ("openvino", "bfloat16", 0.1), ("onnxruntime", "float32", 1e-3)],
)
def test_other_engines_find_the_same_nuclei(detector, engine, precision, apart):
    pytest.importorskip(engine, reason="make engines")
    if precision == "bfloat16" and not has_bfloat16():
        pytest.skip("this processor has no bfloat16")
    other = NucleusDetector(device=Device(engine=engine, precision=precision, without_gpu=True))
    image, _ = draw_field(7, (333, 410))
    expected, found = detector.detect(image, MPP), other.detect(image, MPP)
    assert len(expected) > 4
    if precision == "bfloat16":
        assert [n.confidence for n in found] != [n.confidence for n in expected]  # it was computed in another precision
    for one, same in zip(expected, found, strict=True):
        assert (same.x, same.y, same.confidence) == pytest.approx((one.x, one.y, one.confidence), abs=apart)
        assert same.area_um2 == one.area_um2
