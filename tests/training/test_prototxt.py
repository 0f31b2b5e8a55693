"""The hand-written prototxt files, asked through Caffe (paper: Table 2, Fig. 7, "Training and Testing Protocols")."""

import subprocess
import sys
from pathlib import Path

import caffe
import numpy as np
import pytest

from deeppap.engines.caffe_net import probe_net
from deeppap.engines.weights_file import blob_array, layers_of
from deeppap.io.caffe_messages import read_binary, write_prototxt
from tests.support.caffe_nets import hand_written, net_on_fold
from tests.support.checkout import ROOT

CONV = ["conv1", "conv2", "conv3", "conv4", "conv5"]
NEW = ["fc6_t", "fc7_t", "fc8_t"]
FOLDERS = {2: ROOT / "prototxt", 7: ROOT / "prototxt/seven_class"}
CLASSES = pytest.mark.parametrize("classes", [2, 7])


@pytest.fixture(scope="module", params=[2, 7])
def probed(request):
    return request.param, probe_net(FOLDERS[request.param] / "deploy.prototxt")


def test_feature_maps_of_table_2_and_fig_7(probed):
    classes, facts = probed
    shapes = {name: shape[1:] for name, shape in facts["blobs"].items()}
    assert shapes == {
        "data": [3, 227, 227],
        "conv1": [96, 55, 55],
        "pool1": [96, 27, 27],
        "norm1": [96, 27, 27],
        "conv2": [256, 27, 27],
        "pool2": [256, 13, 13],
        "norm2": [256, 13, 13],
        "conv3": [384, 13, 13],
        "conv4": [384, 13, 13],
        "conv5": [256, 13, 13],
        "pool5": [256, 6, 6],
        "fc6_t": [1024],
        "fc7_t": [256],
        "fc8_t": [classes],
        "prob": [classes],
    }


def test_weights_of_table_2(probed):
    classes, facts = probed
    assert {name: shapes[0] for name, shapes in facts["params"].items()} == {
        "conv1": [96, 3, 11, 11],
        "conv2": [256, 48, 5, 5],  # groups of two, as in conv4 and conv5
        "conv3": [384, 256, 3, 3],
        "conv4": [384, 192, 3, 3],
        "conv5": [256, 192, 3, 3],
        "fc6_t": [1024, 9216],
        "fc7_t": [256, 1024],
        "fc8_t": [classes, 256],
    }
    assert all(shapes[1] == [shapes[0][0]] for shapes in facts["params"].values())


def test_transferred_layers_are_caffenets():
    """conv1 to pool5 are the source net's, layer by layer: type, strides, pads, groups, LRN before conv."""

    def front(net):
        layers = []
        for layer in net.layer:
            if layer.type in ("InnerProduct", "Data"):
                break
            layer.convolution_param.ClearField("weight_filler")
            layer.convolution_param.ClearField("bias_filler")
            layer.ClearField("param")
            layers += [] if layer.type == "Input" else [write_prototxt(layer)]
        return layers

    source = front(hand_written("caffenet/deploy"))
    assert len(source) == 15
    for classes in (2, 7):
        assert front(hand_written("deploy", classes)) == source
        net = hand_written("train_val", classes)
        while net.layer[0].type == "Data":
            del net.layer[0]
        assert front(net) == source
    order = [layer.type for layer in hand_written("deploy").layer[1:5]]
    assert order == ["Convolution", "ReLU", "Pooling", "LRN"]


@CLASSES
def test_multipliers(classes):
    found = {
        layer.name: [(p.lr_mult, p.decay_mult) for p in layer.param]
        for layer in hand_written("train_val", classes).layer
        if layer.type in ("Convolution", "InnerProduct")
    }
    old, new = [(pytest.approx(0.1), 1), (pytest.approx(0.2), 0)], [(1, 1), (2, 0)]
    assert found == {**dict.fromkeys(CONV, old), **dict.fromkeys(NEW, new)}


@CLASSES
def test_dropout_and_fillers(classes):
    layers = {layer.name: layer for layer in hand_written("train_val", classes).layer}
    assert [layers[name].dropout_param.dropout_ratio for name in ("drop6", "drop7")] == [0.5, 0.5]
    fillers = [layers[name].inner_product_param for name in NEW]
    assert [(f.weight_filler.type, f.bias_filler.value) for f in fillers] == [
        ("gaussian", 1),
        ("gaussian", 1),
        ("gaussian", 0),
    ]
    assert [f.weight_filler.std for f in fillers] == pytest.approx([0.005, 0.005, 0.01])


@CLASSES
def test_input_is_the_papers(classes):
    train, test = [layer for layer in hand_written("train_val", classes).layer if layer.type == "Data"]
    for layer in (train, test):
        assert (layer.transform_param.crop_size, layer.transform_param.scale) == (227, 1)
        assert layer.transform_param.mean_file == "data/fold/mean.binaryproto"
    assert (train.transform_param.mirror, test.transform_param.mirror) == (True, False)
    assert (train.data_param.batch_size, test.data_param.batch_size) == (256, 100)
    assert [layer.data_param.source for layer in (train, test)] == ["data/fold/train_lmdb", "data/fold/val_lmdb"]


