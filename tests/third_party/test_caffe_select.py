"""Which build of Caffe runs and on which kernels, on processors and in environments made for each test."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from tests.support.checkout import ROOT

SET = ("OPENBLAS_CORETYPE", "OMP_WAIT_POLICY", "GLOG_logtostderr")
VARIABLES = (*SET, "CAFFE_BUILD", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")
AVX512 = "avx512f avx512dq avx512bw avx512vl"


@pytest.fixture
def select(tmp_path, monkeypatch):
    """The module with a CPU build installed, no GPU, a processor of no kind, and none of its variables set."""
    spec = importlib.util.spec_from_file_location("caffe_select_here", ROOT / "third_party/caffe/caffe_select.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "BUILDS", tmp_path / "builds")
    (tmp_path / "builds/cpu/bin").mkdir(parents=True)
    places = {"/proc/cpuinfo": tmp_path / "cpuinfo", "/dev/nvidiactl": tmp_path / "nvidiactl"}
    monkeypatch.setattr(module, "Path", lambda path: places.get(path) or Path(path))
    for name in VARIABLES:
        monkeypatch.setenv(name, "")  # so that it is put back, whoever sets it
        monkeypatch.delenv(name)
    return module


def with_gpu(select) -> None:
    """Install a CUDA build and show a card."""
    (select.BUILDS / "cuda").mkdir()
    select.Path("/dev/nvidiactl").touch()


def processor(select, flags: str) -> None:
    """Put a processor of these flags into the machine."""
    select.Path("/proc/cpuinfo").write_text(f"processor\t: 0\nmodel name\t: any\nflags\t\t: fpu {flags} sse2\n\n")


# -- the build


def test_the_cuda_build_needs_a_card(select):
    (select.BUILDS / "cuda").mkdir()
    assert select.build().name == "cpu"
    select.Path("/dev/nvidiactl").touch()
    assert select.build().name == "cuda"


def test_a_card_needs_the_cuda_build(select):
    select.Path("/dev/nvidiactl").touch()
    assert select.build().name == "cpu"


@pytest.mark.parametrize(("visible", "build"), [("", "cpu"), ("-1", "cpu"), ("0", "cuda"), ("1,0", "cuda")])
def test_cards_that_are_hidden_are_not_there(select, visible, build):
    with_gpu(select)
    os.environ["CUDA_VISIBLE_DEVICES"] = visible
    assert select.build().name == build


@pytest.mark.parametrize("wanted", ["cpu", "cuda"])
def test_the_variable_overrules_the_choice(select, wanted):
    with_gpu(select)
    os.environ.update(CAFFE_BUILD=wanted, CUDA_VISIBLE_DEVICES="-1" if wanted == "cuda" else "0")
    assert select.build() == select.BUILDS / wanted


def test_a_build_that_is_not_installed_is_named_beside_those_that_are(select):
    (select.BUILDS / ".cuda.new").mkdir()  # half an install is none
    os.environ["CAFFE_BUILD"] = "cuda"
    with pytest.raises(ImportError, match=r"CAFFE_BUILD=cuda: expected one of the installed builds, found cpu\. Run"):
        select.build()


# -- the kernels


@pytest.mark.parametrize(
    ("flags", "kernels"),
    [
        (f"avx avx2 fma {AVX512} avx512_bf16", "SkylakeX"),
        ("avx avx2 fma avx512f avx512cd", "Haswell"),  # Knights Landing has a part of AVX-512
        ("avx avx2 fma", "Haswell"),
        ("avx avx2", None),
        ("avx", None),
    ],
)
def test_kernels_go_by_what_the_processor_has(select, flags, kernels):
    processor(select, flags)
    assert select.kernels() == kernels
    select.prepare()
    assert os.environ.get("OPENBLAS_CORETYPE") == kernels


@pytest.mark.parametrize("text", [None, "", "CPU architecture: 8\nFeatures\t: fp asimd avx2 fma\n"])
def test_a_processor_that_tells_nothing_is_left_to_openblas(select, text):
    if text is not None:
        select.Path("/proc/cpuinfo").write_text(text)
    assert select.kernels() is None
    assert "OpenBLAS kernels its own choice" in select.describe()


def test_what_the_environment_says_stays(select):
    processor(select, f"avx2 fma {AVX512}")
    os.environ.update(OPENBLAS_CORETYPE="Zen", OMP_WAIT_POLICY="ACTIVE", GLOG_logtostderr="0", OMP_NUM_THREADS="3")
    before = dict(os.environ)
    select.prepare()
    assert os.environ == before
    assert select.describe() == "BVLC Caffe 1.0 (99bd997), cpu build, OpenBLAS kernels Zen, 3 threads"


def test_what_it_sets_where_nothing_is_said(select):
    processor(select, "avx2 fma")
    select.prepare()
    assert [os.environ[name] for name in SET] == ["Haswell", "PASSIVE", "1"]


# -- the module and the programs


def test_only_the_top_level_module_is_found_in_the_build(select):
    (select.BUILDS / "cpu/python/caffe").mkdir(parents=True)
    (select.BUILDS / "cpu/python/caffe/__init__.py").touch()
    finder = select._Finder()
    assert finder.find_spec("caffe").origin == str(select.BUILDS / "cpu/python/caffe/__init__.py")
    assert finder.find_spec("numpy") is finder.find_spec("caffe", ["some package"]) is None


def test_a_program_of_the_chosen_build_gets_the_arguments(select, monkeypatch, capsys):
    started = []
    monkeypatch.setattr(os, "execv", lambda *call: started.append(call))
    monkeypatch.setattr(sys, "argv", ["anything", "train", "-gpu", "0"])
    select.exec_program("caffe")
    assert started == [(select.BUILDS / "cpu/bin/caffe", ["caffe", "train", "-gpu", "0"])]
    assert "cpu build" in capsys.readouterr().err
    os.environ["CAFFE_BUILD"] = "cuda"
    with pytest.raises(SystemExit, match="caffe: CAFFE_BUILD=cuda: expected one of the installed builds"):
        select.exec_program("caffe")
