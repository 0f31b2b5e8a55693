"""That the benchmark measures what it says; how fast anything is belongs in `make bench`, not here."""

import importlib.util
import json
import os

import numpy as np
import pytest

from benchmarks import build, engines, growth, memory, scoring, training
from benchmarks.alternate import alternate, ratios
from benchmarks.own_process import OwnProcess, side_by_side
from benchmarks.run import run_parts
from benchmarks.sheet import figure, table
from benchmarks.to_be_had import to_be_had
from benchmarks.work import prepare
from common.cores import usable_cores
from tests.support.checkout import run_tool


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("bench"), rounds=1)


def values(figures, unit):
    return {f"{f.group}: {f.name}": f.value for f in figures if f.unit == unit}


def test_tasks_take_turns_both_ways_after_a_round_that_is_not_measured():
    ran = []
    tasks = {name: lambda name=name: ran.append(name) or float(len(ran)) for name in "ab"}
    seconds = alternate(tasks, 3, "test")
    assert "".join(ran) == "ab" + "ab" + "ba" + "ab"
    assert seconds == {"a": [3, 6, 7], "b": [4, 5, 8]}
    assert ratios(seconds["b"], seconds["a"]) == [4 / 3, 5 / 6, 8 / 7]


def test_a_figure_is_the_median_with_its_range():
    one = figure("LMDB", "raw", [3.0, 1.0, 1250.0], "views/s")
    assert (one.value, one.low, one.high, one.rounds) == (3, 1, 1250, 3)
    assert table([one]).splitlines()[1].split() == ["LMDB:", "raw", "3", "1", "1,250", "views/s"]


def here(kinds):
    """What can be measured here."""
    return {name: make for name, (make, *needs) in kinds.items() if to_be_had(name, *needs)}


def test_every_library_runs_the_same_net(work):
    prob = {name: make(work.deploy, work.model, 1)(6) for name, make in here(engines.KINDS).items()}
    assert np.ptp(prob["Caffe"][:, 1]) > 0.05  # else agreeing would mean nothing
    for name, found in prob.items():
        assert np.abs(found - prob["Caffe"]).max() < (0.02 if "bfloat16" in name else 1e-5), name


def test_every_library_takes_the_same_training_step(work):
    losses = {name: float(make(work.deploy, work.model, 1)(2)) for name, make in here(training.KINDS).items()}
    assert all(loss > 0 for loss in losses.values()), losses


def test_a_library_answers_from_its_own_process(work):
    one = OwnProcess(work, engines.KINDS["cv2.dnn"][0], 1)
    assert one.process.pid != os.getpid()
    assert [one(batch).shape for batch in (3, 1)] == [(3, 2), (1, 2)]
    assert side_by_side([one], 2)() > 0
    one.close()
    assert one.process.exitcode == 0


def test_libraries_side_by_side(work, monkeypatch, capsys):
    monkeypatch.setattr(engines, "BATCHES", (2,))
    monkeypatch.setattr(engines, "COMPARED", 2)
    kinds = {name: engines.KINDS[name] for name in ("Caffe", "cv2.dnn")} | {"None": (print, "no_such_package", "")}
    monkeypatch.setattr(engines, "KINDS", kinds)
    figures = engines.measure(work)
    assert "left out: None: the package no_such_package is not installed" in capsys.readouterr().out
    assert set(values(figures, "x")) == {
        "forward of 2: cv2.dnn over Caffe",
        f"forward of 2: Caffe, {usable_cores()} processes of one thread over Caffe",
    }
    assert 0 < values(figures, "")["forward: cv2.dnn and Caffe, probabilities apart"] < 1e-5


def test_training_side_by_side(work, monkeypatch):
    monkeypatch.setattr(training, "BATCHES", (2,))
    monkeypatch.setattr(training, "KINDS", {"Caffe": training.KINDS["Caffe"], "again": training.KINDS["Caffe"]})
    figures = training.measure(work)
    assert set(values(figures, "images/s")) == {"training step of 2: Caffe", "training step of 2: again"}
    assert set(values(figures, "x")) == {"training step of 2: again over Caffe"}


def test_building(work, monkeypatch):
    monkeypatch.setattr(build, "VIEWS", 120)
    figures = build.measure(work)
    assert values(figures, "grey levels") == {"mean image: largest difference": pytest.approx(0, abs=1e-3)}
    speeds, sizes = values(figures, "views/s"), values(figures, "MB/s")
    assert {name.split(",")[0] for name in speeds} == {"LMDB: raw", "LMDB: png"}
    raw = [name for name in speeds if "raw" in name]
    assert [sizes[name] / speeds[name] for name in raw] == pytest.approx([0.2] * len(raw), rel=0.05)  # MB a view


def test_memory_counts_the_whole_tree_of_processes(work, tmp_path, monkeypatch):
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', %r])"
    child = "import time; held = bytearray(200_000_000); time.sleep(1)"
    assert memory._peak(["python3", "-c", script % child], tmp_path) > 200e6
    monkeypatch.setattr(memory, "CELLS", (60,))
    assert 50 < values(memory.measure(work), "MB")["memory: building from 60 cells"] < 5000


def test_scoring_and_growth(work, monkeypatch):
    monkeypatch.setattr(scoring, "VIEWS", 2)
    figures = scoring.measure(work)
    assert "scoring: caffe float32 over its bare engine" in values(figures, "x")
    speed, cell = values(figures, "crops/s")["scoring: caffe float32"], values(figures, "s")
    assert cell["scoring: caffe float32, a cell of 1000 crops"] == pytest.approx(1000 / speed, rel=0.5)
    if importlib.util.find_spec("openvino"):
        assert "scoring: openvino float32 over Caffe" in values(figures, "x")
    monkeypatch.setattr(growth, "VIEWS", (60, 120, 180))
    monkeypatch.setattr(growth, "CELLS", (1, 2, 3))
    monkeypatch.setattr(growth, "TEST_VIEWS", 1)
    hours = values(growth.measure(work), "h")
    assert hours["growth: a slide of 300,000 cells, 10 crops each"] == pytest.approx(
        10 * hours["growth: a slide of 300,000 cells, 1 crops each"]
    )


def test_a_straight_line():
    slope, start, off = (f.value for f in growth._line("growth", "x", [(1, 3.0), (2, 5.0), (3, 7.0)], "view"))
    assert (slope, start, off) == (pytest.approx(2000), pytest.approx(1), pytest.approx(0, abs=1e-9))


def test_the_tool(checkout, work):
    printed = run_tool(checkout, "bench", "--only", "startup", "--rounds", "1", "--folder", work.folder).stdout
    record = json.loads((work.folder / "bench.json").read_text())
    assert "--help: bench.py" in printed
    assert {"processor", "cores"} <= record["machine"]["machine"].keys()
    assert "OpenBLAS kernels" in record["machine"]["caffe"]
    assert all(f["low"] <= f["value"] <= f["high"] for f in record["figures"])


def test_no_rounds_are_refused(work):
    with pytest.raises(Exception, match="--rounds: expected 1 or more, found 0"):
        run_parts(work.folder, ("startup",), 0)
