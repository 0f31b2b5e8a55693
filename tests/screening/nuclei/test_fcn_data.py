"""Crops and maps of the nucleus net: seeded, aligned, 255 where nothing is known; a map's maxima are its nuclei."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from skimage.feature import peak_local_max
from skimage.morphology import reconstruction

from deeppap.io.caffe_messages import read_prototxt
from deeppap.io.errors import UserError
from deeppap.screening.nuclei.detector import APART, SMOOTH, STRIDE, VALLEY, NucleusDetector, maxima
from deeppap.screening.nuclei.fcn_data import (
    BETWEEN,
    CROP,
    PEAK,
    SIGMA,
    TRAINED_MPP,
    UNKNOWN,
    WIDE,
    cut,
    prepare,
    rarity,
    require_nuclei,
    target,
    tidy,
    write_crops,
)
from deeppap.screening.nuclei.fields import FieldSet, read_fields
from tests.support.caffe_nets import pixels, read_datums
from tests.support.checkout import ROOT
from tests.support.drawn_field import MPP, draw_field, field_of, write_fields


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return FieldSet(read_fields(write_fields(tmp_path_factory.mktemp("fields"), 3)), MPP)


def test_same_seed_same_crops_another_seed_others(tmp_path, drawn):
    parts = {}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_crops(tmp_path / name, "train", [drawn], 12, seed)
        parts[name] = [read_datums(tmp_path / name / f"train_{part}_lmdb") for part in ("image", "target")]
    assert parts["a"] == parts["b"]
    assert parts["a"] != parts["c"]
    images, targets = parts["a"]
    assert [key for key, _ in images] == [key for key, _ in targets] == [f"{i:08d}" for i in range(12)]
    assert pixels(images[0][1]).shape == (3, CROP, CROP)
    assert pixels(targets[0][1]).shape == (1, CROP // STRIDE, CROP // STRIDE)


def test_map_is_aligned_with_its_crop(drawn):
    """Whatever the turn, mirror and size: a bump's top lies on a dark nucleus."""
    fields = [prepare(f, MPP, np.ones(len(f.points))) for f in drawn.fields]
    rng, seen = np.random.default_rng(1), 0
    for _ in range(40):
        crop, wanted = cut(fields, np.full(3, 1 / 3), rng)
        known = np.where(wanted == UNKNOWN, 0, wanted)
        row, column = np.unravel_index(known.argmax(), known.shape)
        if known[row, column] > 0.9 * PEAK:
            seen += 1
            crop = crop.min(axis=2)
            around = crop[
                max(0, STRIDE * row - 3) : STRIDE * row + 5, max(0, STRIDE * column - 3) : STRIDE * column + 5
            ]
            assert around.mean() > np.percentile(crop, 80)
    assert seen > 20


def test_a_bump_is_wide_on_a_large_nucleus_and_leaves_a_valley_to_a_near_one(tmp_path):
    image = np.full((300, 500), 230, np.uint8)
    for x, radius in ((100, 24), (200, 10), (300, 24), (330, 24)):
        cv2.circle(image, (x, 150), radius, 90, -1)
    cv2.imwrite(str(tmp_path / "field.png"), image)
    field = field_of(tmp_path / "field.png", [(100, 150), (200, 150), (300, 150), (330, 150)])
    large, small, *touching = (prepare(field, MPP, np.ones(4)).sigmas * TRAINED_MPP).tolist()  # micrometres
    assert large == pytest.approx(WIDE * 24 * MPP, rel=0.2)
    assert small == SIGMA
    assert touching == pytest.approx([BETWEEN * 30 * MPP] * 2, rel=0.05)


def test_rare_classes_are_chosen_more_often():
    labels = [("normal",) * 4 + ("HSIL",), ("normal",) * 5]
    sets = FieldSet([field_of(f"{i}.png", np.zeros((5, 2)), each) for i, each in enumerate(labels)], 0.25)
    first, second = rarity(sets)
    assert first.tolist() == pytest.approx([1 / 3] * 4 + [1.0])
    assert second.tolist() == pytest.approx([1 / 3] * 5)
    assert rarity(FieldSet([field_of("a.png", np.zeros((2, 2)))], 0.25))[0].tolist() == [1, 1]


@pytest.fixture(scope="module")
def teacher():
    return NucleusDetector()


