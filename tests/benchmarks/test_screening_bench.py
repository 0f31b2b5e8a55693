"""That the benchmark of screening measures what it says, on slides of few cells."""

import time

import pytest

from benchmarks import merge, screening, slide_memory
from benchmarks.stopwatch import REST, Stopwatch
from benchmarks.work import prepare
from deeppap.engines.device import Device

pytest.importorskip("distributed", reason="make cluster")
pytest.importorskip("imagecodecs", reason="make slides")


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("bench"), rounds=1)


def values(figures, unit):
    return {f.name: f.value for f in figures if f.unit == unit}


def test_a_step_inside_another_stops_its_clock():
    watch = Stopwatch()
    inner = watch.timed("inner", lambda: time.sleep(0.2))
    watch.timed("outer", lambda: (time.sleep(0.1), inner()))()
    seconds = watch.stop()
    assert seconds.keys() == {"inner", "outer", REST}
    assert seconds["inner"] >= 0.2 and 0.1 <= seconds["outer"] < seconds["inner"] + 0.1


def test_screening_by_the_plain_path_and_by_a_worker(work, monkeypatch):
    monkeypatch.setattr(screening, "CELLS", 22)
    monkeypatch.setattr(screening, "WAYS", ((1, 1),))
    monkeypatch.setattr(screening, "WORKERS", (1,))
    monkeypatch.setattr(screening, "_devices", lambda: [Device(without_gpu=True)])
    figures = screening.measure(work)
    assert values(figures, "cells/s").keys() == {f"caffe float32, 1 x 1, {way}" for way in ("plain", "1 worker")}
    assert len(values(figures, "% longer")) == 1
    shares = {name.split(": ")[1]: share for name, share in values(figures, "% of time").items()}
    assert shares.keys() == {"read", "detect", "crop", "score", "write", REST}
    assert sum(shares.values()) == pytest.approx(100) and min(shares.values()) > 0


def test_memory_and_merge(work, monkeypatch):
    monkeypatch.setattr(slide_memory, "CELLS", (22,))
    memory = values(slide_memory.measure(work), "MB")
    assert len(memory) == 2 and all(50 < peak < 5000 for peak in memory.values()), memory
    monkeypatch.setattr(merge, "CELLS", (100,))
    monkeypatch.setattr(merge, "SIDE", 2048)
    figures = merge.measure(work)
    assert values(figures, "s")["100 cells"] > 0 and 50 < values(figures, "MB")["100 cells, peak"] < 5000
