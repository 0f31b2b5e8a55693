"""Every net of the project leaves Caffe as ONNX, and gives there what Caffe gives, layer by layer."""

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the engines are not installed: make engines")

from deeppap.engines.onnx_export.graph import net_graph
from deeppap.engines.onnx_export.proof import prove
from deeppap.io.caffe_messages import read_prototxt
from tests.support.checkout import ROOT
from tests.support.small_nets import caffe_weights

NETS = {  # prototxt folder: outputs, and what its input is like
    "": (2, 60),
    "seven_class": (7, 60),
    "nucleus_fcn": (None, 1),
    "caffenet": (1000, 60),
}


def one_by_one(net):
    """Names of what the layers give, an in-place one by its own name."""
    return [layer.top[0] if layer.top[0] not in layer.bottom else layer.name for layer in net.layer[1:]]


@pytest.mark.slow
@pytest.mark.parametrize("folder", NETS)
def test_a_net_is_exported_whole(folder, tmp_path):
    import onnx

    classes, spread = NETS[folder]
    deploy = ROOT / "prototxt" / folder / "deploy.prototxt"
    weights = caffe_weights(tmp_path / "random.caffemodel", deploy)
    model = net_graph(deploy, weights)
    onnx.checker.check_model(model, full_check=True)  # what Netron and others need to open it
    shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim][1:]
    data = np.random.default_rng(6).normal(0, spread, (2, *shape)).astype(np.float32)
    found = prove(model, deploy, weights, data)
    assert [one.layer for one in found] == one_by_one(read_prototxt(deploy, "NetParameter"))
    assert all(one.range > 0 for one in found)
    last = model.graph.output[0].type.tensor_type.shape.dim
    assert (model.graph.output[0].name, last[0].dim_param) == ("prob", "N")
    assert classes is None or last[1].dim_value == classes


def test_the_detectors_net_takes_a_field_of_another_size(tmp_path):
    deploy = ROOT / "prototxt/nucleus_fcn/deploy.prototxt"
    weights = caffe_weights(tmp_path / "random.caffemodel", deploy)
    model = net_graph(deploy, weights, [1, 92, 140])
    data = np.random.default_rng(7).uniform(0, 1, (1, 1, 92, 140)).astype(np.float32)
    assert prove(model, deploy, weights, data)[-1].layer == "prob"
    size = [dim.dim_value for dim in model.graph.output[0].type.tensor_type.shape.dim][1:]
    assert size == [1, 46, 70]
