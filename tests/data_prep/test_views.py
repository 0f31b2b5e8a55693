from collections import Counter
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.cells import Cell
from data_prep.profiles import read_profile
from data_prep.stain import STAINS, Stain, restain
from data_prep.views import MAX_SHIFT, Grid, Jitter, View, neighbourhood, plan_view, reach_at, render, shifted, spread
from deeppap.records.structs import BORDERS

NORMAL, ABNORMAL = Grid(20, 14), Grid(10, 10)


def cell(name="153958345-153958392-001", centre=(60.0, 50.0)):
    return Cell(name, None, 0, "superficial", centre, None)


def noise(rng, height=300, width=280):
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


# the plan


def plan(cell, purpose, grid, seed):
    return [plan_view(cell.id, purpose, grid, index, seed) for index in range(grid.views)]


@pytest.mark.parametrize(("grid", "step", "views"), [(NORMAL, 18, 280), (ABNORMAL, 36, 100)])
def test_every_rotation_is_combined_with_every_translation(grid, step, views):
    found = plan(cell(), "train", grid, 1)
    assert len(found) == views == grid.views
    angles = Counter(round(view.angle, 9) for view in found)
    assert angles == dict.fromkeys(range(0, 360, step), grid.translations)


def test_the_paper_profile_is_the_papers_plan():
    paper = read_profile("paper")
    assert (paper.train, paper.test) == ({0: NORMAL, 1: ABNORMAL}, ABNORMAL)
    assert (675 * paper.train[1].views, 242 * paper.train[0].views) == (67_500, 67_760)
    assert read_profile("paper", "balanced").train == {0: ABNORMAL, 1: ABNORMAL}
    assert (paper.validation_views, paper.test_views, paper.crops) == (100, 100, 10)


def test_translations_are_whole_pixels_of_the_papers_range_drawn_afresh():
    views = [view for i in range(40) for view in plan(cell(f"cell{i}"), "train", ABNORMAL, 1)]
    shifts = [shift for view in views for shift in (view.dx, view.dy)]
    assert all(type(shift) is int for shift in shifts)
    counts = Counter(shifts)
    assert set(counts) == set(range(-MAX_SHIFT, MAX_SHIFT + 1)) == set(range(-10, 11))
    assert max(counts.values()) < 1.35 * len(shifts) / 21  # uniform; 381 are expected of each, deviation 19
    one = plan(cell(), "train", ABNORMAL, 1)
    assert len({(v.dx, v.dy) for v in one}) > 80  # and not ten pairs used ten times
    assert abs(np.corrcoef([v.dx for v in views], [v.dy for v in views])[0, 1]) < 0.06


def test_a_view_depends_on_seed_cell_purpose_and_index_alone():
    expected = plan_view("a", "train", ABNORMAL, 37, 5)
    plan(cell("other"), "test", NORMAL, 9)
    np.random.default_rng().random()
    assert plan_view("a", "train", ABNORMAL, 37, 5) == expected
    elsewhere = replace(cell("a"), label=1, kind="carcinoma in situ", centre=(1.0, 1.0), group="g")
    assert plan(elsewhere, "train", ABNORMAL, 5)[37] == expected
    several = [[plan_view(*key[:2], ABNORMAL, i, key[2]) for i in range(20)] for key in
               (("a", "train", 5), ("b", "train", 5), ("a", "test", 5), ("a", "train", 6))]  # fmt: skip
    assert len({tuple((v.dx, v.dy) for v in views) for views in several}) == 4


def test_plans_stay_what_they_were():
    """The numbers of the first release: another generator or another key would change every data set."""
    expected = [View(0.0, 5, -9), View(36.0, -1, -9), View(324.0, 10, -5)]
    assert [plan_view("a", "train", ABNORMAL, i, 1) for i in (0, 11, 99)] == expected


@given(total=st.integers(1, 300), wanted=st.integers(1, 300))
def test_spread_is_distinct_and_even(total, wanted):
    found = spread(total, wanted)
    assert len(found) == min(total, wanted) == len(set(found))
    assert 0 <= min(found) <= max(found) < total
    gaps = [b - a for a, b in pairwise(found)]
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_shifted_centres_stay_within_the_limit():
    shifts = {shifted((0.0, 0.0), f"cell{i}", 5, 1) for i in range(300)}
    assert {dx for dx, _ in shifts} == {dy for _, dy in shifts} == set(range(-5, 6))
    assert shifted((60.5, 50.0), "cell0", 0, 1) == (60.5, 50.0)


# rendering


def mirrored(index, length):
    """Where an index lies in an image that is reflected at its outermost pixels, as often as it takes."""
    return np.pad(np.arange(length), 400, mode="reflect")[np.clip(index, -400, length + 399) + 400]


def reference_sample(image, x, y, border="constant"):
    """Bi-linear interpolation in float64; zeros outside, or the reflection."""
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    out = np.zeros((*x.shape, 3))
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        i, j = y0 + row, x0 + column
        weight = (1 - np.abs(y - i)) * (1 - np.abs(x - j))
        if border == "reflect":
            i, j = mirrored(i, image.shape[0]), mirrored(j, image.shape[1])
        inside = (i >= 0) & (i < image.shape[0]) & (j >= 0) & (j < image.shape[1])
        values = image[np.clip(i, 0, image.shape[0] - 1), np.clip(j, 0, image.shape[1] - 1)].astype(np.float64)
        out += (weight * inside)[..., None] * values
    return out


def reference_enlarge(patch):
    """Twice the size, bi-linear, pixel centres at halves, the border repeated (Caffe's and OpenCV's convention)."""
    at = np.clip((np.arange(256) + 0.5) / 2 - 0.5, 0, 127)
    y, x = np.meshgrid(at, at, indexing="ij")
    return reference_sample(patch, x, y)


