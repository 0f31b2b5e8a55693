"""Caffe stopped by somebody else than our tool: it ends well, and nothing may pass for the end of a training."""

import json
import os
import re
import signal

from deeppap.training.caffe_log import parse
from deeppap.training.snapshots import list_snapshots
from tests.faults.test_interruptions import caffe_of, iterations
from tests.support.checkout import run_tool
from tests.support.waiting import PATIENCE, wait_until

END = 9  # iterations of the phantom's training


def test_a_training_that_stopped_early_is_no_finished_one(untrained, source_weights, start):
    """A scheduler may signal every process of a job; the test of the last snapshot may be what is cut short."""
    place, fold = untrained
    words = ("--net", fold, "--weights", source_weights, "--gpu", "none", "--keep-snapshots")
    process = start("train", *words, where=place)
    wait_until(lambda: len(iterations(fold)) > 2 or process.poll() is not None, "an iteration")
    os.kill(caffe_of(process), signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    reached = list_snapshots(fold / "snapshots")[0]
    assert process.returncode == 2 and 0 < reached.iteration < END, out + err
    found = f"found the newest snapshot at {reached.iteration}"
    assert f"expected a training that has reached iteration {END}, {found}" in err
    assert reached.state.exists() and not (fold / "model.json").exists()

    done = run_tool(place, "train", *words)
    assert f"resuming from iteration {reached.iteration}" in done.stdout
    model, tests = (fold / "model.json").read_text(), parse(fold / "train.log").test
    assert json.loads(model)["iteration"] == END and [row[0] for row in tests] == [0, END]

    # as if it had been stopped between its last snapshot and the end of its last test
    log = (fold / "train.log").read_text()
    (fold / "train.log").write_text(log[: re.search(rf".*Iteration {END}, Testing net", log).end()] + "\n")
    (fold / "model.json").unlink()
    done = run_tool(place, "train", *words)
    assert f"resuming from iteration {END}" in done.stdout
    assert parse(fold / "train.log").test == tests
    assert json.loads((fold / "model.json").read_text()) == json.loads(model)
