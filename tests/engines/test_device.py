"""--gpu and --tf32 on a machine that has none of either, and on one that is made to look as if it had."""

import os
import sys
from types import SimpleNamespace

import pytest

from deeppap.engines import device as module
from deeppap.engines.device import Device, adopt, gpus_for_workers, resolve
from deeppap.io.errors import UserError
from deeppap.training.resolve import data_layer, share_batch
from tests.support.caffe_nets import hand_written


@pytest.fixture
def environment():
    """What resolve sets is taken back after the test."""
    kept = {name: os.environ.pop(name, None) for name in ("CAFFE_TF32", "CAFFE_BUILD", "NVIDIA_TF32_OVERRIDE")}
    yield os.environ
    for name, value in kept.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


@pytest.fixture
def gpus(monkeypatch, environment):
    """A machine with two GPUs, as far as this project can tell."""
    monkeypatch.setattr(module, "cuda_build_chosen", lambda: True)
    monkeypatch.setattr(module, "gpu_names", lambda: ["Card A", "Card B"])


def test_without_a_cuda_build_the_cpu_is_the_default_and_a_gpu_is_refused(environment, monkeypatch):
    monkeypatch.setattr(module, "cuda_build_chosen", lambda: False)
    assert resolve(None) == Device()
    assert resolve("none") == Device(without_gpu=True)
    assert (Device().arguments, Device().number, Device().count) == ([], None, 0)
    for choice in ("0", "all"):
        with pytest.raises(UserError, match="CUDA=1") as caught:
            resolve(choice)
        assert caught.value.field == "gpu"
        with monkeypatch.context() as patch, pytest.raises(UserError, match="nvidia-smi"):
            patch.setattr(module, "_build_installed", lambda build: True)
            resolve(choice)


@pytest.mark.parametrize("choice", ["-1", "0,1", "first", ""])
def test_other_words_are_refused(gpus, choice):
    with pytest.raises(UserError) as caught:
        resolve(choice)
    assert caught.value.field == "gpu"


@pytest.mark.parametrize(
    ("choice", "words", "number", "count", "name"),
    [
        (None, ["-gpu", "0"], 0, 1, "GPU, Card A"),
        ("1", ["-gpu", "1"], 1, 1, "GPU, Card B"),
        ("7", ["-gpu", "7"], 7, 1, "GPU, 7"),
        ("all", ["-gpu", "all"], 0, 2, "GPU, Card A + Card B"),
        ("none", [], None, 0, Device().processor),
    ],
)
def test_with_gpus(gpus, choice, words, number, count, name):
    device = resolve(choice)
    assert (device.arguments, device.number, device.count, device.hardware) == (words, number, count, name)


@pytest.mark.parametrize(
    ("choice", "shown", "expected"), [(None, "", ["0", "1"]), ("1", "", ["1"]), ("all", "4,5", ["4", "5"])]
)
def test_each_worker_has_a_gpu_of_its_own(gpus, monkeypatch, choice, shown, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
    assert gpus_for_workers(resolve(choice), choice) == expected
    assert adopt(resolve(choice)).gpu == "0"  # the first that the worker sees
    assert gpus_for_workers(resolve("none"), "none") == []


def test_tf32_is_off_unless_asked_for(gpus, environment):
    environment["NVIDIA_TF32_OVERRIDE"] = "1"
    assert resolve("0").precision == "float32"
    assert environment["NVIDIA_TF32_OVERRIDE"] == "0"
    assert "CAFFE_TF32" not in environment
    assert not resolve("0").tf32
    device = resolve("0", tf32=True)
    assert (device.tf32, device.precision) == (True, "tf32")
    assert environment["CAFFE_TF32"] == "1"
    assert "NVIDIA_TF32_OVERRIDE" not in environment
    assert resolve("0").tf32  # as the environment says
    assert not resolve("none").tf32
    with pytest.raises(UserError) as caught:
        resolve("none", tf32=True)
    assert caught.value.field == "tf32"


def test_scores_are_in_tf32_only_by_an_engine_on_the_gpu(monkeypatch):
    """OpenVINO computes on the CPU whatever GPU Caffe trains on."""
    assert Device(gpu="0", tf32=True).scores_in_tf32
    assert not Device(gpu="0", tf32=True, engine="openvino").scores_in_tf32
    for provider, tf32 in {"CPUExecutionProvider": False, "CUDAExecutionProvider": True}.items():
        package = SimpleNamespace(get_available_providers=lambda provider=provider: [provider])
        monkeypatch.setitem(sys.modules, "onnxruntime", package)
        assert Device(gpu="0", tf32=True, engine="onnxruntime").scores_in_tf32 is tf32


def test_what_scores_is_named_by_the_engine(monkeypatch):
    """ONNX Runtime takes a GPU if its package can, whatever Caffe was built for, unless told otherwise."""
    monkeypatch.setattr(module, "uses_gpu", lambda engine: engine != "openvino")
    processor = Device().processor
    assert Device().scores_on == Device(gpu="0", engine="openvino").scores_on == processor
    assert Device(gpu="0").scores_on.startswith("GPU, ")
    assert Device(engine="onnxruntime").scores_on.startswith("GPU, ")
    assert Device(engine="onnxruntime", without_gpu=True).scores_on == processor


def test_without_caffe_the_device_says_so(monkeypatch):
    monkeypatch.setattr(module, "caffe_select", lambda: None)
    assert not module.cuda_build_chosen()
    text = Device(engine="openvino").describe()
    assert "no Caffe" in text and "openvino" in text


def test_gpus_share_the_batch_of_the_prototxt():
    net = hand_written("train_val")
    whole = data_layer(net, 0).data_param.batch_size
    share_batch(net, 0)
    share_batch(net, 1)
    assert data_layer(net, 0).data_param.batch_size == whole == 256
    share_batch(net, 4)
    assert data_layer(net, 0).data_param.batch_size == 64
    with pytest.raises(UserError, match="divides the batch of 64"):
        share_batch(net, 3)
