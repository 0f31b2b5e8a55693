"""What every engine must do, run over all of them; Caffe is the reference."""

import importlib.util
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from deeppap.engines.crops import crop_views
from deeppap.engines.device import ENGINES, Device, require_engine
from deeppap.engines.engine import open_engine
from deeppap.io.errors import UserError
from tests.support.caffe_nets import gaussian_weights
from tests.support.checkout import ROOT

DEPLOY = ROOT / "prototxt/deploy.prototxt"
TASKS = Path("/proc/self/task")  # of this process, a folder for each thread
KINDS = [(engine, precision) for engine, precisions in ENGINES.items() for precision in precisions]
ALLOWED = {"float32": 2e-6, "bfloat16": 0.02}


def device_of(engine, precision):
    if engine != "caffe" and importlib.util.find_spec(engine) is None:
        pytest.skip(f"{engine} is not installed: make engines")
    try:
        require_engine(engine, precision)
    except UserError as error:
        pytest.skip(str(error))
    return Device(engine=engine, precision=precision, without_gpu=True)


@pytest.fixture(scope="module")
def model(trained_model, tmp_path_factory):
    return shutil.copy(trained_model, tmp_path_factory.mktemp("engines"))


@pytest.fixture(scope="module", params=KINDS, ids=" ".join)
def engine(request, model):
    return open_engine(DEPLOY, type(DEPLOY)(model), device_of(*request.param), batch=7)


@pytest.fixture(scope="module")
def reference(model):
    return open_engine(DEPLOY, type(DEPLOY)(model), Device(), batch=7)


@pytest.fixture(scope="module")
def crops():
    return np.random.default_rng(4).normal(0, 40, (9, 3, 227, 227)).astype(np.float32)


def test_it_says_what_it_is(engine):
    assert (engine.name, engine.precision) in KINDS
    assert engine.hardware.startswith("CPU, ")
    assert (engine.batch, engine.crop, engine.classes) == (7, 227, 2)


def test_it_scores_as_caffe(engine, reference, crops):
    prob = engine(crops)
    assert (prob.shape, prob.dtype) == ((9, 2), np.float32)
    np.testing.assert_allclose(prob, reference(crops), rtol=0, atol=ALLOWED[engine.precision])
    assert len(np.unique(prob[:, 1])) == 9  # it does look at the crop


@pytest.mark.parametrize("layer", ["conv3", "pool5", "fc7_t"])
def test_a_layers_means_come_with_the_scores(engine, reference, crops, layer):
    prob, means = engine.with_layer(crops, layer)
    maps = [reference.activations(crop, (layer,))[layer] for crop in crops]
    expected = np.stack([found.reshape(len(found), -1).mean(axis=1) for found in maps])
    assert np.abs(prob - engine(crops)).max() <= ALLOWED[engine.precision]
    assert (means.shape, means.dtype) == (expected.shape, np.float32)
    np.testing.assert_allclose(means, expected, rtol=0, atol=ALLOWED[engine.precision] * expected.max())
    with pytest.raises(UserError, match="blob conv9"):
        engine.with_layer(crops, "conv9")


def test_neither_order_nor_number_of_crops_matters(engine, crops):
    expected = engine(crops)
    assert np.array_equal(engine(crops), expected)
    assert np.abs(engine(crops[::-1])[::-1] - expected).max() <= ALLOWED[engine.precision]
    assert np.abs(engine(crops[:3]) - expected[:3]).max() <= ALLOWED[engine.precision]
    assert engine(crops[:0]).shape == (0, 2)


def test_no_thread_is_bound_to_one_core(engine, crops):
    usable, seen, done = os.sched_getaffinity(0), [], threading.Event()

    def watch():
        while not done.is_set():
            seen.extend(cores for task in TASKS.iterdir() if (cores := cores_of(task)))
            time.sleep(0.001)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    for _ in range(3):
        engine(crops)
    done.set()
    watcher.join()
    assert {frozenset(cores) for cores in seen} == {frozenset(usable)}  # or two processes may share one core


def cores_of(task):
    try:
        return os.sched_getaffinity(int(task.name))
    except ProcessLookupError:  # it has just ended
        return None


@pytest.mark.parametrize("count", [1, 3])
def test_views(engine, rng, count):
    mean = rng.uniform(0, 255, (3, 256, 256)).astype(np.float32)
    views = rng.integers(0, 256, (2, 256, 256, 3), np.uint8)
    ready = engine.view_input(mean, count)
    memory = ready.memory(2)
    for view, place in zip(views, memory, strict=True):
        ready.fill(view, place)
    prob = ready(memory)
    assert prob.shape == (2, count, 2)
    expected = engine(crop_views(views, mean, 227, count)).reshape(prob.shape)
    assert np.abs(prob - expected).max() <= ALLOWED[engine.precision]


@pytest.fixture(scope="module")
def huge(net_shapes, tmp_path_factory):
    """Weights so large that every pass overflows."""
    return gaussian_weights(tmp_path_factory.mktemp("huge") / "huge.caffemodel", net_shapes, std=1e30)


@pytest.mark.parametrize("kind", KINDS, ids=" ".join)
def test_probabilities_that_are_none_are_refused(kind, huge):
    with pytest.raises(UserError):  # by the proof of the export, where there is one
        open_engine(DEPLOY, huge, device_of(*kind))(np.ones((1, 3, 227, 227), np.float32))


@pytest.mark.parametrize(
    ("engine", "precision", "field"),
    [("tensorrt", "float32", "engine"), ("caffe", "bfloat16", "precision"), ("onnxruntime", "int8", "precision")],
)
def test_an_unknown_engine_or_precision_is_refused(engine, precision, field):
    with pytest.raises(UserError) as caught:
        require_engine(engine, precision)
    assert caught.value.field == field


def test_a_missing_package_caffe_or_bfloat16_is_refused(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="package openvino.*make engines"):
        require_engine("openvino", "float32")
    monkeypatch.setattr("deeppap.engines.device.caffe_select", lambda: None)
    with pytest.raises(UserError, match="Caffe.*make caffe"):
        require_engine("caffe", "float32")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr("deeppap.engines.device.has_bfloat16", lambda: False)
    with pytest.raises(UserError, match="bfloat16"):
        require_engine("openvino", "bfloat16")


WITHOUT_OPENVINOS = """
import multiprocessing, sys
started = []
multiprocessing.Process.start = started.append
from deeppap.engines.device import has_bfloat16
has_bfloat16()
assert "openvino" in sys.modules
assert not started
assert [name for name, module in sys.modules.items() if "openvino_telemetry" in name and module] == []
"""


WITHOUT_ONNXRUNTIMES = """
from pathlib import Path
from deeppap.engines.device import Device
from deeppap.engines.engine import open_engine
net = Path("models/herlev_cric/fold0")
weights = next(net.glob("snapshots/*.caffemodel"))
open_engine(net / "deploy.prototxt", weights, Device(engine="onnxruntime", without_gpu=True))
"""


@pytest.mark.parametrize(("package", "code"), [("openvino", WITHOUT_OPENVINOS), ("onnxruntime", WITHOUT_ONNXRUNTIMES)])
def test_an_engine_sends_no_telemetry(package, code, tmp_path):
    """A user's machine must not tell anybody that it scored a cell."""
    if importlib.util.find_spec(package) is None:
        pytest.skip("the engines are not installed: make engines")
    words = [sys.executable, "-c", code]
    paths = {"HOME": str(tmp_path), "DEEPPAP_CACHE": str(tmp_path.with_name("compared"))}
    done = subprocess.run(words, env=paths, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []  # it would keep a user's number in the home folder
