import dataclasses
from collections import Counter

import numpy as np
import pytest
from msgspec.structs import replace

from data_prep import profiles
from data_prep.classes import LABELS, SEVEN
from data_prep.fold_data import build_fold, class_labels, fold_cells, fold_key, sources, views_in
from data_prep.folds import make_split
from data_prep.prepare import prepare_fold
from data_prep.profiles import read_profile, run_profile
from data_prep.views import NO_JITTER, Jitter, plan_view, render
from deeppap.io.errors import UserError
from deeppap.io.image_file import read_image
from deeppap.records import FoldRecord, ModelRecord, Request, RunRecord, SplitRecord
from tests.support.caffe_nets import pixels, read_datums
from tests.support.synthetic_run import model_record


@pytest.fixture(scope="module")
def config(built_fold):
    return RunRecord.read(built_fold.parent)


@pytest.fixture(scope="module")
def split(built_fold):
    return SplitRecord.read(built_fold.parent)


def test_lmdbs_hold_the_folds_cells_and_no_others(built_fold, dataset, split):
    train = Counter(key[9:] for key, _ in read_datums(built_fold / "train_lmdb"))
    validation = [key[9:] for key, _ in read_datums(built_fold / "val_lmdb")]
    assert sorted(validation) == split.folds[0]
    assert sorted([*train, *validation]) == [cell.id for cell in dataset.cells]
    assert all(train[cell.id] == (3 if cell.label else 9) for cell in dataset.cells if cell.id in train)


def test_labels_are_the_cells_own_and_validation_views_are_test_views(built_fold, dataset, config):
    cells, grid = dataset.by_id(), read_profile("smallest").test
    assert all(datum.label == cells[key[9:]].label for key, datum in read_datums(built_fold / "train_lmdb"))
    for key, datum in read_datums(built_fold / "val_lmdb"):
        cell = cells[key[9:]]
        view = plan_view(cell.id, "test", grid, 0, config.seed)
        assert datum.label == cell.label
        assert (pixels(datum) == render(read_image(cell.image), cell.centre, view).transpose(2, 0, 1)).all()


def test_fingerprint_follows_from_everything_the_data_follows_from(dataset, config):
    split, profile = make_split(dataset, "cell", 1), read_profile("smallest")
    keys = [fold_key(split, fold, config, profile) for fold in range(5)]
    keys.append(fold_key(make_split(dataset, "cell", 2), 0, config, profile))
    for change in ({"seed": 2}, {"select": "inner"}, {"classes": 7}, {"control": "shuffle"}, {"encoding": "png"}):
        keys.append(fold_key(split, 0, replace(config, **change), profile))
    keys.append(fold_key(split, 0, replace(config, border="reflect"), profile))
    for jitter in (Jitter(stain=0.05), Jitter(scale=0.05)):
        keys.append(fold_key(split, 0, config, dataclasses.replace(profile, jitter=jitter)))
    keys += [fold_key(split, 0, config, read_profile(name)) for name in ("quick", "short-jitter", "paper")]
    assert len(set(keys)) == len(keys) == 17
    assert fold_key(split, 0, config, profile) == keys[0]


def test_border_and_jitter_are_recorded_and_validation_views_have_no_jitter(phantom, dataset, tmp_path, monkeypatch):
    toml = profiles.FILE.read_text().partition("[smallest]")
    (tmp_path / "profiles.toml").write_text(f"[smallest]\nstain_jitter = 0.1\nscale_jitter = 0.08{toml[2]}")
    monkeypatch.setattr(profiles, "FILE", tmp_path / "profiles.toml")
    request = Request(data=(str(phantom),), profile="smallest", border="reflect")
    one, other = (prepare_fold(request, 0, workers, None, tmp_path / str(workers))[0] for workers in (1, 3))
    run, profile = RunRecord.read(one.parent), read_profile("smallest")
    assert (run.border, run.stain_jitter, run.scale_jitter) == ("reflect", *profile.jitter) == ("reflect", 0.1, 0.08)
    assert "reflect" in one.parent.name
    for name, jitter in (("train_lmdb", profile.jitter), ("val_lmdb", NO_JITTER)):
        assert (one / name / "data.mdb").read_bytes() == (other / name / "data.mdb").read_bytes()
        for key, datum in read_datums(one / name)[:12]:
            cell = dataset.by_id()[key[9:]]
            purpose, grid = ("test", profile.test) if jitter == NO_JITTER else ("train", profile.grid_of(cell))
            views = [plan_view(cell.id, purpose, grid, i, 1, "reflect", jitter) for i in range(grid.views)]
            image, found = read_image(cell.image), pixels(datum).astype(int)
            # cut from a part of the image: the centre's last digit differs, and OpenCV rounds it to 1/32 of a pixel
            assert min(np.abs(render(image, cell.centre, v).transpose(2, 0, 1) - found).mean() for v in views) < 0.1


def test_inner_selection_validates_on_training_cells(dataset, split, config):
    train, validation, test = fold_cells(dataset, split, 1, replace(config, select="inner"))
    assert [c.id for c in test] == split.folds[1]
    assert not set(validation) & set(test)
    assert set(train) | set(validation) | set(test) == set(dataset.cells)
    paper = fold_cells(dataset, split, 1, config)
    assert paper[1] == paper[2] == test


def test_seven_class_labels(dataset, config):
    assert class_labels(dataset.cells, replace(config, classes=7)) == [
        [one.name for one in SEVEN].index(c.kind) for c in dataset.cells
    ]
    bare = [dataclasses.replace(c, kind=LABELS[c.label]) for c in dataset.cells]
    with pytest.raises(UserError, match="classes"):
        class_labels(bare, replace(config, classes=7))


def test_the_control_deals_out_training_labels_and_leaves_validation_labels(dataset, split, config):
    train, validation = sources(dataset, split, 0, replace(config, control="shuffle"), read_profile("smallest"))
    true = [c.label for c in train.cells]
    assert train.labels != true
    assert sorted(train.labels) == sorted(true)
    assert validation.labels == [c.label for c in validation.cells]
    # views follow the cell's own class: a dealt label changes nothing but the label
    assert views_in(train) == sum(3 if label else 9 for label in true)


@pytest.mark.parametrize("fold", [-1, 5])
def test_a_fold_that_is_none_leaves_no_run_behind(phantom, tmp_path, fold):
    """Its frozen cells would refuse the same command once a line of the manifest is mended."""
    with pytest.raises(UserError, match="fold: expected 0 to 4"):
        prepare_fold(Request(data=(str(phantom),), profile="smallest"), fold, 1, None, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("kept", [FoldRecord.FILE, ModelRecord.FILE])
def test_other_data_do_not_take_the_place_of_a_trained_folds(built_fold, copy_of, dataset, split, config, kept):
    """Its LMDBs were given back, and profiles.toml asks for other views now: its mean image must stay."""
    _, fold = copy_of(built_fold, "train_lmdb", "val_lmdb")
    mean, key = (fold / "mean.binaryproto").read_bytes(), FoldRecord.read(fold).fold_sha
    if kept == ModelRecord.FILE:
        model_record(fold_sha=key).write(fold)
        (fold / FoldRecord.FILE).unlink()
    other = dataclasses.replace(run_profile(config), validation_views=2)
    with pytest.raises(UserError, match="of another split, fold, seed or profile"):
        build_fold(fold, dataset, split, 0, config, other, 1)
    assert (fold / "mean.binaryproto").read_bytes() == mean