def test_loose_marks_are_moved_and_unmarked_nuclei_hidden(teacher):
    image, points = draw_field(3)
    marked = points[:-1] + (4.0, -3.0)
    moved, radii, unknown = tidy(image, MPP, marked, teacher)
    assert np.linalg.norm(moved - points[:-1], axis=1).max() < 2
    assert ((radii > 2) & (radii < 6)).all()
    x, y = np.rint(points).astype(int).T
    assert unknown[y[-1], x[-1]] == UNKNOWN
    assert not unknown[y[:-1], x[:-1]].any()
    assert unknown.shape == image.shape[:2]
    # what the teacher does not find teaches that it is no nucleus
    assert 0 < np.mean(unknown > 0) < 0.01


def test_only_incomplete_marks_are_tidied(tmp_path, drawn):
    fields = [replace(f, points=f.points[:3]) for f in drawn.fields]
    for name, incomplete in (("whole", False), ("part", True)):
        write_crops(tmp_path / name, "train", [replace(drawn, fields=fields, incomplete=incomplete)], 6, 1)
    whole, part = (read_datums(tmp_path / name / "train_target_lmdb") for name in ("whole", "part"))
    hidden = [sum((pixels(datum) == UNKNOWN).sum() for _, datum in found) for found in (whole, part)]
    assert hidden[0] < hidden[1]


def test_sets_without_a_nucleus_are_refused(drawn):
    empty = replace(drawn, fields=[field_of("a.png", [])], name="bare")
    require_nuclei([drawn, empty])
    with pytest.raises(UserError, match="bare: expected fields with nuclei"):
        require_nuclei([empty])


FOLDER = ROOT / "prototxt/nucleus_fcn"


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


@pytest.mark.parametrize(
    ("places", "least", "count"),
    [
        ([(20, 30, 1.75, 0.8), (26, 30, 1.75, 0.7)], 0.2, 2),  # a valley between them
        ([(40, 30, 4, 0.5), (44, 30, 4, 0.52)], 0.2, 1),  # a ripple
        ([(20, 30, 1.75, 0.3)], 0.4, 0),
        ([], 0.1, 0),
    ],
)
def test_one_maximum_a_nucleus(places, least, count):
    found, heights = maxima(bumps(*places), least)
    assert (found.shape, heights.shape) == ((count, 2), (count,))


@pytest.mark.parametrize("least", [0.05, 0.4])
def test_maxima_are_those_of_the_definition(least):
    """It is computed only where maxima share a hill; here, for the whole map."""
    noise = np.random.default_rng(2).random((200, 240), np.float32)
    prob = np.clip(8 * (cv2.GaussianBlur(noise, (0, 0), 3) - 0.47), 0, 1)  # hills with several tops, and bare ground
    smoothed = cv2.GaussianBlur(prob, (0, 0), SMOOTH)
    standing = reconstruction(VALLEY * smoothed, smoothed) <= VALLEY * smoothed
    tops = peak_local_max(smoothed, min_distance=APART, threshold_abs=least, exclude_border=False)
    expected = tops[standing[tuple(tops.T)]]
    assert 20 < len(expected) < len(tops)
    places, heights = maxima(prob, least)
    assert heights.tolist() == sorted(smoothed[tuple(expected.T)].tolist(), reverse=True)
    rounded = np.rint((places - (STRIDE - 1) / 2) / STRIDE).astype(int)[:, ::-1]
    assert sorted(map(tuple, rounded.tolist())) == sorted(map(tuple, expected.tolist()))


def test_target_map_is_read_back_as_its_points():
    points = np.array([(30.0, 40.0), (90.6, 71.3)])
    drawn = target(points, np.array([3.5, 5.0]), (64, 64))
    found, heights = maxima(drawn.astype(np.float32) / 201, 0.3)
    assert found[np.argsort(found[:, 0])] == pytest.approx(points, abs=0.3)
    assert (heights > 0.8).all()


def test_deploy_equals_train_val_without_what_only_training_needs():
    nets = [read_prototxt(FOLDER / f"{name}.prototxt", "NetParameter") for name in ("train_val", "deploy")]
    for net in nets:
        for layer in net.layer:
            layer.ClearField("param")
            layer.convolution_param.ClearField("weight_filler")
            layer.convolution_param.ClearField("bias_filler")
    train, deploy = (
        [layer for layer in net.layer if layer.name not in ("data", "target", "loss", "prob")] for net in nets
    )
    assert train == deploy
