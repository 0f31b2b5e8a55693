"""The whole way on 40 phantom cells, one core, twice: the same scores and the same counts to the last digit."""

import csv
import os
import resource
import time
from collections import Counter

import pytest

from deeppap.training.caffe_log import parse
from tests.support.caffe_nets import gaussian_weights
from tests.support.checkout import make_checkout, run_tool
from tests.support.fault_tools import final_names

LIMIT = 120  # seconds of one core


def whole_way(place, net_shapes):
    """Draw, build, train and score; the fold's folder and the seconds of processor time it took."""
    conv = {name: shapes for name, shapes in net_shapes.items() if name.startswith("conv")}
    gaussian_weights(place / "source.caffemodel", conv, seed=3)
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    run_tool(place, "make_phantom", "data/phantom", "--cells", "40", "--workers", "1")
    run_tool(place, "build_lmdb", "--fold", "2", "--data", "data/phantom", "--profile", "smallest", "--workers", "1")
    run_tool(place, "train", "--weights", "source.caffemodel", "--gpu", "none")
    done = run_tool(place, "evaluate", "--gpu", "none")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return place / "runs/phantom-cell-smallest/fold2", done.stdout, used, time.monotonic() - begun


def right_per_class(fold) -> dict[str, tuple[int, int]]:
    with (fold / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    cells = Counter(row["class7"] for row in rows)
    right = Counter(row["class7"] for row in rows if (float(row["score"]) >= 0.5) == (row["label"] == "1"))
    return {kind: (right[kind], cells[kind]) for kind in sorted(cells)}


@pytest.fixture
def one_core(monkeypatch):
    """Whatever the test starts runs on one core with one thread."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield
    os.sched_setaffinity(0, cores)


def test_forty_cells_on_one_core_twice(one_core, tmp_path, net_shapes):
    folds, printed = [], []
    for name in ("first", "second"):
        fold, out, used, _ = whole_way(make_checkout(tmp_path / name), net_shapes)
        assert used < LIMIT
        folds.append(fold)
        printed.append([line for line in out.splitlines() if "Sens" in line or line[-1:].isdigit()])
    first, second = folds
    logs = [parse(fold / "train.log") for fold in folds]
    assert logs[0].train and logs[0] == logs[1], "another loss with the same seed"
    same = final_names(first)
    for name in ("scores.csv", "view_scores.csv", "train_lmdb/data.mdb", "mean.binaryproto"):
        assert same[name] == final_names(second)[name], name
    counts = right_per_class(first)
    assert counts == right_per_class(second)
    assert sum(cells for _, cells in counts.values()) == 8
    assert printed[0] == printed[1] and printed[0]
