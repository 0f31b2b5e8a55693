"""Forty cells from their images to their scores on one core, and once more: nothing differs by a bit."""

import os
import resource
from functools import partial
from pathlib import Path

import pytest

from deeppap.training.caffe_log import parse
from tests.support.checkout import make_checkout, run_tool
from tests.support.fault_tools import final_names

LIMIT = 60  # seconds of processor time
EQUAL = ("scores.csv", "view_scores.csv", "train_lmdb/data.mdb", "val_lmdb/data.mdb", "mean.binaryproto")


@pytest.fixture
def one_core(monkeypatch):
    """Whatever the test starts runs on one core with one thread."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield
    os.sched_setaffinity(0, cores)


def processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_a_second_training_gives_the_same_bytes(one_core, evaluated_fold, source_weights, tmp_path):
    """The first one is the session's own; the second draws its cells anew, in another folder."""
    place, before = make_checkout(tmp_path / "second"), processor_seconds()
    run = partial(run_tool, place, process=True)
    run("make_phantom", "data/phantom", "--cells", "40", "--workers", "1")
    run("build_lmdb", "--fold", "0", "--data", "data/phantom", "--profile", "smallest", "--workers", "1")
    run("train", "--weights", source_weights, "--gpu", "none")
    run("evaluate", "--gpu", "none")
    assert processor_seconds() - before < LIMIT
    fold = place / Path("runs/phantom-cell-smallest/fold0")
    logs = [parse(folder / "train.log") for folder in (evaluated_fold, fold)]
    assert logs[0].train and logs[0] == logs[1], "another loss with the same seed"
    first, second = final_names(evaluated_fold), final_names(fold)
    assert [first[name] for name in EQUAL] == [second[name] for name in EQUAL]
