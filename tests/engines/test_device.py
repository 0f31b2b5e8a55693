"""--gpu and --tf32 on a machine that has none of either, and on one that is made to look as if it had."""

import os
import sys
from types import SimpleNamespace

import pytest

from deeppap.engines import device as gpu
from deeppap.io.errors import UserError
from deeppap.scoring.score_way import precision_of
from deeppap.training.resolve import data_layer, share_batch
from tests.support.caffe_nets import hand_written
from tests.support.checkout import run_tool


@pytest.fixture
def environment(monkeypatch):
    """What resolve sets is taken back after the test."""
    kept = {name: os.environ.get(name) for name in ("CAFFE_TF32", "CAFFE_BUILD", "NVIDIA_TF32_OVERRIDE")}
    for name in kept:
        os.environ.pop(name, None)
    yield os.environ
    for name, value in kept.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


@pytest.fixture
def cards(monkeypatch):
    """A machine with two cards, as far as this project can tell."""
    monkeypatch.setattr(gpu, "cuda_build_chosen", lambda: True)
    monkeypatch.setattr(gpu, "card_names", lambda: ["Card A", "Card B"])


def test_without_a_cuda_build_the_cpu_is_the_default_and_a_gpu_is_refused(environment, monkeypatch):
    monkeypatch.setattr(gpu, "cuda_build_chosen", lambda: False)
    assert gpu.resolve(None) == gpu.Device()
    assert gpu.resolve("none") == gpu.Device(without_gpu=True)
    assert gpu.Device().arguments == []
    assert gpu.Device().number is None
    assert gpu.Device().count == 0
    for choice in ("0", "all"):
        with pytest.raises(UserError, match="found the CPU build alone.*CUDA=1"):
            gpu.resolve(choice)
        with monkeypatch.context() as patch, pytest.raises(UserError, match="found no GPU.*nvidia-smi"):
            patch.setattr(gpu, "_installed", lambda build: True)
            gpu.resolve(choice)


@pytest.mark.parametrize("choice", ["-1", "0,1", "first", ""])
def test_other_words_are_refused_with_or_without_a_gpu(cards, environment, choice):
    with pytest.raises(UserError, match="a number, all or none"):
        gpu.resolve(choice)


@pytest.mark.parametrize(
    ("choice", "words", "number", "count"),
    [(None, ["-gpu", "0"], 0, 1), ("1", ["-gpu", "1"], 1, 1), ("all", ["-gpu", "all"], 0, 2), ("none", [], None, 0)],
)
def test_with_cards(cards, environment, choice, words, number, count):
    device = gpu.resolve(choice)
    assert (device.arguments, device.number, device.count) == (words, number, count)


def test_the_device_is_named(cards, environment):
    assert gpu.resolve("1").hardware == "GPU, Card B"
    assert gpu.resolve("all").hardware == "GPU, Card A + Card B"
    assert gpu.resolve("7").hardware == "GPU, 7"
    assert gpu.resolve("none").hardware.startswith("CPU, ")


def test_tf32_is_off_unless_asked_for(cards, environment):
    environment["NVIDIA_TF32_OVERRIDE"] = "1"
    assert gpu.resolve("0").precision == "float32"
    assert environment["NVIDIA_TF32_OVERRIDE"] == "0"
    assert "CAFFE_TF32" not in environment
    assert not gpu.resolve("0").tf32
    device = gpu.resolve("0", tf32=True)
    assert (device.tf32, device.precision) == (True, "tf32")
    assert environment["CAFFE_TF32"] == "1"
    assert "NVIDIA_TF32_OVERRIDE" not in environment
    assert gpu.resolve("0").tf32  # as the environment says
    assert not gpu.resolve("none").tf32


def test_scores_are_in_tf32_only_by_an_engine_on_the_card(monkeypatch):
    """OpenVINO computes on the processor whatever card Caffe trains on."""
    packages = {"CPUExecutionProvider": False, "CUDAExecutionProvider": True}
    on = {"caffe": True, "openvino": False}
    for engine, tf32 in on.items():
        device = gpu.Device(gpu="0", tf32=True, engine=engine)
        assert device.scores_in_tf32 is tf32 and (precision_of(device) == "tf32") is tf32
        assert not gpu.Device(engine=engine).scores_in_tf32
    for provider, tf32 in packages.items():
        package = SimpleNamespace(get_available_providers=lambda provider=provider: [provider])
        monkeypatch.setitem(sys.modules, "onnxruntime", package)
        assert gpu.Device(gpu="0", tf32=True, engine="onnxruntime").scores_in_tf32 is tf32


def test_what_scores_is_named_by_the_engine(monkeypatch):
    """ONNX Runtime takes a card where its package can, whatever Caffe was built for, unless told otherwise."""
    monkeypatch.setattr(gpu, "on_card", lambda engine: engine != "openvino")
    card, caffe = {"gpu": "0"}, gpu.Device()
    assert caffe.scores_on == caffe.processor and gpu.Device(**card).scores_on.startswith("GPU, ")
    assert gpu.Device(**card, engine="openvino").scores_on == caffe.processor
    assert gpu.Device(engine="onnxruntime").scores_on.startswith("GPU, ")
    assert gpu.Device(engine="onnxruntime", without_gpu=True).scores_on == caffe.processor


def test_tf32_without_a_gpu_is_refused(environment):
    with pytest.raises(UserError, match="--tf32"):
        gpu.resolve("none", tf32=True)


def test_tools_refuse_what_this_machine_has_not(checkout):
    if gpu.cuda_build_chosen():
        pytest.skip("this machine has a GPU")
    for words in (["--gpu", "0"], ["--gpu", "none", "--tf32"]):
        done = run_tool(checkout, "train", "--from-scratch", *words, status=2)
        assert done.stderr.count("\n") == 1
        assert words[-1].removeprefix("0") in done.stderr


def test_cards_share_the_batch_of_the_prototxt():
    net = hand_written("train_val")
    whole = data_layer(net, 0).data_param.batch_size
    share_batch(net, 0)
    share_batch(net, 1)
    assert data_layer(net, 0).data_param.batch_size == whole == 256
    share_batch(net, 4)
    assert data_layer(net, 0).data_param.batch_size == 64
    with pytest.raises(UserError, match="divides the batch of 64"):
        share_batch(net, 3)
