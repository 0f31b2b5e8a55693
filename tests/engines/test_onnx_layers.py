"""Every layer type beside Caffe's own, where Caffe and ONNX count differently most of all."""

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the engines are not installed: make engines")

from deeppap.engines.onnx_export.graph import net_graph
from deeppap.engines.onnx_export.proof import prove
from deeppap.io.errors import UserError
from tests.support.small_nets import write_net

ONE = 'layer {{ name: "out" type: "{}" bottom: "data" top: "out" {} }}'
LAYERS = {
    "convolution": ("Convolution", "convolution_param { num_output: 6 kernel_size: 3 stride: 2 pad: 1 }"),
    "convolution in groups": ("Convolution", "convolution_param { num_output: 6 kernel_size: 3 group: 2 }"),
    "convolution without bias": ("Convolution", "convolution_param { num_output: 3 kernel_size: 1 bias_term: false }"),
    "convolution, wide": (
        "Convolution",
        "convolution_param { num_output: 3 kernel_h: 1 kernel_w: 5 pad_h: 0 pad_w: 2 stride_h: 2 stride_w: 1 }",
    ),
    "convolution, dilated": ("Convolution", "convolution_param { num_output: 3 kernel_size: 3 pad: 4 dilation: 4 }"),
    "deconvolution": ("Deconvolution", "convolution_param { num_output: 3 kernel_size: 4 stride: 2 pad: 1 }"),
    "deconvolution in groups": (
        "Deconvolution",
        "convolution_param { num_output: 4 kernel_size: 4 stride: 2 pad: 1 group: 4 bias_term: false }",
    ),
    "inner product": ("InnerProduct", "inner_product_param { num_output: 5 }"),
    "inner product, transposed": ("InnerProduct", "inner_product_param { num_output: 5 transpose: true }"),
    "inner product without bias": ("InnerProduct", "inner_product_param { num_output: 5 bias_term: false }"),
    "relu": ("ReLU", ""),
    "relu with a slope": ("ReLU", "relu_param { negative_slope: 0.1 }"),
    "lrn": ("LRN", "lrn_param { local_size: 3 alpha: 0.5 beta: 0.75 k: 2 }"),
    "lrn wider than the channels": ("LRN", "lrn_param { local_size: 9 alpha: 0.5 beta: 0.5 }"),
    "dropout": ("Dropout", "dropout_param { dropout_ratio: 0.5 }"),
    "softmax": ("Softmax", ""),
    "softmax over rows": ("Softmax", "softmax_param { axis: 2 }"),
    "sigmoid": ("Sigmoid", ""),
    "global average": ("Pooling", "pooling_param { pool: AVE global_pooling: true }"),
}
POOLING = "pooling_param {{ pool: {} kernel_size: {} stride: {} pad: {} }}"
WINDOWS = [(3, 2, 0), (2, 2, 0), (3, 2, 1), (2, 3, 0), (4, 3, 2), (5, 4, 2), (3, 3, 1), (2, 2, 1), (5, 1, 4)]
LAYERS |= {f"{k} {w}": ("Pooling", POOLING.format(k, *w)) for k in ("MAX", "AVE") for w in WINDOWS}


def data(shape, seed=3):
    return np.random.default_rng(seed).normal(0, 2, shape).astype(np.float32)


@pytest.fixture(scope="module", params=[(13, 11), (14, 8)])
def differences(request, tmp_path_factory):
    """Of one net with all layers side by side: each question to Caffe is a process of its own."""
    layers = "\n".join(ONE.replace("out", name).format(*layer) for name, layer in LAYERS.items())
    deploy, weights = write_net(tmp_path_factory.mktemp("layers"), layers, (2, 4, *request.param))
    found = prove(net_graph(deploy, weights), deploy, weights, data((3, 4, *request.param)))
    return {difference.layer: difference for difference in found}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_gives_what_caffes_gives(name, differences):
    assert differences.keys() == LAYERS.keys()
    assert differences[name].range > 0


@pytest.mark.parametrize(
    "layer",
    [
        'type: "Concat"',
        'type: "Concat" concat_param { axis: 2 }',
        'type: "Eltwise"',
        'type: "Eltwise" eltwise_param { operation: PROD }',
        'type: "Eltwise" eltwise_param { operation: MAX }',
    ],
)
def test_layers_of_several_inputs_and_in_place(layer, tmp_path):
    net = f"""
      layer {{ name: "conv" type: "Convolution" bottom: "data" top: "conv"
               convolution_param {{ num_output: 4 kernel_size: 3 pad: 1 }} }}
      layer {{ name: "relu" type: "ReLU" bottom: "conv" top: "conv" }}
      layer {{ name: "drop" type: "Dropout" bottom: "conv" top: "conv" }}
      layer {{ name: "sig" type: "Sigmoid" bottom: "data" top: "sig" }}
      layer {{ name: "out" bottom: "conv" bottom: "data" bottom: "sig" top: "out" {layer} }}"""
    deploy, weights = write_net(tmp_path, net)
    found = prove(net_graph(deploy, weights), deploy, weights, data((2, 4, 13, 11)))
    assert [difference.layer for difference in found] == ["conv", "relu", "drop", "sig", "out"]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("TanH", ""),
        ("LRN", "lrn_param { norm_region: WITHIN_CHANNEL local_size: 3 }"),
        ("Pooling", "pooling_param { pool: STOCHASTIC kernel_size: 2 }"),
        ("InnerProduct", "inner_product_param { num_output: 5 axis: 2 }"),
        ("Pooling", "pooling_param { pool: MAX kernel_size: 1 stride: 7 }"),
    ],
)
def test_what_has_no_translation_is_refused_by_name_and_type(kind, options, tmp_path):
    deploy, weights = write_net(tmp_path, ONE.format(kind, options).replace('name: "out"', 'name: "odd"'))
    with pytest.raises(UserError, match=f"layer odd of type {kind}"):
        net_graph(deploy, weights)


def test_another_size_of_input(tmp_path):
    deploy, weights = write_net(tmp_path, ONE.format(*LAYERS["MAX (3, 2, 0)"]))
    model = net_graph(deploy, weights, [4, 20, 30])
    assert prove(model, deploy, weights, data((1, 4, 20, 30)))


def test_a_wrong_graph_is_refused_by_the_layer(tmp_path):
    deploy, weights = write_net(tmp_path, ONE.format(*LAYERS["convolution"]))
    model = net_graph(deploy, weights)
    values = np.frombuffer(model.graph.initializer[0].raw_data, np.float32).copy()
    values[0] += 0.01
    model.graph.initializer[0].raw_data = values.tobytes()
    with pytest.raises(UserError, match="out within 1e-05 of its range"):
        prove(model, deploy, weights, data((2, 4, 13, 11)))
