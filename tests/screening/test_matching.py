"""Hits, misses and false ones: the protocol on cases counted by hand."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from deeppap.screening.nuclei.detection_scores import pool, report
from deeppap.screening.nuclei.evaluation_folder import FALSE, HIT, MISSED, draw
from deeppap.screening.nuclei.fields import Field
from deeppap.screening.nuclei.matching import assign, match
from deeppap.screening.nuclei.nucleus import Nucleus
from tests.support.drawn_field import field_of


def nuclei(*places, outline=None):
    return [Nucleus(x, y, 40.0, 0.9, outline) for x, y in places]


def counts(result):
    return len(result.pairs), len(result.missed), len(result.false)


def test_a_disc_of_ten_pixels():
    marks = [(100, 100), (200, 100)]
    assert counts(match(field_of("f.png", marks), nuclei((110, 100), (200, 110.1)))) == (1, 1, 1)
    assert counts(match(field_of("f.png", marks), nuclei((110, 100), (200, 110.1)), radius=11)) == (2, 0, 0)


def test_one_to_one_even_where_the_nearest_is_not_enough():
    # each mark is nearest to the first detection; as many as possible are hits
    result = match(field_of("f.png", [(100, 100), (109, 100)]), nuclei((104, 100), (115, 100)))
    assert counts(result) == (2, 0, 0)
    assert counts(match(field_of("f.png", [(100, 100)]), nuclei((101, 100), (99, 100)))) == (1, 0, 1)
    assert counts(match(field_of("f.png", [(100, 100), (102, 100)]), nuclei((101, 100)))) == (1, 1, 0)


def test_nothing_on_either_side():
    assert counts(match(field_of("f.png", []), nuclei((1, 1)))) == (0, 0, 1)
    assert counts(match(field_of("f.png", [(1, 1)]), [])) == (0, 1, 0)
    assert assign(np.empty((0, 3)), np.empty((0, 3), bool)).shape == (0, 2)


def test_an_outline_is_a_region_only_where_asked():
    square = np.array([(80, 80), (140, 80), (140, 140), (80, 140)], np.float32)
    field, found = field_of("f.png", [(135, 135)]), nuclei((110, 110), outline=square)
    assert counts(match(field, found)) == (0, 1, 1)
    assert counts(match(field, found, regions=True)) == (1, 0, 0)


def test_the_line_of_regions_keeps_to_the_radius_that_was_asked_for():
    square = np.array([(95, 95), (105, 95), (105, 105), (95, 105)], np.float32)
    field, found = field_of("f.png", [(115, 100)]), nuclei((100, 100), outline=square)
    text = report([match(field, found, radius=20)], 0.2)
    assert "a mark inside an outline as a hit too: precision 1.000, recall 1.000, F 1.000" in text


def test_a_mask_decides_where_there_is_one(tmp_path):
    mask = np.zeros((100, 200), np.uint8)
    cv2.circle(mask, (50, 50), 30, 255, -1)
    cv2.circle(mask, (150, 50), 8, 255, -1)
    cv2.imwrite(str(tmp_path / "f_GT.png"), mask)
    field = Field(tmp_path / "f.png", np.array([(50.0, 50.0), (150.0, 50.0)]), mask_path=tmp_path / "f_GT.png")
    # 25 pixels off, but inside; 9 pixels off, but outside; two in one nucleus
    assert counts(match(field, nuclei((75, 50), (159, 50), (48, 50)))) == (1, 1, 2)


def test_counts_are_pooled_and_classes_told_apart():
    one = match(
        field_of("a.png", [(10, 10), (50, 50)], ("LSIL", "Negative for intraepithelial lesion")), nuclei((13, 14))
    )
    two = match(field_of("b.png", [(10, 10)], ("HSIL",)), nuclei((90, 90), (60, 60)))
    scores = pool([one, two])
    assert (scores.fields, scores.hits, scores.missed, scores.false) == (2, 1, 2, 2)
    assert (scores.precision, scores.recall, scores.f) == (1 / 3, 1 / 3, 2 / 6)
    assert scores.errors.tolist() == [5.0]
    assert scores.abnormal == (1, 2)
    text = report([one, two], 0.2)
    assert "precision 0.333, recall 0.333, F 0.333" in text
    assert "recall of abnormal cells 0.500 (1/2)" in text
    assert "centres off by 5.0 pixels on average, 5.0 median, 5.0 at 95 % (1.00, 1.00, 1.00 um)" in text
    assert "100.0 % of hits within the 10 pixels of 0.201 um" in text


def test_no_field_has_no_figures():
    scores = pool([])
    assert np.isnan([scores.precision, scores.recall, scores.f]).all()
    assert scores.abnormal is None


def test_hits_misses_and_false_ones_are_drawn_in_their_place(tmp_path):
    path = tmp_path / "f.png"
    cv2.imwrite(str(path), np.full((100, 200), 255, np.uint8))
    image = draw(match(field_of(path, [(30, 50), (90, 50)]), nuclei((32, 50), (150, 50))))
    assert image[50, 42].tolist() == list(HIT)
    assert image[40, 90].tolist() == list(MISSED)
    assert image[50, 150].tolist() == list(FALSE)
    assert (image[50, 90] == 255).all()


@pytest.mark.parametrize("seed", range(3))
def test_no_nucleus_is_used_twice(seed):
    rng = np.random.default_rng(seed)
    result = match(field_of("f.png", rng.uniform(0, 60, (30, 2))), nuclei(*rng.uniform(0, 60, (40, 2))))
    assert len(np.unique(result.pairs[:, 0])) == len(np.unique(result.pairs[:, 1])) == len(result.pairs)
    assert (result.errors <= 10).all()
    assert sum(counts(result)[:2]) == 30


def test_a_mark_without_a_class_is_not_an_abnormal_one():
    marks, found = [(100, 100), (200, 100), (300, 100)], nuclei((100, 100), (200, 100))
    for labels, abnormal in ((("", "", ""), None), (("NILM", "HSIL", ""), (1, 1)), (("", "", "HSIL"), (0, 1))):
        field = replace(field_of("f.png", marks), labels=labels)
        assert pool([match(field, found)]).abnormal == abnormal
