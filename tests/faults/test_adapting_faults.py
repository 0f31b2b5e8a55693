"""Adapting that was interrupted: the same command resumes it, another source does not."""

import signal

import pytest

from data_prep.image_hashes import SOURCE_IMAGES, seen_images, source_images
from deeppap.io.errors import UserError
from deeppap.phantom.cell_set import make_phantom
from deeppap.training.resolve import recorded
from deeppap.training.snapshots import newest_complete
from deeppap.training.source import open_source
from deeppap.training.train_fold import TrainOptions, train_fold
from tests.support.checkout import run_tool
from tests.support.fault_tools import iterations, wait_for_iteration
from tests.support.waiting import PATIENCE


@pytest.fixture
def fold(place, tmp_path):
    """Fold 0 of a set that the source has not seen, in a checkout of its own."""
    make_phantom(tmp_path / "other", 40, seed=2, workers=1)
    words = ["--fold", 0, "--profile", "smallest", "--select", "inner", "--workers", 1]
    run_tool(place, "build_lmdb", *words, herlev=tmp_path / "other")
    return next(place.glob("runs/*/fold0"))


def test_an_interrupted_adapting_is_resumed(place, fold, trained_fold, source_weights, net_shapes, start):
    # a half-written start: what the source has seen is recorded first, and a cut snapshot is passed over
    (fold / SOURCE_IMAGES).write_text("0" * 64 + "\n")
    (fold / "snapshots/convnet_t_iter_2.caffemodel").write_bytes(b"cut")
    words = ("--net", fold, "--from", trained_fold, "--gpu", "none")
    process = start("train", *words)
    wait_for_iteration(fold, 0, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130 and "passing over iteration 2" in out, out + err
    stopped, _ = newest_complete(fold / "snapshots", net_shapes)
    assert source_images(fold) == seen_images(trained_fold)
    # neither the paper's weights nor another net may take over
    for options in (TrainOptions(source_weights), TrainOptions()):
        with pytest.raises(UserError, match="solver"):
            train_fold(fold, options, say=lambda _: None)
    done = run_tool(place, "train", *words)
    assert f"resuming from iteration {stopped.iteration}" in done.stdout or "already trained" in done.stdout
    assert iterations(fold)[-1] <= 8
    assert recorded(fold).source == open_source(trained_fold).origin
