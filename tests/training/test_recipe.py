"""What a net is trained with: its fingerprint, and the source weights that are accepted."""

import shutil
from dataclasses import replace
from functools import partial

import pytest

from data_prep.profiles import read_profile
from deeppap.io.caffe_messages import caffe_pb2, prototxt_folder, read_binary
from deeppap.io.errors import UserError
from deeppap.studies.cross_validate import require_one_recipe
from deeppap.training import resolve
from deeppap.training import source as module
from deeppap.training.resolve import difference, recipe_of, recorded
from deeppap.training.source import check_source_weights, require_weights
from deeppap.training.train_fold import TrainOptions, train_fold
from tests.support.caffe_nets import edit_once, gaussian_weights
from tests.support.synthetic_run import model_record

PROFILE = read_profile("smallest")


@pytest.fixture
def prototxt(tmp_path, monkeypatch):
    """A copy of the hand-written files that a test may edit: (name, old, new) -> None."""
    folder = tmp_path / "prototxt"
    shutil.copytree(prototxt_folder(2), folder)
    files = {name: folder / f"{name}.prototxt" for name in resolve.PROTOTXT}
    monkeypatch.setattr(resolve, "training_prototxt", lambda _, adapting: files)

    return partial(edit_once, folder)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("solver", "base_lr: 0.01", "base_lr: 0.02"),
        ("train_val", "lr_mult: 0.1", "lr_mult: 1"),
        ("deploy", "num_output: 96", "num_output: 95"),
    ],
)
def test_an_edited_prototxt_is_told(prototxt, name, old, new):
    before = recipe_of(2, PROFILE, None)
    prototxt(name, old, "# a comment\n" + old)
    assert recipe_of(2, PROFILE, None) == before
    prototxt(name, old, new)
    (line,) = difference(before, recipe_of(2, PROFILE, None))
    assert line.startswith(f"{name} {getattr(before, name)[:8]} and ")


def test_counts_and_weights_are_told(tmp_path):
    before = recipe_of(2, PROFILE, None)
    assert difference(before, recipe_of(2, replace(PROFILE, epochs=2), None)) == ["epochs 1 and 2"]
    assert difference(before, recipe_of(2, replace(PROFILE, batch_size=8), None)) == ["batch_size 16 and 8"]
    first, second = tmp_path / "a.caffemodel", tmp_path / "b.caffemodel"
    first.write_bytes(b"weights")
    second.write_bytes(b"weights")
    (line,) = difference(before, recipe_of(2, PROFILE, first))
    assert line.startswith("weights none (Gaussian) and a.caffemodel ")
    assert difference(recipe_of(2, PROFILE, first), recipe_of(2, PROFILE, second)) == []  # the same bytes
    second.write_bytes(b"others")
    assert difference(recipe_of(2, PROFILE, first), recipe_of(2, PROFILE, second))


def test_a_run_whose_folds_would_differ_is_refused(tmp_path):
    for number in range(2):
        (tmp_path / f"fold{number}").mkdir()
    recipe = recipe_of(2, PROFILE, None)
    require_one_recipe(tmp_path, recipe)
    recipe.write(tmp_path / "fold1")
    require_one_recipe(tmp_path, recipe)
    other = recipe_of(2, replace(PROFILE, epochs=2), None)
    with pytest.raises(UserError, match=r"fold1: expected a fold trained .* then and now: epochs 1 and 2\."):
        require_one_recipe(tmp_path, other)
    model_record(recipe=other).write(tmp_path / "fold1")  # model.json has the last word
    require_one_recipe(tmp_path, other)


def test_a_fold_of_another_number_of_views_is_refused(trained_fold, copy_of, monkeypatch):
    """Whoever edits a profile would else mix folds of both kinds in one run."""
    from data_prep import fold_data

    _, fold = copy_of(trained_fold)
    recipe, own = recorded(fold), fold_data.run_profile
    require_one_recipe(fold.parent, recipe)
    monkeypatch.setattr(fold_data, "run_profile", lambda config: replace(own(config), validation_views=7))
    with pytest.raises(UserError, match="fold0: expected views as profiles.toml asks for now, found a net trained on"):
        require_one_recipe(fold.parent, recipe)


def test_a_training_is_resumed_with_what_it_started_with(copy_of, trained_fold, net_shapes):
    _, fold = copy_of(trained_fold, "model.json", "train.log")
    model = next((fold / "snapshots").glob("*.caffemodel"))
    # Caffe's state of an earlier iteration, whole, beside the weights
    state = caffe_pb2().SolverState(iter=8)
    for _ in range(sum(map(len, net_shapes.values()))):
        state.history.add().data.append(0.0)
    (fold / "snapshots/convnet_t_iter_8.solverstate").write_bytes(state.SerializeToString())
    model.rename(fold / "snapshots/convnet_t_iter_8.caffemodel")
    with pytest.raises(UserError, match=r"then and now: weights .* and none \(Gaussian\)"):
        train_fold(fold, TrainOptions(None), say=lambda _: None)
    assert not (fold / "model.json").exists() and not (fold / "train.log").exists()


def test_other_layers_of_the_source_net_may_be_there(tmp_path, net_shapes):
    shapes = {name: net_shapes[name] for name in net_shapes if name.startswith("conv")}
    shapes |= {"fc6": [[4, 4], [4]], "fc8": [[1000, 4], [1000]]}
    check_source_weights(gaussian_weights(tmp_path / "w.caffemodel", shapes), net_shapes)


def test_weights_in_the_format_of_2014_are_accepted(source_weights, tmp_path, net_shapes):
    """The reference model is in it: `layers` with four-axis blobs."""
    new = read_binary(source_weights, "NetParameter", "")
    old = caffe_pb2().NetParameter(name="old")
    for layer in new.layer:
        kept = old.layers.add(name=layer.name)
        for blob in layer.blobs:
            shape = [1] * (4 - len(blob.shape.dim)) + list(blob.shape.dim)
            names = ("num", "channels", "height", "width")
            kept.blobs.add(**dict(zip(names, shape, strict=True))).data.extend(blob.data)
    path = tmp_path / "old.caffemodel"
    path.write_bytes(old.SerializeToString())
    check_source_weights(path, net_shapes)


def test_real_weights_are_accepted(caffenet_weights, net_shapes):
    check_source_weights(caffenet_weights, net_shapes)


def test_where_weights_are_found(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "PLACES", (tmp_path / "one", tmp_path / "two"))
    with pytest.raises(UserError, match="from_scratch"):
        require_weights(None)
    (tmp_path / "two").write_bytes(b"")
    assert require_weights(None) == tmp_path / "two"
    monkeypatch.setenv("WEIGHTS", "elsewhere")
    assert str(require_weights(None)) == "elsewhere"
    assert str(require_weights("given")) == "given"
