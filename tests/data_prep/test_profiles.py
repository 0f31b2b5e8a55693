"""Profiles: no rotation tells the class, and small sets and the smaller class of a manifest get more views."""

from collections import Counter
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep import profiles
from data_prep.prepare import prepare_fold
from data_prep.profiles import batch_and_epochs, fit_views, iterations, read_profile, run_profile, view_changes
from data_prep.views import Grid, plan_view
from deeppap.cli.options import profiles as known_profiles
from deeppap.io.errors import UserError
from deeppap.records import Request, RunRecord
from tests.support.caffe_nets import read_datums
from tests.support.own_cells import write_manifest
from tests.support.records import run_record

DATA = {"view_plan": "balanced", "labels": (57, 415)}
MINE = run_record(DATA, profile="quick")


def shares(grid):
    """Share of a class's views at each rotation modulo a right angle, by the very plan that is rendered."""
    angles = [
        Fraction(plan_view("a", "train", grid, i, 1).angle).limit_denominator(1000) % 90 for i in range(grid.views)
    ]
    return {angle: Fraction(count, grid.views) for angle, count in Counter(angles).items()}


def same_angles(profile):
    return shares(profile.train[0]) == shares(profile.train[1])


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


@pytest.mark.parametrize("name", known_profiles())
def test_herlev_classes_have_about_as_many_views_each(name):
    train = read_profile(name).train
    assert 242 * train[0].views == pytest.approx(675 * train[1].views, rel=0.1)


def test_test_views_are_a_hundred_for_every_profile():
    assert {read_profile(name).test for name in known_profiles()} == {Grid(10, 10)}


def views(profile, labels):
    return [labels[label] * profile.train[label].views for label in (0, 1)]


@settings(max_examples=30)
@given(
    st.integers(5, 3000), st.integers(5, 3000), st.sampled_from(known_profiles()), st.sampled_from(["paper", "inner"])
)
def test_every_set_comes_out_even_and_long_enough(normal, abnormal, name, select):
    config = run_record({**DATA, "labels": (normal, abnormal)}, profile=name, select=select)
    written, fitted = read_profile(name, "balanced"), run_profile(config)
    large, small = max(views(fitted, config.dataset.labels)), min(views(fitted, config.dataset.labels))
    assert large <= 1.1 * small
    assert same_angles(fitted)
    assert all(fitted.train[label].rotations == written.train[label].rotations for label in (0, 1))
    assert all(fitted.train[label].translations >= written.train[label].translations for label in (0, 1))
    assert iterations(fitted, config) >= written.least_iterations
    assert replace(fitted, train=written.train) == written  # nothing else of a profile changes
    assert bool(view_changes(config)) == (fitted.train != written.train)


def test_57_and_415_cells():
    fitted = run_profile(run_record(DATA, profile="smallest"))
    assert fitted.train == {0: Grid(5, 7), 1: Grid(5, 1)}
    assert views(fitted, MINE.dataset.labels) == [1995, 2075]
    first, why = view_changes(run_record(DATA, profile="smallest"))
    assert first == (
        "training views: 57 normal cells x 35 (5 rotations x 7 translations; written: 1); "
        "415 abnormal cells x 5 (5 rotations x 1 translations; written: 1)"
    )
    assert "balance = false in profiles.toml keeps those written" in why


def test_balance_false_keeps_the_written_proportion():
    written = replace(read_profile("quick", "balanced"), balance=False, least_iterations=0)
    assert fit_views(written, MINE) == written
    longer = fit_views(replace(written, least_iterations=1000), MINE)
    assert longer.train[0] == longer.train[1] and longer.train[0].rotations == 5
    assert iterations(longer, MINE) >= 1000 > iterations(written, MINE)


def test_a_small_set_gets_the_iterations_that_its_profile_wants():
    config = run_record({**DATA, "labels": (60, 60)}, profile="quick")
    written, fitted = read_profile("quick", "balanced"), run_profile(config)
    assert iterations(written, config) == 45  # 96 training cells x 5 views in 15 batches of 32, three times
    before = {label: Grid(5, grid.translations - 1) for label, grid in fitted.train.items()}
    assert iterations(replace(fitted, train=before), config) < written.least_iterations <= iterations(fitted, config)
    (first, why) = view_changes(config)
    assert f"60 normal cells x {fitted.train[0].views} (5 rotations x" in first
    assert "3,360 training views in a fold of even size instead of 480" in why and "at least 300 iterations" in why


@pytest.mark.parametrize("name", known_profiles())
@pytest.mark.parametrize("labels", [(242, 675), (5, 9)])
def test_herlev_has_the_views_that_are_written(name, labels):
    assert run_profile(run_record({"view_plan": "unbalanced", "labels": labels}, profile=name)) == read_profile(name)


def test_counts_that_a_profile_leaves_open_are_the_prototxts():
    assert batch_and_epochs(read_profile("paper"), 2) == batch_and_epochs(read_profile("paper"), 7) == (256, 30)
    assert batch_and_epochs(read_profile("quick"), 2) == (32, 3)


def test_a_fold_is_built_with_the_views_that_were_said(tmp_path):
    data, said = write_manifest(tmp_path / "mine", normal=6, abnormal=14), []
    request = Request(data=(str(data),), profile="smallest")
    fold, _ = prepare_fold(request, 0, 1, None, tmp_path / "runs", said.append)
    config = RunRecord.read(fold.parent)
    assert config.dataset.labels == (6, 14) and said == view_changes(config) and len(said) == 2
    train = run_profile(config).train
    made = views(run_profile(config), config.dataset.labels)
    assert max(made) <= 1.1 * min(made)
    keys = Counter(key[9:] for key, _ in read_datums(fold / "train_lmdb"))
    assert {name: train[int(name.startswith("abnormal"))].views for name in keys} == keys
