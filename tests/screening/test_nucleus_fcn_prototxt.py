"""The hand-written NucleusFCN: its three files say the same, and nothing an exporter does not know."""

import pytest

from deeppap.engines.net_probe import probe_net
from deeppap.io.caffe_messages import read_prototxt
from deeppap.screening.nuclei.fcn_crops import CROP
from deeppap.screening.nuclei.fcn_scale import STRIDE
from tests.support.checkout import ROOT

FOLDER = ROOT / "prototxt/nucleus_fcn"
EXPORTED = {"Input", "Convolution", "ReLU", "Pooling", "Deconvolution", "Concat", "Sigmoid"}


@pytest.fixture(scope="module")
def deploy():
    return read_prototxt(FOLDER / "deploy.prototxt", "NetParameter")


def test_deploy_is_train_val_without_what_only_training_needs(deploy):
    train = read_prototxt(FOLDER / "train_val.prototxt", "NetParameter")
    for net in (train, deploy):
        for layer in net.layer:
            layer.ClearField("param")
            layer.convolution_param.ClearField("weight_filler")
            layer.convolution_param.ClearField("bias_filler")
    both = [[one for one in net.layer if one.name not in ("data", "target", "loss", "prob")] for net in (train, deploy)]
    assert both[0] == both[1]
    assert [one.type for one in train.layer if one.name in ("data", "target", "loss")] == [
        "Data",
        "Data",
        "SigmoidCrossEntropyLoss",
    ]


def test_layers_are_those_that_are_exported(deploy):
    assert {layer.type for layer in deploy.layer} <= EXPORTED


def test_the_map_has_half_the_sides_of_its_input():
    blobs = probe_net(FOLDER / "deploy.prototxt")["blobs"]
    assert blobs["data"] == [1, 1, CROP, CROP]
    assert blobs["prob"] == [1, 1, CROP // STRIDE, CROP // STRIDE]


def test_the_solver_names_the_net_and_ends_in_a_snapshot():
    solver = read_prototxt(FOLDER / "solver.prototxt", "SolverParameter")
    assert solver.net == "prototxt/nucleus_fcn/train_val.prototxt"
    assert (solver.type, solver.random_seed) == ("Adam", 1)