@CLASSES
def test_solver_is_the_papers(classes):
    solver = hand_written("solver", classes)
    numbers = [solver.base_lr, solver.gamma, solver.momentum, solver.weight_decay]
    assert numbers == pytest.approx([0.01, 0.1, 0.9, 0.0005])
    assert (solver.lr_policy, solver.type) == ("step", "SGD")
    epoch = solver.test_interval
    assert epoch == solver.snapshot == -(-108_208 // 256) == 423
    assert (solver.max_iter, solver.stepsize) == (30 * epoch, 10 * epoch)
    assert list(solver.test_iter) == [184]
    assert solver.net == str((FOLDERS[classes] / "train_val.prototxt").relative_to(ROOT))


@pytest.fixture(scope="module")
def solver(tmp_path_factory, built_fold, source_weights):
    """The hand-written solver and net on the phantom, batch 4, momentum zero, source weights loaded."""
    caffe.set_mode_cpu()
    folder = tmp_path_factory.mktemp("solver")
    message = hand_written("solver")
    message.net = str(net_on_fold(folder / "train_val.prototxt", built_fold))
    message.momentum = 0
    for name in ("test_iter", "test_interval", "test_initialization", "snapshot", "display"):
        message.ClearField(name)
    message.snapshot_prefix = str(folder / "none")
    (folder / "solver.prototxt").write_text(write_prototxt(message))
    made = caffe.get_solver(str(folder / "solver.prototxt"))
    made.fresh = {name: made.net.params[name][0].data.copy() for name in NEW + CONV}
    made.net.copy_from(str(source_weights))
    return made


def test_source_weights_arrive_bit_for_bit_and_new_layers_stay_fresh(solver, source_weights):
    source = layers_of(read_binary(source_weights, "NetParameter", ""))
    assert sorted(source) == CONV
    for name in CONV:
        for blob, mine in zip(source[name], solver.net.params[name], strict=True):
            assert np.array_equal(blob_array(blob), mine.data)
        assert not np.array_equal(solver.fresh[name], solver.net.params[name][0].data)
    for name, std in zip(NEW, (0.005, 0.005, 0.01), strict=True):
        weights = solver.net.params[name][0].data
        assert np.array_equal(solver.fresh[name], weights)
        assert weights.std() == pytest.approx(std, rel=0.1)


def test_real_caffenet_weights_arrive_too(caffenet_weights, solver):
    source = layers_of(read_binary(caffenet_weights, "NetParameter", ""))
    net = caffe.Net(str(FOLDERS[2] / "deploy.prototxt"), caffe.TEST, weights=str(caffenet_weights))
    for name in CONV:
        for blob, mine in zip(source[name], net.params[name], strict=True):
            assert np.array_equal(blob_array(blob).ravel(), mine.data.ravel())


def test_one_step_without_momentum(solver):
    """W' = w - base_lr x lr_mult x (gradient + decay_mult x weight_decay x w)."""
    net = solver.net
    net.forward()
    net.backward()
    before = {name: [(b.data.copy(), b.diff.copy()) for b in blobs] for name, blobs in net.params.items()}
    solver.apply_update()
    assert list(before) == CONV + NEW
    for name, blobs in before.items():
        transferred = name in CONV
        for blob, (data, gradient), kind in zip(net.params[name], blobs, ("weight", "bias"), strict=True):
            factor = (0.1 if transferred else 1) * (2 if kind == "bias" else 1)
            decay = 0.0005 * data if kind == "weight" else 0
            expected = -0.01 * factor * (gradient + decay)
            moved = blob.data.astype(np.float64) - data
            # a step is known to half a unit in the last place of the weight it moves
            assert np.abs(moved - expected).max() <= 1e-3 * np.abs(expected).max() + np.spacing(np.abs(data).max())
            if gradient.any():
                assert np.abs(moved).max() > 0
            if kind == "weight":
                # the fit over all weights of the layer gives the factor itself
                wanted = (gradient + decay).astype(np.float64)
                assert -(moved * wanted).sum() / (wanted**2).sum() == pytest.approx(0.01 * factor, rel=0.02)


@CLASSES
def test_deploy_and_train_val_agree(classes, built_fold, tmp_path):
    path = net_on_fold(tmp_path / "train_val.prototxt", built_fold, classes)
    caffe.set_mode_cpu()
    caffe.set_random_seed(3)
    train_val = caffe.Net(str(path), caffe.TEST)
    train_val.save(str(tmp_path / "random.caffemodel"))
    deploy_file = str(FOLDERS[classes] / "deploy.prototxt")
    deploy = caffe.Net(deploy_file, caffe.TEST, weights=str(tmp_path / "random.caffemodel"))
    assert {n: [b.data.shape for b in p] for n, p in deploy.params.items()} == {
        n: [b.data.shape for b in p] for n, p in train_val.params.items()
    }
    out = train_val.forward()
    data = train_val.blobs["data"].data
    deploy.blobs["data"].reshape(*data.shape)
    deploy.blobs["data"].data[...] = data
    prob = deploy.forward()["prob"]
    for name in ("pool1", "pool5", "fc6_t", "fc8_t"):
        assert np.array_equal(deploy.blobs[name].data, train_val.blobs[name].data)
    labels = train_val.blobs["label"].data.astype(int)
    assert float(out["loss"]) == pytest.approx(-np.log(prob[np.arange(len(labels)), labels]).mean(), rel=1e-5)
    assert float(out["accuracy"]) == pytest.approx((prob.argmax(axis=1) == labels).mean())
    names = [layer.name for layer in hand_written("deploy", classes).layer][1:-1]
    own = [layer.name for layer in hand_written("train_val", classes).layer][2:-2]
    assert names == own


def test_caffes_own_programs_read_them(tmp_path):
    """Nothing in them is of an older format, so Caffe's upgrade tool changes not a word."""
    tool = Path(sys.prefix) / "bin/upgrade_net_proto_text"
    for file in sorted((ROOT / "prototxt").rglob("*.prototxt")):
        if file.name == "solver.prototxt":
            continue
        out = tmp_path / "upgraded.prototxt"
        done = subprocess.run([tool, file, out], capture_output=True, text=True, env={"GLOG_logtostderr": "1"})
        assert done.returncode == 0, done.stderr
        assert "File already in latest proto format" in done.stderr
