"""Parts of different folds, splits, seeds and data sets are refused by their sha."""

import shutil

import pytest

from data_prep.fold_data import verify_fold
from data_prep.prepare import expected_key, prepare_fold
from deeppap.io.errors import UserError
from deeppap.records import FoldRecord, ModelRecord, Request
from deeppap.scoring.trained_model import TrainedModel
from deeppap.training.train_fold import TrainOptions, train_fold
from tests.support.caffe_nets import gaussian_weights
from tests.support.records import change, move_dataset


@pytest.fixture(scope="module")
def other_folds(tmp_path_factory, phantom):
    """Fold 1 of the same split, and fold 0 of another seed."""
    runs = tmp_path_factory.mktemp("other") / "runs"
    request = {"data": (str(phantom),), "profile": "smallest"}
    fold1, _ = prepare_fold(Request(**request), 1, 1, None, runs)
    seed2, _ = prepare_fold(Request(**request, seed=2), 0, 1, None, runs)
    return {"another fold": fold1, "another seed": seed2}


OTHERS = ["another fold", "another seed"]


def exchange(fold, other, name):
    path, source = fold / name, other / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(source, path) if source.is_dir() else shutil.copy(source, path)
    return path


@pytest.mark.parametrize(
    ("kind", "name"),
    [("another fold", "train_lmdb"), ("another seed", "val_lmdb"), *((kind, "mean.binaryproto") for kind in OTHERS)],
)
def test_a_part_of_another_fold_stops_training(untrained, other_folds, kind, name):
    _, fold = untrained
    path = exchange(fold, other_folds[kind], name)
    with pytest.raises(UserError) as caught:
        train_fold(fold, TrainOptions(None))
    assert caught.value.where.startswith(str(path))


@pytest.mark.parametrize("kind", OTHERS)
def test_a_whole_fold_of_another_run_or_number_stops_training(untrained, other_folds, kind):
    _, fold = untrained
    for name in ("train_lmdb", "val_lmdb", "mean.binaryproto", "fold.json"):
        exchange(fold, other_folds[kind], name)
    assert verify_fold(fold), "whole in itself"
    with pytest.raises(UserError) as caught:
        train_fold(fold, TrainOptions(None))
    assert caught.value.where.startswith(str(fold))


def open_with(fold, model=None):
    said = []
    return TrainedModel.open(fold, model, said.append).fold_cells()["test"], said


@pytest.fixture
def scorable(copy_of, trained_fold):
    return copy_of(trained_fold, "train_lmdb", "val_lmdb")[1]


def is_refused(fold, where, **options):
    with pytest.raises(UserError) as caught:
        open_with(fold, **options)
    assert caught.value.where == str(where)


def test_a_whole_fold_is_opened(scorable):
    cells, said = open_with(scorable)
    assert len(cells) == 8 and said == []


@pytest.mark.parametrize("kind", OTHERS)
def test_a_mean_of_another_fold(scorable, other_folds, kind):
    is_refused(scorable, exchange(scorable, other_folds[kind], "mean.binaryproto"))
    exchange(scorable, other_folds[kind], "fold.json")
    is_refused(scorable, scorable / "fold.json")


def test_a_snapshot_of_another_fold(scorable, other_folds):
    """Given on the command line, or copied into the fold together with its record."""
    other = other_folds["another fold"]
    snapshot = other / "snapshots/convnet_t_iter_9.caffemodel"
    shutil.copy(next((scorable / "snapshots").glob("*.caffemodel")), snapshot)
    is_refused(scorable, snapshot, model=snapshot)
    change(ModelRecord, scorable, fold_sha=FoldRecord.read(other).fold_sha)
    is_refused(scorable, scorable / "model.json")


def test_a_snapshot_from_nowhere_or_changed(scorable, tmp_path, net_shapes):
    path = gaussian_weights(tmp_path / "some.caffemodel", {"conv1": net_shapes["conv1"]})
    is_refused(scorable, path, model=path)
    own = next((scorable / "snapshots").glob("*.caffemodel"))
    with own.open("ab") as file:
        file.write(b"\0")
    is_refused(scorable, own)


def test_a_data_set_that_changed_or_moved(scorable, phantom, tmp_path):
    root = tmp_path / "changed"
    shutil.copytree(phantom, root)
    image = next(root.glob("severe_dysplastic/*[0-9].BMP"))
    image.write_bytes(image.read_bytes()[:-1] + b"\x01")
    move_dataset(scorable.parent, root)
    is_refused(scorable, root)
    move_dataset(scorable.parent, tmp_path / "gone/cells.csv")
    is_refused(scorable, tmp_path / "gone/cells.csv")


def test_a_folder_that_is_not_a_fold_of_its_run(scorable):
    with pytest.raises(UserError, match="fold0 to fold4"):
        expected_key(scorable.rename(scorable.parent / "copy_of_fold0"))
