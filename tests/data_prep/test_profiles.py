"""The trap: the net can see how far a view was turned, so the rotation grid must not tell the class."""

from collections import Counter
from fractions import Fraction

import pytest

from data_prep import profiles
from data_prep.profiles import VIEW_PLANS, names, read_profile
from data_prep.views import Grid, plan_view
from deeppap.io.errors import UserError


def shares(grid):
    """Share of a class's views at each rotation modulo a right angle, by the very plan that is rendered."""
    angles = [
        Fraction(plan_view("a", "train", grid, i, 1).angle).limit_denominator(1000) % 90 for i in range(grid.views)
    ]
    return {angle: Fraction(count, grid.views) for angle, count in Counter(angles).items()}


def same_angles(profile):
    return shares(profile.train[0]) == shares(profile.train[1])


@pytest.mark.parametrize("plan", VIEW_PLANS)
@pytest.mark.parametrize("name", names())
def test_both_classes_are_turned_alike(name, plan):
    profile = read_profile(name, plan)
    assert set(shares(profile.train[0])) == set(shares(profile.train[1]))
    assert same_angles(profile)


def write(monkeypatch, tmp_path, normal, abnormal):
    text = profiles.FILE.read_text(encoding="utf-8")
    start = text.index("[smallest]")
    bad = text[start:].replace("abnormal = [3, 1], normal = [3, 3]", f"abnormal = {abnormal}, normal = {normal}", 1)
    assert bad != text[start:]
    path = tmp_path / "profiles.toml"
    path.write_text(bad, encoding="utf-8")
    monkeypatch.setattr(profiles, "FILE", path)
    return read_profile("smallest")


@pytest.mark.parametrize(
    ("normal", "abnormal", "alike"),
    [
        ([11, 1], [4, 1], False),  # the grids by which a net learnt the angle instead of the cell
        ([20, 14], [10, 10], True),  # the paper's
        ([4, 3], [1, 4], True),
        ([5, 1], [3, 1], False),
        ([8, 1], [4, 2], False),
        ([6, 1], [3, 1], True),
    ],
)
def test_grids_that_tell_the_class_are_refused(monkeypatch, tmp_path, normal, abnormal, alike):
    """Refused exactly where the rendered plans differ."""
    train = {0: Grid(*normal), 1: Grid(*abnormal)}
    assert (shares(train[0]) == shares(train[1])) is alike
    if alike:
        assert write(monkeypatch, tmp_path, normal, abnormal).train == train
    else:
        with pytest.raises(UserError, match="smallest.unbalanced: expected .* modulo 90 degrees, or the net learns"):
            write(monkeypatch, tmp_path, normal, abnormal)


@pytest.mark.parametrize("name", names())
def test_herlev_classes_have_about_as_many_views_each(name):
    train = read_profile(name).train
    assert 242 * train[0].views == pytest.approx(675 * train[1].views, rel=0.1)


def test_test_views_are_a_hundred_for_every_profile():
    assert {read_profile(name).test for name in names()} == {Grid(10, 10)}


def test_an_unknown_profile_is_refused():
    with pytest.raises(UserError, match="profile: expected one of paper, short, medium, quick, smallest"):
        read_profile("huge")


def test_an_unknown_view_plan_is_refused():
    with pytest.raises(UserError, match="expected one of unbalanced, balanced, found 'herlev'"):
        read_profile("quick", "herlev")
