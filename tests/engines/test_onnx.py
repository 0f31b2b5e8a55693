"""Nets of the project as ONNX: every layer gives what Caffe's gives, and a graph is made once."""

import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the engines are not installed: make engines")

import onnx

from deeppap.engines import deploy as read_deploy_module
from deeppap.engines import onnx_proof
from deeppap.engines.onnx_graph import net_graph
from deeppap.engines.onnx_proof import compare_layers, proven_graph
from deeppap.io.caffe_messages import read_prototxt
from deeppap.io.errors import UserError
from tests.support.checkout import ROOT
from tests.support.small_nets import caffe_weights, write_net

DEPLOY = ROOT / "prototxt/deploy.prototxt"
NETS = {"": (2, 60), "seven_class": (7, 60), "nucleus_fcn": (None, 1)}  # outputs, input's spread
LAYER = 'layer {{ name: "out" type: "{}" bottom: "data" top: "out" {} }}'
LAYERS = {
    "convolution": ("Convolution", "convolution_param { num_output: 6 kernel_size: 3 stride: 2 pad: 1 }"),
    "convolution in groups": ("Convolution", "convolution_param { num_output: 6 kernel_size: 3 group: 2 }"),
    "convolution without bias": ("Convolution", "convolution_param { num_output: 3 kernel_size: 1 bias_term: false }"),
    "convolution, dilated": ("Convolution", "convolution_param { num_output: 3 kernel_size: 3 pad: 4 dilation: 4 }"),
    "deconvolution": ("Deconvolution", "convolution_param { num_output: 3 kernel_size: 4 stride: 2 pad: 1 }"),
    "deconvolution in groups": (
        "Deconvolution",
        "convolution_param { num_output: 4 kernel_size: 4 stride: 2 pad: 1 group: 4 bias_term: false }",
    ),
    "inner product": ("InnerProduct", "inner_product_param { num_output: 5 }"),
    "inner product without bias": ("InnerProduct", "inner_product_param { num_output: 5 bias_term: false }"),
    "relu": ("ReLU", ""),
    "lrn": ("LRN", "lrn_param { local_size: 3 alpha: 0.5 beta: 0.75 k: 2 }"),
    "lrn wider than the channels": ("LRN", "lrn_param { local_size: 9 alpha: 0.5 beta: 0.5 }"),
    "dropout": ("Dropout", "dropout_param { dropout_ratio: 0.5 }"),
    "softmax": ("Softmax", ""),
    "sigmoid": ("Sigmoid", ""),
}
# Caffe rounds the number of windows up and cuts them off at the border, ONNX rounds down
WINDOWS = [(3, 2, 0), (2, 2, 0), (3, 2, 1), (2, 3, 0), (4, 3, 2), (5, 4, 2), (3, 3, 1), (2, 2, 1), (5, 1, 4)]
for kernel, stride, pad in WINDOWS:
    options = f"pooling_param {{ pool: MAX kernel_size: {kernel} stride: {stride} pad: {pad} }}"
    LAYERS[f"pooling {kernel} {stride} {pad}"] = ("Pooling", options)


def data(shape, seed=3):
    return np.random.default_rng(seed).normal(0, 2, shape).astype(np.float32)


@pytest.fixture(scope="module", params=[(13, 11), (14, 8)])
def differences(request, tmp_path_factory):
    """Of one net with all layers side by side: each net that Caffe is asked about takes a process of its own."""
    layers = "\n".join(LAYER.replace("out", name).format(*layer) for name, layer in LAYERS.items())
    deploy, weights = write_net(tmp_path_factory.mktemp("layers"), layers, (2, 4, *request.param))
    found = compare_layers(net_graph(deploy, weights), deploy, weights, data((3, 4, *request.param)))
    return {difference.layer: difference for difference in found}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_gives_what_caffes_gives(name, differences):
    assert differences.keys() == LAYERS.keys()
    assert differences[name].range > 0


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("TanH", ""),
        ("ReLU", "relu_param { negative_slope: 0.1 }"),
        ("LRN", "lrn_param { norm_region: WITHIN_CHANNEL local_size: 3 }"),
        ("Pooling", "pooling_param { pool: AVE kernel_size: 2 }"),
        ("Pooling", "pooling_param { global_pooling: true }"),
        ("Convolution", "convolution_param { num_output: 3 kernel_h: 1 kernel_w: 5 }"),
        ("Convolution", "convolution_param { num_output: 3 kernel_size: 1 kernel_size: 3 }"),
        ("InnerProduct", "inner_product_param { num_output: 5 axis: 2 }"),
    ],
)
def test_what_cannot_be_exported_is_refused_by_layer_and_type(kind, options, tmp_path, monkeypatch):
    """Of a net from elsewhere, and of one of this checkout's own, which Caffe would take."""
    for _ in ("from elsewhere", "own"):
        with pytest.raises(UserError, match=f"layer odd of type {kind}"):
            deploy, weights = write_net(tmp_path, LAYER.format(kind, options).replace('name: "out"', 'name: "odd"'))
            net_graph(deploy, weights)
        (tmp_path / "prototxt").mkdir(exist_ok=True)
        (tmp_path / "deploy.prototxt").rename(tmp_path / "prototxt/deploy.prototxt")
        monkeypatch.setattr(read_deploy_module, "ROOT", tmp_path)


