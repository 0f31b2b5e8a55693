"""More views for small sets and for the smaller class, one rotation grid for both; Herlev as written."""

import math
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.cells import Cell, Dataset
from data_prep.fit_views import fit_views, iterations, plan_lines
from data_prep.fold_data import sources, views_in
from data_prep.folds import make_split
from data_prep.prepare import prepare_fold, run_profile, views_plan
from data_prep.profiles import names, read_profile
from data_prep.views import Grid
from data_prep.written_counts import batch_and_epochs
from deeppap.records import Request, RunRecord
from tests.data_prep.test_profiles import same_angles
from tests.support.caffe_nets import read_datums
from tests.support.own_cells import write_manifest
from tests.support.records import run_record

DATA = {"view_plan": "balanced", "labels": (57, 415)}
MINE = run_record(DATA, profile="quick")


def views(profile, labels):
    return [labels[label] * profile.train[label].views for label in (0, 1)]


@settings(max_examples=60)
@given(st.integers(5, 3000), st.integers(5, 3000), st.sampled_from(names()), st.sampled_from(["paper", "inner"]))
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
    assert bool(plan_lines(written, fitted, config)) == (fitted.train != written.train)


def test_57_and_415_cells():
    fitted = run_profile(run_record(DATA, profile="smallest"))
    assert fitted.train == {0: Grid(5, 7), 1: Grid(5, 1)}
    assert views(fitted, MINE.dataset.labels) == [1995, 2075]
    first, why = views_plan(run_record(DATA, profile="smallest"))
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
    (first, why) = views_plan(config)
    assert f"60 normal cells x {fitted.train[0].views} (5 rotations x" in first
    assert why.startswith(f"  a small set: {iterations(fitted, config)} iterations a fold instead of 45, for profile")


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("labels", [(242, 675), (5, 9)])
def test_herlev_has_the_views_that_are_written(name, labels):
    assert run_profile(run_record({"view_plan": "unbalanced", "labels": labels}, profile=name)) == read_profile(name)


def test_counts_that_a_profile_leaves_open_are_the_prototxts():
    assert batch_and_epochs(read_profile("paper"), 2) == batch_and_epochs(read_profile("paper"), 7) == (256, 30)
    assert batch_and_epochs(read_profile("quick"), 2) == (32, 3)


def test_a_fold_is_built_with_the_views_that_were_said(tmp_path):
    data, said = write_manifest(tmp_path / "mine", normal=6, abnormal=14), []
    request = Request(data=str(data), profile="smallest")
    fold, _ = prepare_fold(request, 0, 1, None, tmp_path / "runs", said.append)
    config = RunRecord.read(fold.parent)
    assert config.dataset.labels == (6, 14) and said == views_plan(config) and len(said) == 2
    train = run_profile(config).train
    made = views(run_profile(config), config.dataset.labels)
    assert max(made) <= 1.1 * min(made)
    keys = Counter(key[9:] for key, _ in read_datums(fold / "train_lmdb"))
    assert {name: train[int(name.startswith("abnormal"))].views for name in keys} == keys


@pytest.mark.parametrize("select", ["paper", "inner"])
def test_every_fold_of_57_and_415_cells_comes_out_even(tmp_path, select):
    (tmp_path / "a.png").write_bytes(b"one image for all")
    cells = [Cell(f"{i:03d}", tmp_path / "a.png", int(i >= 57), None, (0.0, 0.0), None) for i in range(57 + 415)]
    dataset = Dataset("mine", tmp_path, tuple(cells), ("normal", "abnormal"))
    split, config = make_split(dataset, "cell", 1), run_record(DATA, profile="quick", select=select)
    for fold in range(5):
        train, _ = sources(dataset, split, fold, config, run_profile(config))
        counts = Counter(cell.label for cell in train.cells)
        assert max(views(run_profile(config), counts)) <= 1.1 * min(views(run_profile(config), counts))
        assert math.ceil(views_in(train) / 32) * 3 >= 300
