import dataclasses
import shutil
from collections import Counter

import pytest
from msgspec.structs import replace

from data_prep.dataset import open_dataset
from data_prep.fold_data import build_fold, class_labels, fold_cells, fold_key, sources, verify_fold, views_in
from data_prep.folds import make_split
from data_prep.prepare import prepare_fold
from data_prep.profiles import read_profile, run_profile
from data_prep.views import plan_view, render
from deeppap.io.errors import UserError
from deeppap.io.files import sha256_file
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


def test_labels_are_the_cells_own(built_fold, dataset):
    cells = dataset.by_id()
    for name in ("train_lmdb", "val_lmdb"):
        assert all(datum.label == cells[key[9:]].label for key, datum in read_datums(built_fold / name))


def test_validation_views_are_test_views(built_fold, dataset, config):
    profile = read_profile("smallest")
    for key, datum in read_datums(built_fold / "val_lmdb"):
        cell = dataset.by_id()[key[9:]]
        view = plan_view(cell.id, "test", profile.test, 0, config.seed)
        assert (pixels(datum) == render(read_image(cell.image), cell.centre, view).transpose(2, 0, 1)).all()


def test_same_bytes_whatever_the_order_of_the_folder(built_fold, phantom, tmp_path):
    """The files of the copy are made in the reverse order, under another path."""
    copy = tmp_path / "phantom"
    for path in sorted(phantom.rglob("*"), reverse=True):
        if path.is_file():
            (copy / path.relative_to(phantom)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy / path.relative_to(phantom))
    fold, _ = prepare_fold(Request(data=str(copy), profile="smallest"), 0, 2, None, tmp_path / "runs")
    assert FoldRecord.read(fold) == FoldRecord.read(built_fold)
    for name in ("train_lmdb/data.mdb", "val_lmdb/data.mdb", "mean.binaryproto"):
        assert sha256_file(fold / name) == sha256_file(built_fold / name)


def test_fingerprint_follows_from_everything_the_data_follows_from(dataset, config):
    split, profile = make_split(dataset, "cell", 1), read_profile("smallest")
    keys = [fold_key(split, fold, config, profile) for fold in range(5)]
    keys.append(fold_key(make_split(dataset, "cell", 2), 0, config, profile))
    for change in ({"seed": 2}, {"select": "inner"}, {"classes": 7}, {"control": "shuffle"}, {"encoding": "png"}):
        keys.append(fold_key(split, 0, replace(config, **change), profile))
    keys += [fold_key(split, 0, config, read_profile(name)) for name in ("quick", "paper")]
    assert len(set(keys)) == len(keys) == 13
    assert fold_key(split, 0, config, profile) == keys[0]


def test_a_changed_image_changes_the_fingerprint(phantom, tmp_path):
    copy = tmp_path / "phantom"
    shutil.copytree(phantom, copy)
    before = open_dataset(copy).dataset_sha()
    assert before == open_dataset(phantom).dataset_sha()
    image = next(copy.glob("*/*001.BMP"))
    data = bytearray(image.read_bytes())
    data[-1] ^= 1
    image.write_bytes(data)
    assert open_dataset(copy).dataset_sha() != before


def test_verify_refuses_another_key_mean_or_lmdb(built_fold, copy_of):
    _, fold = copy_of(built_fold)
    record = verify_fold(fold)
    assert verify_fold(fold, record.fold_sha) == record
    with pytest.raises(UserError, match="of another split"):
        verify_fold(fold, "0" * 64)
    data = fold / "val_lmdb/data.mdb"
    whole = data.read_bytes()
    for broken in (whole[:-4096], whole[:-1] + bytes([whole[-1] ^ 1])):
        data.write_bytes(broken)
        with pytest.raises(UserError, match="val_lmdb/data.mdb"):
            verify_fold(fold)
    data.write_bytes(whole)
    mean = bytearray((fold / "mean.binaryproto").read_bytes())
    mean[100_000] ^= 1  # the last bit of one value
    (fold / "mean.binaryproto").write_bytes(mean)
    with pytest.raises(UserError, match="another one"):
        verify_fold(fold)


def test_inner_selection_validates_on_training_cells(dataset, split, config):
    train, validation, test = fold_cells(dataset, split, 1, replace(config, select="inner"))
    assert [c.id for c in test] == split.folds[1]
    assert not set(validation) & set(test)
    assert set(train) | set(validation) | set(test) == set(dataset.cells)
    paper = fold_cells(dataset, split, 1, config)
    assert paper[1] == paper[2] == test


def test_seven_class_labels(dataset, config):
    assert class_labels(dataset.cells, replace(config, classes=7)) == [c.class7 for c in dataset.cells]
    bare = [dataclasses.replace(c, class7=None) for c in dataset.cells]
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
        prepare_fold(Request(data=str(phantom), profile="smallest"), fold, 1, None, tmp_path / "runs")
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
