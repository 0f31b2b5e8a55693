"""Training through the tools, with real Caffe on the phantom (smallest profile: nine iterations of 16)."""

from data_prep.profiles import read_profile
from deeppap.io.files import sha256_file
from deeppap.records import FoldRecord, ModelRecord, Recipe, SplitRecord
from deeppap.training.caffe_log import parse
from tests.support.checkout import run_tool


def test_end_to_end(trained_fold, trained_once, source_weights, dataset):
    assert "144 views, 1 epochs of 9 iterations of 16, select paper" in (trained_once / "train.txt").read_text()
    model = ModelRecord.read(trained_fold)
    assert (model.iteration, model.epoch, model.select) == (9, 1.0, "paper")
    assert sha256_file(trained_fold / model.snapshot) == model.weights_sha
    assert model.fold_sha == FoldRecord.read(trained_fold).fold_sha
    # the states and all snapshots but the selected one are gone
    assert [p.name for p in (trained_fold / "snapshots").iterdir()] == ["convnet_t_iter_9.caffemodel"]
    assert model.recipe.weights_sha == sha256_file(source_weights)
    assert model.recipe == Recipe.read(trained_fold)
    # the share of each label, by which a loss is told from that of a constant answer
    split, profile = SplitRecord.read(trained_fold.parent), read_profile("smallest")
    labels = {cell.id: cell.label for cell in dataset.cells}
    trained = [labels[i] for number in range(1, 5) for i in split.folds[number]]
    views = [trained.count(label) * profile.train[label].views for label in (0, 1)]
    assert FoldRecord.read(trained_fold).train_labels == views


def test_the_log_is_caffes_own_and_whole(trained_fold):
    """Models are selected by it, even where the environment silences glog, as these tests do."""
    found = parse(trained_fold / "train.log")
    assert [row[0] for row in found.train] == list(range(9))
    assert [row[0] for row in found.test] == [0, 9]
    assert {row[2] for row in found.train} == {0.01}
    assert "Optimization Done." in (trained_fold / "train.log").read_text()


def test_a_trained_fold_is_not_trained_again(checkout, trained_fold, source_weights):
    before = (trained_fold / "model.json").stat().st_mtime_ns
    words = ("--net", trained_fold, "--gpu", "none")
    done = run_tool(checkout, "train", *words, "--weights", source_weights)
    assert "already trained: iteration 9 selected" in done.stdout
    # a transferred model is not handed out as one from scratch
    done = run_tool(checkout, "train", *words, "--from-scratch", status=2)
    assert f"then and now: weights {source_weights.name} " in done.stderr
    assert "none (Gaussian). Remove " in done.stderr and done.stderr.count("\n") == 1
    assert (trained_fold / "model.json").stat().st_mtime_ns == before