def reference_patch(image, centre, view):
    """The first resampling alone: turn counter-clockwise about the centre, shift, cut 128 x 128 at the scale."""
    offset = np.arange(128) - 63.5
    v, u = (view.scale * at for at in np.meshgrid(offset + view.dy, offset + view.dx, indexing="ij"))
    turn = np.deg2rad(view.angle)
    # rows grow downwards: what a counter-clockwise turn brings to (u, v) was clockwise of it
    x = centre[0] + np.cos(turn) * u - np.sin(turn) * v
    y = centre[1] + np.sin(turn) * u + np.cos(turn) * v
    return reference_sample(image, x, y, view.border)


def reference(image, centre, view):
    return reference_enlarge(np.rint(reference_patch(image, centre, view)))


INTERPOLATION = 8  # grey levels: 1/32 of a pixel, in x and y, on the steepest edge of `picture`


def picture(seed, height=300, width=280):
    """As smooth as a cell's image: OpenCV rounds positions to 1/32 of a pixel, which white noise would magnify."""
    image = cv2.GaussianBlur(noise(np.random.default_rng(seed), height, width), (0, 0), 1.5)
    return cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX)


CENTRES = st.tuples(st.floats(-5, 285), st.floats(-5, 305))
VIEWS = st.builds(
    View,
    st.floats(0, 360, exclude_max=True),
    st.integers(-10, 10),
    st.integers(-10, 10),
    st.sampled_from(BORDERS),
    st.floats(0.9, 1.1),
    st.none(),
)


@settings(max_examples=60)
@given(centre=CENTRES, view=VIEWS)
def test_rendering_against_float64(centre, view):
    image = picture(1)
    difference = np.abs(render(image, centre, view) - reference(image, centre, view))
    assert difference.max() <= INTERPOLATION
    assert difference.mean() < 0.5


def test_angles_are_counter_clockwise():
    image = np.zeros((201, 201, 3), np.uint8)
    image[95:106, 150:161] = 255  # to the right of the centre
    rows, columns, _ = np.nonzero(render(image, (100.0, 100.0), View(90.0, 0, 0)))
    assert rows.mean() < 40  # comes to the top
    assert abs(columns.mean() - 127.5) < 2


@settings(max_examples=60)
@given(centre=st.tuples(st.floats(0, 499), st.floats(0, 449)), view=VIEWS)
def test_the_neighbourhood_is_all_that_a_view_needs(centre, view):
    image = picture(3, 450, 500)
    part, moved = neighbourhood(image, centre, reach_at(view.scale))
    assert part.size < image.size
    difference = np.abs(render(part, moved, view).astype(int) - render(image, centre, view))
    assert difference.max() <= INTERPOLATION
    assert difference.mean() < 0.1


@pytest.mark.parametrize("size", [(40, 230), (17, 25), (1, 60), (128, 128)])
def test_a_small_image_is_reflected_as_often_as_it_takes(size):
    image, centre = picture(4, *size), (size[1] / 2, size[0] / 2)
    for view in (View(0.0, 0, 0, "reflect"), View(36.0, 7, -9, "reflect", 1.05)):
        part, moved = neighbourhood(image, centre, reach_at(view.scale))
        found = render(part, moved, view)
        assert np.abs(found - reference(image, centre, view)).mean() < 0.5
        assert (found.any(axis=2)).mean() > 0.99


def test_jitter_is_of_its_own_view_and_changes_nothing_else():
    plain = [plan_view("a", "train", ABNORMAL, i, 1) for i in range(100)]
    both = [plan_view("a", "train", ABNORMAL, i, 1, jitter=Jitter(0.05, 0.03)) for i in range(100)]
    assert [view._replace(scale=1.0, stain=None) for view in both] == plain
    assert both[7] == plan_view("a", "train", ABNORMAL, 7, 1, jitter=Jitter(0.05, 0.03))
    scales = np.array([view.scale for view in both])
    assert 0.97 <= scales.min() < 0.975 and 1.025 < scales.max() <= 1.03
    values = np.array([[*view.stain.factors, *view.stain.shifts] for view in both]) - [1, 1, 1, 0, 0, 0]
    assert (values.min(axis=0) < -0.04).all() and (values.max(axis=0) > 0.04).all() and np.abs(values).max() <= 0.05
    assert len({*scales.tolist(), *values.ravel().tolist()}) == 700  # each drawn by itself
    other = plan_view("b", "train", ABNORMAL, 7, 1, jitter=Jitter(0.05, 0.03))
    assert other.scale != both[7].scale and other.stain != both[7].stain


def test_a_changed_stain_is_a_changed_optical_density(rng):
    image = rng.integers(1, 256, (60, 60, 3), dtype=np.uint8)
    stain = Stain((1.1, 0.9, 1.05), (0.05, -0.08, 0.02))
    density = -np.log(image[..., ::-1] / 255) @ np.linalg.inv(STAINS)
    expected = 255 * np.exp(-(density * stain.factors + stain.shifts) @ STAINS)[..., ::-1]
    assert np.abs(restain(image, stain) - np.clip(expected, 0, 255)).max() < 0.51
    assert (restain(image, Stain((1, 1, 1), (0, 0, 0))) == image).all()


def test_padding_takes_no_stain():
    image = np.full((90, 90, 3), 200, np.uint8)
    view = View(45.0, 0, 0, stain=Stain((1.2, 1.2, 1.2), (-0.2, -0.2, -0.2)))
    plain, changed = (render(image, (45, 45), one) for one in (view._replace(stain=None), view))
    assert (changed[plain.any(axis=2)].mean() > 210) and not changed[~plain.any(axis=2)].any()
    assert (~plain.any(axis=2)).mean() > 0.4