def test_a_wrong_graph_is_refused_by_layer(tmp_path):
    deploy, weights = write_net(tmp_path, LAYER.format(*LAYERS["convolution"]))
    model = net_graph(deploy, weights)
    values = np.frombuffer(model.graph.initializer[0].raw_data, np.float32).copy()
    values[0] += 0.01
    model.graph.initializer[0].raw_data = values.tobytes()
    with pytest.raises(UserError, match="out within 1e-05 of its range"):
        compare_layers(model, deploy, weights, data((2, 4, 13, 11)))


@pytest.mark.slow
@pytest.mark.parametrize("folder", NETS)
def test_a_net_of_the_project_is_exported_whole(folder, tmp_path):
    classes, spread = NETS[folder]
    deploy = ROOT / "prototxt" / folder / "deploy.prototxt"
    weights = caffe_weights(tmp_path / "random.caffemodel", deploy)
    model = net_graph(deploy, weights)
    onnx.checker.check_model(model, full_check=True)  # what Netron and others need to open it
    shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim][1:]
    found = compare_layers(model, deploy, weights, spread * data((2, *shape)) / 2)
    layers = read_prototxt(deploy, "NetParameter").layer[1:]
    in_place = [layer.top[0] in layer.bottom for layer in layers]
    names = [layer.name if same else layer.top[0] for layer, same in zip(layers, in_place, strict=True)]
    assert [one.layer for one in found] == names
    assert all(one.range > 0 for one in found)
    last = model.graph.output[0].type.tensor_type.shape.dim
    assert (model.graph.output[0].name, last[0].dim_param) == ("prob", "N")
    assert classes is None or last[1].dim_value == classes


@pytest.fixture
def comparisons(monkeypatch, tmp_path):
    """The weights that were compared with Caffe, in a cache of the test's own."""
    made = []
    monkeypatch.setenv("DEEPPAP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(onnx_proof, "compare_layers", lambda model, deploy, weights, data: made.append(weights.name))
    return made


def test_a_net_is_compared_with_caffe_once(trained_model, comparisons, monkeypatch, tmp_path):
    first, other = Path(shutil.copy(trained_model, tmp_path / "first")), tmp_path / "other"
    other.write_bytes(first.read_bytes() + b"\x0a\x01n")
    with monkeypatch.context() as patch:
        patch.setattr(onnx_proof, "caffe_select", lambda: None)
        graph = proven_graph(DEPLOY, first)
    assert not comparisons
    assert proven_graph(DEPLOY, first) == proven_graph(DEPLOY, first) == graph
    proven_graph(DEPLOY, other)
    deploy = tmp_path / "deploy.prototxt"
    deploy.write_text(DEPLOY.read_text().replace("beta: 0.75", "beta: 0.5"))
    assert proven_graph(deploy, first) != graph
    monkeypatch.setattr(onnx_proof, "VERSION", onnx_proof.VERSION + 1)
    proven_graph(DEPLOY, first)
    assert comparisons == ["first", "other", "first", "first"]


def test_without_a_cache_it_is_compared_each_time(trained_model, comparisons, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DEEPPAP_CACHE", str(tmp_path / "file"))
    assert proven_graph(DEPLOY, trained_model) == proven_graph(DEPLOY, trained_model)
    assert len(comparisons) == 2


def test_a_graph_that_differs_from_caffe_is_refused(trained_model, monkeypatch, tmp_path):
    monkeypatch.setenv("DEEPPAP_CACHE", str(tmp_path))
    real = onnx_proof.run_onnx
    monkeypatch.setattr(onnx_proof, "run_onnx", lambda *words: {k: v + 1 for k, v in real(*words).items()})
    for _ in range(2):
        with pytest.raises(UserError, match="within 1e-05 of its range"):
            proven_graph(DEPLOY, trained_model)


def test_a_missing_model(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        proven_graph(DEPLOY, tmp_path / "none.caffemodel")
