"""Crops and maps of the nucleus net: seeded, aligned, and 255 where nothing is known."""

from dataclasses import replace

import numpy as np
import pytest

from deeppap.io.errors import UserError
from deeppap.screening.nuclei.detector import STRIDE
from deeppap.screening.nuclei.fcn_data import (
    CROP,
    PEAK,
    UNKNOWN,
    UNMARKED,
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
    assert pixels(images[0][1]).shape == (1, CROP, CROP)
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
            around = crop[
                max(0, STRIDE * row - 3) : STRIDE * row + 5, max(0, STRIDE * column - 3) : STRIDE * column + 5
            ]
            assert around.mean() > np.percentile(crop, 80)
    assert seen > 20


def test_bump_is_at_its_point():
    drawn_map = target(np.array([(20.5, 40.5)]), np.array([3.5]), (64, 64))
    assert np.unravel_index(drawn_map.argmax(), drawn_map.shape) == (20, 10)
    assert drawn_map.max() == PEAK
    assert drawn_map[60, 60] == 0


def test_outside_and_border_of_a_field_are_unknown(drawn):
    field = prepare(drawn.fields[0], MPP, np.ones(len(drawn.fields[0].points)))
    assert (field.unknown[0] == UNKNOWN).all()
    assert (field.unknown[:, -1] == UNKNOWN).all()
    assert not field.unknown[20:-20, 20:-20].any()


def test_rare_classes_are_chosen_more_often():
    labels = [("normal",) * 4 + ("HSIL",), ("normal",) * 5]
    sets = FieldSet([field_of(f"{i}.png", np.zeros((5, 2)), each) for i, each in enumerate(labels)], 0.25)
    first, second = rarity(sets)
    assert first.tolist() == pytest.approx([1 / 3] * 4 + [1.0])
    assert second.tolist() == pytest.approx([1 / 3] * 5)
    assert rarity(FieldSet([field_of("a.png", np.zeros((2, 2)))], 0.25))[0].tolist() == [1, 1]


def test_loose_marks_are_moved_and_unmarked_nuclei_hidden():
    image, points = draw_field(3)
    marked = points[:-1] + (4.0, -3.0)
    moved, unknown = tidy(image, MPP, marked)
    assert np.linalg.norm(moved - points[:-1], axis=1).max() < 2
    x, y = np.rint(points).astype(int).T
    assert unknown[y[-1], x[-1]] == UNMARKED
    assert not unknown[y[:-1], x[:-1]].any()
    assert unknown.shape == image.shape[:2]


def test_unmarked_regions_teach_in_most_crops_that_they_are_no_nuclei(drawn):
    field = prepare(drawn.fields[0], MPP, np.ones(len(drawn.fields[0].points)))
    field = replace(
        field, points=field.points[:0], sigmas=field.sigmas[:0], unknown=np.full_like(field.unknown, UNMARKED)
    )
    rng = np.random.default_rng(1)
    hidden = [cut([field], np.ones(1), rng)[1][32, 32] == UNKNOWN for _ in range(80)]
    assert 0.1 < np.mean(hidden) < 0.6


def test_loose_marks_far_from_any_nucleus_stay():
    image, _ = draw_field(3)
    moved, _ = tidy(image, MPP, np.array([(3.0, 4.0)]))
    assert moved[0] == pytest.approx((3, 4))


def test_sets_without_a_nucleus_are_refused(drawn):
    empty = replace(drawn, fields=[field_of("a.png", [])], name="bare")
    require_nuclei([drawn, empty])
    with pytest.raises(UserError, match="bare: expected fields with nuclei"):
        require_nuclei([empty])
