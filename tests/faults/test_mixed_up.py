"""Parts of different folds, splits, seeds and data sets: refused by fingerprint; --force says what it overrides."""

import json
import shutil

import pytest

from data_prep.fold_data import verify_fold
from data_prep.prepare import expected_key, prepare_fold
from deeppap.io.errors import UserError
from deeppap.records import FoldRecord, ModelRecord, Request
from deeppap.scoring.evaluate_fold import held_out_cells
from deeppap.scoring.refusal import Refusal
from deeppap.scoring.trained_model import TrainedModel
from deeppap.training.train_fold import TrainOptions, train_fold
from tests.support.caffe_nets import gaussian_weights
from tests.support.records import change, move_dataset


@pytest.fixture(scope="module")
def other_folds(tmp_path_factory, phantom):
    """Fold 1 of the same split, and fold 0 of another seed."""
    runs = tmp_path_factory.mktemp("other") / "runs"
    request = {"data": str(phantom), "profile": "smallest"}
    fold1, _ = prepare_fold(Request(**request), 1, 1, None, runs)
    seed2, _ = prepare_fold(Request(**request, seed=2), 0, 1, None, runs)
    return {"another fold": fold1, "another seed": seed2}


OTHERS = ["another fold", "another seed"]


def exchange(fold, other, name):
    path, source = fold / name, other / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(source, path) if source.is_dir() else shutil.copy(source, path)
    return path


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("name", ["train_lmdb", "val_lmdb", "mean.binaryproto"])
def test_a_part_of_another_fold_stops_training(untrained, other_folds, kind, name):
    _, fold = untrained
    path = exchange(fold, other_folds[kind], name)
    with pytest.raises(UserError) as caught:
        train_fold(fold, TrainOptions(None))
    assert caught.value.where.startswith(str(path))
    assert "build the fold again" in str(caught.value)


@pytest.mark.parametrize("kind", OTHERS)
def test_a_whole_fold_of_another_run_or_number_stops_training(untrained, other_folds, kind):
    _, fold = untrained
    for name in ("train_lmdb", "val_lmdb", "mean.binaryproto", "fold.json"):
        exchange(fold, other_folds[kind], name)
    assert verify_fold(fold), "whole in itself"
    with pytest.raises(UserError, match="of another split, fold, seed or profile"):
        train_fold(fold, TrainOptions(None))


def open_with(fold, model=None, force=False):
    said = []
    opened = TrainedModel.open(fold, model, force, said.append)
    return held_out_cells(opened, Refusal(force, said.append)), said


@pytest.fixture
def scorable(copy_of, trained_fold):
    return copy_of(trained_fold, "train_lmdb", "val_lmdb")[1]


def refuses(fold, where, words, **options):
    with pytest.raises(UserError, match="force") as caught:
        open_with(fold, **options)
    assert caught.value.where == str(where) and words in str(caught.value), caught.value
    opened, said = open_with(fold, force=True, **options)
    assert any(line.startswith(f"overridden: {where}: expected") for line in said), said
    return opened


def test_whole_folds_are_opened(scorable):
    cells, said = open_with(scorable)
    assert len(cells) == 8 and said == []


@pytest.mark.parametrize("kind", OTHERS)
def test_a_mean_of_another_fold(scorable, other_folds, kind):
    path = exchange(scorable, other_folds[kind], "mean.binaryproto")
    refuses(scorable, path, "another one")


def test_a_model_of_another_fold(scorable, other_folds, net_shapes):
    """Given by --model, or copied into the fold together with its record."""
    snapshots = other_folds["another fold"] / "snapshots"
    model = snapshots / "convnet_t_iter_9.caffemodel"
    shutil.copy(next((scorable / "snapshots").glob("*.caffemodel")), model)
    refuses(scorable, model, "one of another fold, split or seed", model=model)
    change(ModelRecord, scorable, fold_sha=FoldRecord.read(other_folds["another fold"]).fold_sha)
    refuses(scorable, scorable / "model.json", "one of another fold, split or seed")


def test_a_model_from_nowhere(scorable, tmp_path, net_shapes):
    path = gaussian_weights(tmp_path / "some.caffemodel", {"conv1": net_shapes["conv1"]})
    refuses(scorable, path, "one of unknown origin", model=path)


def test_a_changed_model(scorable):
    path = next((scorable / "snapshots").glob("*.caffemodel"))
    with path.open("ab") as file:
        file.write(b"\0")
    refuses(scorable, path, "none, or a changed one")


@pytest.mark.parametrize("kind", OTHERS)
def test_the_record_of_another_fold(scorable, other_folds, kind):
    for name in ("fold.json", "mean.binaryproto"):
        path = exchange(scorable, other_folds[kind], name)
    with pytest.raises(UserError, match="fold.json: expected .*force"):
        open_with(scorable)
    assert path.exists()


def test_a_data_set_that_changed(scorable, phantom, tmp_path):
    root = tmp_path / "changed"
    shutil.copytree(phantom, root)
    image = next(root.glob("severe_dysplastic/*[0-9].BMP"))
    image.write_bytes(image.read_bytes()[:-1] + b"\x01")
    move_dataset(scorable.parent, root)
    refuses(scorable, root, "another, or a changed one")


def test_a_data_set_that_has_moved_is_named_with_what_to_do(scorable, tmp_path):
    move_dataset(scorable.parent, tmp_path / "gone/cells.csv")
    with pytest.raises(UserError, match="gone/cells.csv: expected the data set this run was built from, found no such"):
        open_with(scorable)


def test_a_split_that_somebody_edited(scorable):
    path = scorable.parent / "split.json"
    split = json.loads(path.read_text())
    folds = split["folds"]
    folds[0][0], folds[1][0] = folds[1][0], folds[0][0]
    path.write_text(json.dumps(split))
    with pytest.raises(UserError, match=r"split\.json"):
        open_with(scorable)


def test_another_configuration_in_an_existing_run(built_fold, phantom):
    with pytest.raises(UserError, match="expected seed 1, found seed 7. Give another `run`"):
        request = Request(data=str(phantom), profile="smallest", seed=7)
        prepare_fold(request, 0, 1, built_fold.parent.name, built_fold.parent.parent)


def test_a_fold_outside_a_run_has_no_key(scorable, tmp_path):
    moved = scorable.rename(scorable.parent / "copy_of_fold0")
    with pytest.raises(UserError, match="a folder fold0 to fold4 of a run, found copy_of_fold0"):
        expected_key(moved)


def test_force_of_the_tool_says_what_it_overrides(copy_of, trained_fold, other_folds, refused):
    from tests.support.checkout import run_tool

    place, fold = copy_of(trained_fold, "train_lmdb", "val_lmdb", "*.csv")
    exchange(fold, other_folds["another fold"], "mean.binaryproto")
    words = ("--net", fold, "--views", "1", "--crops", "1", "--gpu", "none")
    assert "mean.binaryproto: expected the mean image of this fold" in refused(place, "evaluate", *words)
    assert not (fold / "scores.csv").exists()
    done = run_tool(place, "evaluate", *words, "--force")
    assert "overridden: " in done.stdout and "mean.binaryproto" in done.stdout
    assert [path.name for path in fold.glob("scores*.csv")] == ["scores-views1-crops1-forced.csv"]
