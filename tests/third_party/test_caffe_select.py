"""Which build of Caffe runs, and on which OpenBLAS kernels, for processors and environments made for each test."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from deeppap.io.pinned import caffe_commit
from tests.support.checkout import ROOT

SET = ("OPENBLAS_CORETYPE", "OMP_WAIT_POLICY", "GLOG_logtostderr")
VARIABLES = (*SET, "CAFFE_BUILD", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")
AVX512 = "avx512f avx512dq avx512bw avx512vl"


@pytest.fixture
def select(tmp_path, monkeypatch):
    """The module with a CPU build installed, no GPU, an unknown processor, and none of its variables set."""
    spec = importlib.util.spec_from_file_location("caffe_select_here", ROOT / "third_party/caffe/caffe_select.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "BUILDS", tmp_path / "builds")
    (tmp_path / "builds/cpu/bin").mkdir(parents=True)
    places = {"/proc/cpuinfo": tmp_path / "cpuinfo", "/dev/nvidiactl": tmp_path / "nvidiactl"}
    monkeypatch.setattr(module, "Path", lambda path: places.get(path) or Path(path))
    for name in VARIABLES:
        monkeypatch.setenv(name, "")  # so that monkeypatch restores it, whoever sets it
        monkeypatch.delenv(name)
    return module


def processor(select, flags: str) -> None:
    select.Path("/proc/cpuinfo").write_text(f"processor\t: 0\nmodel name\t: any\nflags\t\t: fpu {flags} sse2\n\n")


@pytest.mark.parametrize(
    ("built", "card", "environment", "chosen"),
    [
        (True, False, {}, "cpu"),
        (False, True, {}, "cpu"),
        (True, True, {}, "cuda"),
        (True, True, {"CUDA_VISIBLE_DEVICES": ""}, "cpu"),
        (True, True, {"CUDA_VISIBLE_DEVICES": "-1"}, "cpu"),
        (True, True, {"CUDA_VISIBLE_DEVICES": "1,0"}, "cuda"),
        (True, True, {"CUDA_VISIBLE_DEVICES": "-1", "CAFFE_BUILD": "cuda"}, "cuda"),
        (True, True, {"CUDA_VISIBLE_DEVICES": "0", "CAFFE_BUILD": "cpu"}, "cpu"),
    ],
)
def test_the_cuda_build_runs_where_a_card_is_visible(select, built, card, environment, chosen):
    if built:
        (select.BUILDS / "cuda").mkdir()
    if card:
        select.Path("/dev/nvidiactl").touch()
    os.environ.update(environment)
    assert select.build() == select.BUILDS / chosen


def test_a_build_that_is_not_installed_is_named(select):
    (select.BUILDS / ".cuda.new").mkdir()  # a half installed build does not count
    os.environ["CAFFE_BUILD"] = "cuda"
    with pytest.raises(ImportError, match=r"CAFFE_BUILD=cuda: expected one of the installed builds, found cpu"):
        select.build()


@pytest.mark.parametrize(
    ("flags", "kernels"),
    [
        (f"avx avx2 fma {AVX512} avx512_bf16", "SkylakeX"),
        ("avx avx2 fma avx512f avx512cd", "Haswell"),  # Knights Landing has a part of AVX-512
        ("avx avx2 fma", "Haswell"),
        ("avx fma", None),  # Piledriver
        ("avx avx2", None),
        ("avx", None),
    ],
)
def test_kernels_follow_the_processor(select, flags, kernels):
    processor(select, flags)
    assert select.kernels() == kernels
    select.prepare()
    assert [os.environ.get(name) for name in SET] == [kernels, "PASSIVE", "1"]


@pytest.mark.parametrize("text", [None, "", "CPU architecture: 8\nFeatures\t: fp asimd avx2 fma\n"])
def test_an_unknown_processor_is_left_to_openblas(select, text):
    if text is not None:
        select.Path("/proc/cpuinfo").write_text(text)
    assert select.kernels() is None
    assert "OpenBLAS kernels its own choice" in select.describe()


def test_variables_that_are_set_stay(select):
    processor(select, f"avx2 fma {AVX512}")
    os.environ.update(OPENBLAS_CORETYPE="Zen", OMP_WAIT_POLICY="ACTIVE", GLOG_logtostderr="0", OMP_NUM_THREADS="3")
    before = dict(os.environ)
    select.prepare()
    assert os.environ == before
    # the commit is copied into caffe_select.py, which in the environment has no file to read it from
    for fact in (f"({caffe_commit()[:7]})", "cpu build", "Zen", "3 threads"):
        assert fact in select.describe()


def test_only_the_top_level_module_is_found_in_the_build(select):
    (select.BUILDS / "cpu/python/caffe").mkdir(parents=True)
    (select.BUILDS / "cpu/python/caffe/__init__.py").touch()
    finder = select._Finder()
    assert finder.find_spec("caffe").origin == str(select.BUILDS / "cpu/python/caffe/__init__.py")
    assert finder.find_spec("numpy") is finder.find_spec("caffe", ["some package"]) is None


def test_a_program_of_the_chosen_build_gets_the_arguments(select, monkeypatch):
    started = []
    monkeypatch.setattr(os, "execv", lambda *call: started.append(call))
    monkeypatch.setattr(sys, "argv", ["anything", "train", "-gpu", "0"])
    select.exec_program("caffe")
    assert started == [(select.BUILDS / "cpu/bin/caffe", ["caffe", "train", "-gpu", "0"])]
    os.environ["CAFFE_BUILD"] = "cuda"
    with pytest.raises(SystemExit, match="CAFFE_BUILD=cuda"):
        select.exec_program("caffe")
