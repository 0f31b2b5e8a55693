"""Hits, misses and false ones on cases counted by hand, and the folder that an evaluation writes."""

import json

import cv2
import numpy as np
import pytest

from deeppap.io.errors import UserError
from deeppap.io.own_files import LIST
from deeppap.screening.nuclei.evaluation import (
    FALSE,
    HIT,
    MISSED,
    draw,
    field_hashes,
    match,
    pool,
    report,
    seen_in_training,
    unseen,
    write_evaluation,
)
from deeppap.screening.nuclei.fields import Field, FieldSet, read_fields
from deeppap.screening.nuclei.nucleus import Nucleus
from deeppap.screening.nuclei.train_fcn import IMAGES, write_training_images
from tests.support.drawn_field import MPP, field_of, write_fields
from tests.support.pictures import plain


def nuclei(*places, outline=None):
    return [Nucleus(x, y, 40.0, 0.9, outline) for x, y in places]


def square(low, high):
    return np.array([(low, low), (high, low), (high, high), (low, high)], np.float32)


def counts(result):
    return len(result.pairs), len(result.missed), len(result.false)


@pytest.mark.parametrize(
    ("marks", "found", "expected"),
    [
        ([(100, 100), (200, 100)], [(110, 100), (200, 110.1)], (1, 1, 1)),  # a disc of ten pixels
        # each mark is nearest to the first detection; as many as possible are hits
        ([(100, 100), (109, 100)], [(104, 100), (115, 100)], (2, 0, 0)),
        ([(100, 100)], [(101, 100), (99, 100)], (1, 0, 1)),
        ([(100, 100), (102, 100)], [(101, 100)], (1, 1, 0)),
        ([], [(1, 1)], (0, 0, 1)),
        ([(1, 1)], [], (0, 1, 0)),
        ([], [], (0, 0, 0)),
    ],
)
def test_points_are_matched_one_to_one(marks, found, expected):
    assert counts(match(field_of("f.png", marks), nuclei(*found))) == expected
    assert counts(match(field_of("f.png", marks), nuclei(*found), radius=500))[0] == min(len(marks), len(found))


def test_outline_is_a_region_only_if_asked():
    field, found = field_of("f.png", [(135, 135)]), nuclei((110, 110), outline=square(80, 140))
    assert counts(match(field, found)) == (0, 1, 1)
    assert counts(match(field, found, regions=True)) == (1, 0, 0)


def test_mask_decides_if_there_is_one(tmp_path):
    mask = np.zeros((100, 200), np.uint8)
    cv2.circle(mask, (50, 50), 30, 255, -1)
    cv2.circle(mask, (150, 50), 8, 255, -1)
    cv2.imwrite(str(tmp_path / "f_GT.png"), mask)
    field = Field(tmp_path / "f.png", np.array([(50.0, 50.0), (150.0, 50.0)]), mask_path=tmp_path / "f_GT.png")
    # 25 pixels off, but inside; 9 pixels off, but outside; two in one nucleus
    found = match(field, nuclei((75, 50), (159, 50), (48, 50)))
    assert counts(found) == (1, 1, 2)
    assert pool([found], 0.2).radius_pixels is None


def test_scores_are_pooled_over_fields():
    labels = ("LSIL", "Negative for intraepithelial lesion")
    one = match(field_of("a.png", [(10, 10), (50, 50)], labels), nuclei((13, 14)))
    two = match(field_of("b.png", [(10, 10)], ("HSIL",)), nuclei((90, 90), (60, 60)))
    scores = pool([one, two], 0.2)
    assert (scores.fields, scores.hits, scores.missed, scores.false) == (2, 1, 2, 2)
    assert (scores.precision, scores.recall, scores.f) == (1 / 3, 1 / 3, 2 / 6)
    assert scores.error_pixels == (5.0, 5.0, 5.0)
    assert (scores.abnormal.hits, scores.abnormal.marked) == (1, 2)
    text = report([one, two], 0.2)
    for figure in ("precision 0.333, recall 0.333, F 0.333", "0.500 (1/2)", "(1.00, 1.00, 1.00 um)", "100.0 % of hits"):
        assert figure in text
    empty = pool([], 0.2)
    assert (empty.precision, empty.recall, empty.f, empty.abnormal) == (None, None, None, None)


@pytest.mark.parametrize(
    ("labels", "abnormal"), [(("", "", ""), None), (("NILM", "HSIL", ""), (1, 1)), (("", "", "HSIL"), (0, 1))]
)
def test_mark_without_a_class_is_not_abnormal(labels, abnormal):
    field = field_of("f.png", [(100, 100), (200, 100), (300, 100)], labels)
    counted = pool([match(field, nuclei((100, 100), (200, 100)))], 0.2).abnormal
    assert (counted and (counted.hits, counted.marked)) == abnormal


@pytest.fixture
def evaluated(tmp_path):
    path = tmp_path / "f.png"
    cv2.imwrite(str(path), plain((100, 200), 255))
    field = field_of(path, [(30, 50), (90, 50)])
    return [FieldSet([field], 0.2, name="set")], {"set": [match(field, nuclei((32, 50), (150, 50)))]}


def test_marks_are_drawn_in_their_places(evaluated):
    image = draw(evaluated[1]["set"][0])
    assert image[50, 42].tolist() == list(HIT)
    assert image[40, 90].tolist() == list(MISSED)
    assert image[50, 150].tolist() == list(FALSE)
    assert (image[50, 90] == 255).all()


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_folder_replaces_an_older_one(evaluated, tmp_path):
    out = tmp_path / "out"
    for _ in range(2):
        write_evaluation(out, *evaluated)
        assert files(out) == [LIST, "detections.csv", "scores.json", "set/f.png"]
    scores = json.loads((out / "scores.json").read_text())["set"]
    assert (scores["hits"], scores["radius_pixels"], scores["border_um"]) == (1, 10, 2.3)
    rows = [line.split(",") for line in (out / "detections.csv").read_text().splitlines()[1:]]
    assert [(row[2], row[5], row[6]) for row in rows] == [
        ("32.00", "hit", "2.00"),
        ("150.00", "false", ""),
        ("90.00", "missed", ""),
    ]


def test_fields_of_the_training_are_told_from_unseen_ones(tmp_path):
    fields = read_fields(write_fields(tmp_path / "drawn", 3))
    whole, weights = FieldSet(fields, MPP), tmp_path / "nucleus_fcn.caffemodel"
    assert [s.fields for s in unseen(weights, [whole])] == [fields]  # no list: nothing is known to be seen
    write_training_images(tmp_path / IMAGES, [FieldSet(fields[:2], MPP)])
    assert [s.fields for s in unseen(weights, [whole])] == [fields[2:]]
    hashes = field_hashes(fields)
    assert seen_in_training(weights, hashes).startswith("2 of 3 fields")
    with pytest.raises(UserError, match="not trained on"):
        unseen(weights, [FieldSet(fields[:2], MPP)])
