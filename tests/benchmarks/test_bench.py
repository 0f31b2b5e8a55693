"""That the benchmark measures what it says; how fast anything is belongs in `make bench`, not here."""

import importlib.util
import json
import os
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import build, engines, growth, memory, run, scoring, training
from benchmarks.alternate import alternate, ratios
from benchmarks.own_process import OwnProcess, side_by_side
from benchmarks.run import run_parts
from benchmarks.sheet import figure, table
from benchmarks.to_be_had import to_be_had
from benchmarks.work import prepare
from deeppap.io.machine import usable_cores
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


def test_scoring(work, monkeypatch):
    monkeypatch.setattr(scoring, "VIEWS", 2)
    figures = scoring.measure(work)
    assert "scoring: caffe float32 over its bare engine" in values(figures, "x")
    speed, cell = values(figures, "crops/s")["scoring: caffe float32"], values(figures, "s")
    assert cell["scoring: caffe float32, a cell of 1000 crops"] == pytest.approx(1000 / speed, rel=0.5)
    if importlib.util.find_spec("openvino"):
        assert "scoring: openvino float32 over Caffe" in values(figures, "x")


class CountingEngine:
    """An engine that does nothing but count the crops it is given."""

    name, precision, ran = "caffe", "float32", 0

    def __init__(self, batch: int):
        self.batch = batch

    def room(self, count):
        return np.zeros((count, 3, 1, 1), np.float32)

    def __call__(self, crops):
        self.ran += len(crops)


@pytest.mark.parametrize("batch", [1, 10, 32, 50, 64, 256])
def test_the_bare_loop_runs_as_many_crops_as_it_says_and_no_fewer_than_are_scored(batch):
    engine = CountingEngine(batch)
    bare, crops = scoring._bare(engine)
    bare()
    assert engine.ran == crops
    assert 0 <= crops - scoring.VIEWS * 10 < batch


def test_speeds_are_of_the_crops_that_were_run(work, monkeypatch):
    """50 crops scored in 2 s and a batch of 64 bare in 2 s: 25 and 32 a second."""
    monkeypatch.setattr(scoring, "_engines", lambda work: [CountingEngine(64)])
    monkeypatch.setattr(scoring, "_scoring", lambda work, engine: print)
    monkeypatch.setattr(scoring, "alternate", lambda tasks, rounds, title: dict.fromkeys(tasks, [2.0, 2.0]))
    figures = scoring.measure(work)
    assert values(figures, "crops/s") == {"scoring: caffe float32": 25, "scoring: caffe float32, bare": 32}
    assert values(figures, "x") == {"scoring: caffe float32 over its bare engine": 25 / 32}
    assert values(figures, "s") == {"scoring: caffe float32, a cell of 1000 crops": 40}


def test_growth(work, monkeypatch):
    monkeypatch.setattr(growth, "VIEWS", (60, 120, 180))
    monkeypatch.setattr(growth, "CELLS", (1, 2, 3))
    monkeypatch.setattr(growth, "TEST_VIEWS", 1)
    assert len(values(growth.measure(work), "h")) == 3


def test_hours_of_a_slide(work, monkeypatch):
    """4 cells of 50 crops in 8 s are 0.04 s a crop: 12,000 s for one crop of each of 300,000 cells."""
    monkeypatch.setattr(growth, "alternate", lambda tasks, rounds, title: {name: [2.0 * int(name)] for name in tasks})
    hours = values(growth._scoring(work), "h")
    slide = "growth: a slide of 300,000 cells, {} crops each"
    assert hours == pytest.approx({slide.format(each): each * 12_000 / 3600 for each in (1, 10, 1000)})


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


def test_what_was_measured_before_a_part_that_fails_is_written(tmp_path, monkeypatch):
    def part(name):
        assert name != "benchmarks.fails", "out of luck"
        return SimpleNamespace(measure=lambda work: [figure("group", name, [1.0], "s")])

    for name, fake in (("import_module", part), ("prepare", lambda *_: None), ("gemm_peak", lambda rounds: [])):
        monkeypatch.setattr(run, name, fake)
    with pytest.raises(AssertionError, match="out of luck"):
        run_parts(tmp_path, ("one", "two", "fails"), 1)
    found = json.loads((tmp_path / "bench.json").read_text())["figures"]
    assert [one["name"] for one in found] == ["benchmarks.one", "benchmarks.two"]


def test_no_rounds_are_refused(work):
    with pytest.raises(Exception, match="--rounds: expected 1 or more, found 0"):
        run_parts(work.folder, ("startup",), 0)
