"""Training through the tools, with real Caffe on the phantom (smallest profile: nine iterations of 16)."""

import math
import re

import pytest

from data_prep.profiles import read_profile
from deeppap.io.files import sha256_file
from deeppap.records import FoldRecord, ModelRecord, Recipe, SplitRecord
from deeppap.training.caffe_log import LogRecord, parse
from tests.support.checkout import run_tool


def test_end_to_end(trained_fold, trained_once, source_weights, dataset):
    said = (trained_once / "train.txt").read_text()
    assert re.search(r"144 views, 1 epoch [^\n]*of 9 iterations [^\n]*of 16 views; select paper\n", said)
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
    assert [row[2] for row in found.train] == 3 * [0.01] + 3 * [0.001] + 3 * [0.0001]
    assert "Optimization Done." in (trained_fold / "train.log").read_text()


def test_a_trained_fold_is_not_trained_again(checkout, trained_fold, source_weights):
    before = (trained_fold / "model.json").stat().st_mtime_ns
    words = ("--net", trained_fold, "--gpu", "none")
    done = run_tool(checkout, "train", *words, "--weights", source_weights)
    assert "already trained: iteration 9 selected" in done.stdout
    assert "tools/evaluate.py --net " in done.stdout and done.stdout.endswith(
        "/fold0\n"
    )  # without it, data/fold would be scored
    # a transferred model is not handed out as one from scratch
    done = run_tool(checkout, "train", *words, "--from-scratch", status=2)
    assert f"then and now: weights {source_weights.name} " in done.stderr
    assert "none (Gaussian). Remove " in done.stderr and done.stderr.count("\n") == 1
    assert (trained_fold / "model.json").stat().st_mtime_ns == before


LOG = """\
BVLC Caffe 1.0 (99bd997), cpu build
I1123 00:33:41.1 20348 solver.cpp:347] Iteration 0, Testing net (#0)
I1123 00:33:41.3 20351 data_layer.cpp:73] Restarting data prefetching from start.
I1123 00:33:41.4 20348 solver.cpp:414]     Test net output #0: accuracy = 0.25
I1123 00:33:41.4 20348 solver.cpp:414]     Test net output #1: loss = 0.703112 (* 1 = 0.703112 loss)
I1123 00:33:42.4 20348 solver.cpp:239] Iteration 0 (-1.63952e-43 iter/s, 1.237s/1 iters), loss = 0.774019
I1123 00:33:42.4 20348 solver.cpp:258]     Train net output #0: loss = 0.774019 (* 1 = 0.774019 loss)
I1123 00:33:42.4 20348 sgd_solver.cpp:112] Iteration 0, lr = 0.01
I1123 00:33:43.3 20348 solver.cpp:239] Iteration 20 (1.08932 iter/s, 0.918s/1 iters), loss = 5e-05
I1123 00:33:43.3 20348 sgd_solver.cpp:112] Iteration 20, lr = 0.001
I1123 00:33:50.4 20348 solver.cpp:327] Iteration 40, loss = 0.65412
I1123 00:33:50.4 20348 solver.cpp:347] Iteration 40, Testing net (#0)
I1123 00:33:50.7 20348 solver.cpp:414]     Test net output #0: accuracy = 0.75
"""
REST = "I1123 00:33:50.7 20348 solver.cpp:414]     Test net output #1: loss = 0.85571 (* 1 = 0.85571 loss)\n"


AGAIN = LOG.replace("loss = 5e-05", "loss = 0.5").replace("0.703112", "0.6") + REST.replace("0.85571", "0.7")
TRAIN, TEST = [(0, 0.774019, 0.01), (20, 5e-05, 0.001)], [(0, 0.703112, 0.25), (40, 0.85571, 0.75)]


@pytest.mark.parametrize(
    ("text", "train", "test"),
    [
        (LOG + REST, TRAIN, TEST),
        (LOG, TRAIN, TEST[:1]),  # a test that was cut short is left out
        (LOG.replace("I1123", "I20261123"), TRAIN, TEST[:1]),
        (f"\udcff Iteration x, loss = 1\n{LOG}Iteration 3 (1), loss = 1.2.3e\n\x00", TRAIN, TEST[:1]),
        # a resumed training replaces what it says again
        (LOG + REST + AGAIN, [TRAIN[0], (20, 0.5, 0.001)], [(0, 0.6, 0.25), (40, 0.7, 0.75)]),
    ],
)
def test_a_log_is_read_by_iteration(tmp_path, text, train, test):
    (tmp_path / "train.log").write_text(text, errors="surrogateescape")
    assert parse(tmp_path / "train.log") == LogRecord(train, test)


def test_divergence_is_read_as_it_is_written(tmp_path):
    (tmp_path / "train.log").write_text(LOG.replace("loss = 5e-05", "loss = nan").replace("0.703112", "-nan"))
    found = parse(tmp_path / "train.log")
    assert math.isnan(found.train[1][1]) and math.isnan(found.test[0][1])
