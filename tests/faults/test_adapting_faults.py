"""Adapting interrupted and killed: the same command goes on from the newest snapshot, another source does not."""

import os
import signal

import pytest
from deeppap.training.recipe import recorded
from deeppap.training.source_net import open_source

from data_prep.fold_images import SOURCE, seen_images, source_images
from deeppap.io.errors import UserError
from deeppap.phantom.cell_set import make_phantom
from deeppap.training.snapshots import newest_complete
from deeppap.training.train_fold import TrainOptions, train_fold
from tests.faults.test_interruptions import caffe_of, iterations
from tests.support.checkout import run_tool
from tests.support.waiting import PATIENCE, wait_until


@pytest.fixture
def fold(place, tmp_path):
    """Fold 0 of a set that the source has not seen, in a checkout of its own."""
    make_phantom(tmp_path / "other", 40, seed=2, workers=1)
    words = ["--fold", 0, "--profile", "smallest", "--select", "inner", "--workers", 1]
    run_tool(place, "build_lmdb", *words, herlev=tmp_path / "other")
    return next(place.glob("runs/*/fold0"))


def test_a_stopped_and_a_killed_adapting_go_on(place, fold, trained_fold, source_weights, net_shapes, start):
    words = ("--net", fold, "--from", trained_fold, "--gpu", "none")
    process = start("train", *words)
    wait_until(lambda: iterations(fold)[-1:] > [0] or process.poll() is not None, "an iteration")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130 and "Traceback" not in err, out + err
    stopped, passed = newest_complete(fold / "snapshots", net_shapes)
    assert stopped.iteration >= 2 and not passed
    assert source_images(fold) == seen_images(trained_fold)
    # it is known what it began as: neither CaffeNet's weights nor another net go on from here
    for options in (TrainOptions(source_weights), TrainOptions()):
        with pytest.raises(UserError, match="then and now: solver "):
            train_fold(fold, options, say=lambda _: None)
    assert recorded(fold)["source"]["run"] == trained_fold.parent.name
    process = start("train", *words)
    wait_until(lambda: iterations(fold)[-1:] > [stopped.iteration] or process.poll() is not None, "an iteration")
    if process.poll() is None:
        caffe = caffe_of(process)
        process.kill()
        process.communicate(timeout=PATIENCE)
        os.kill(caffe, signal.SIGKILL)
    done = run_tool(place, "train", *words)
    assert "resuming from iteration " in done.stdout or "already trained" in done.stdout
    assert iterations(fold)[-1] <= 8 and "found" not in done.stderr
    assert recorded(fold)["source"] == open_source(trained_fold).origin


def test_killed_before_caffe_began_it_starts_anew(place, fold, trained_fold):
    """What the source has seen is written down first; alone it says nothing, and another start removes it."""
    (fold / SOURCE).write_text("0" * 64 + "\n")
    options = TrainOptions(source=open_source(trained_fold))
    (fold / "snapshots/convnet_t_iter_2.caffemodel").write_bytes(b"cut")
    said = []
    train_fold(fold, options, say=said.append)
    assert any("passing over iteration 2" in line for line in said)
    assert source_images(fold) == seen_images(trained_fold)
