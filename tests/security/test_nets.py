"""Nets from elsewhere: a prototxt is a program, and a .caffemodel may claim what it does not hold.

None of these reaches Caffe. With the check of `read_deploy` switched off, the first ones run Python, overwrite a file,
or print a file's lines.
"""

import os
import shutil

import msgspec
import numpy as np
import pytest

from deeppap.engines.caffe_engine import CaffeEngine
from deeppap.engines.deploy import read_deploy
from deeppap.engines.weights_file import check_weights
from deeppap.io.caffe_messages import MAX_PARTS, caffe_pb2, read_binary
from deeppap.io.errors import UserError
from deeppap.io.files import read_file, sha256_file
from deeppap.records import ModelRecord
from deeppap.scoring.trained_model import TrainedModel
from tests.support.caffe_nets import gaussian_weights
from tests.support.checkout import ROOT

OWN = (ROOT / "prototxt/deploy.prototxt").read_text(encoding="utf-8")
EVIL = """
import pathlib
pathlib.Path({marker!r}).write_text("run")
import caffe
class Evil(caffe.Layer):
    def setup(self, bottom, top): pass
    def reshape(self, bottom, top): top[0].reshape(1)
    def forward(self, bottom, top): pass
"""
# what a net asks for beside its own layers, in Caffe's words; VICTIM is a user's file
ATTACKS = {
    "Python": 'type: "Python" top: "x" python_param { module: "evil" layer: "Evil" }',
    "HDF5Output": 'type: "HDF5Output" bottom: "data" bottom: "data" hdf5_output_param { file_name: "VICTIM" }',
    "HDF5Data": 'type: "HDF5Data" top: "x" hdf5_data_param { source: "VICTIM" batch_size: 1 }',
    "ImageData": 'type: "ImageData" top: "x" top: "y" image_data_param { source: "VICTIM" batch_size: 1 }',
    "WindowData": 'type: "WindowData" top: "x" top: "y" window_data_param { source: "VICTIM" }',
    "Data": 'type: "Data" top: "x" data_param { source: "VICTIM" batch_size: 1 backend: LMDB }',
    "mean file": 'type: "ReLU" bottom: "data" top: "x" transform_param { mean_file: "VICTIM" }',
    "an Input with another layer's options": 'type: "ReLU" bottom: "data" top: "x" python_param { module: "evil" }',
    "shared weights": 'type: "InnerProduct" bottom: "data" top: "x" inner_product_param { num_output: 2 }'
    ' param { name: "w" }',
    "a phase": 'type: "ReLU" bottom: "data" top: "x" include { phase: TEST }',
    "outputs": 'type: "InnerProduct" bottom: "data" top: "x" inner_product_param { num_output: 4294967295 }',
    "weights": 'type: "InnerProduct" bottom: "data" top: "x" inner_product_param { num_output: 4096 }',
    "values": 'type: "Deconvolution" bottom: "data" top: "x"'
    " convolution_param { num_output: 64 kernel_size: 4 stride: 4 }",
    "work": 'type: "Convolution" bottom: "norm2" top: "x" convolution_param { num_output: 4096 kernel_size: 9 pad: 4 }',
    "work in pooling": 'type: "Pooling" bottom: "conv1" top: "x" pooling_param { kernel_size: 55 pad: 54 }',
    "work in LRN": 'type: "LRN" bottom: "conv1" top: "x" lrn_param { local_size: 4095 }',
    "a stride of 0": 'type: "Pooling" bottom: "data" top: "x" pooling_param { kernel_size: 2 stride: 0 }',
    "an unknown input": 'type: "ReLU" bottom: "nothing" top: "x"',
    "an output twice": 'type: "LRN" bottom: "data" top: "conv1"',
    "a second input": 'type: "Input" top: "x" input_param { shape { dim: 1 dim: 1 dim: 1 dim: 1 } }',
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_layer_that_may_not_be_built(attack, trained_model, tmp_path, monkeypatch, capfd):
    marker, victim = tmp_path / "marker", tmp_path / "victim"
    victim.write_text("a secret line\n")
    (tmp_path / "evil.py").write_text(EVIL.format(marker=str(marker)))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    path = tmp_path / "deploy.prototxt"
    path.write_text(f'{OWN}\nlayer {{ name: "odd" {ATTACKS[attack].replace("VICTIM", str(victim))} }}\n')
    with pytest.raises(UserError) as caught:
        CaffeEngine(path, trained_model)
    assert caught.value.where == str(path) and not marker.exists()
    assert "secret" not in f"{caught.value}{capfd.readouterr()}" and victim.read_text() == "a secret line\n"
    assert "within bounds" in caught.value.expected, "the net was given to Caffe"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("dim: 10 dim: 3 dim: 227", "dim: 1000000000 dim: 3 dim: 227"),
        ("dim: 10 dim: 3 dim: 227 dim: 227", "dim: 1000 dim: 3 dim: 227 dim: 227"),
        ("dim: 10 dim: 3 dim: 227", "dim: -10 dim: 3 dim: 227"),
        ("dim: 10 dim: 3", "dim: 3"),
        ('name: "ConvNet-T"', 'name: "n" input: "data" input_dim: 1'),
        ('name: "ConvNet-T"', 'name: "n" layers { name: "x" type: HDF5_OUTPUT }'),
        ('name: "ConvNet-T"', 'name: "n" force_backward: true'),
        ("group: 2", "group: 7"),
        ('name: "relu1"', 'name: "conv1"'),
        # names that two parts of the net, of its graph in ONNX, or of Caffe's own copies would have
        ('name: "relu5"', 'name: "prob/flat"'),
        ('name: "relu5"', 'name: "conv4/weights"'),
        ('name: "relu5"', 'name: ""'),
        ('name: "conv5"', 'name: ""'),
        ('name: "relu5"', 'name: "layer_means"'),
        ('"pool5"', '"layer_means"'),
        ('"pool5"', '"crop0"'),
        ('"pool5"', '"conv1_conv1_0_split_0"'),
        ('name: "norm1"', 'name: "relu1"'),
    ],
)
def test_a_net_beyond_the_bounds(old, new, tmp_path):
    path = tmp_path / "deploy.prototxt"
    assert old in OWN
    path.write_text(OWN.replace(old, new))
    with pytest.raises(UserError, match="within bounds"):
        read_deploy(path)


@pytest.mark.parametrize(
    ("layer", "blob"), [("relu1", "norm1"), ("relu5", "pool5"), ("relu2", "data"), ("relu1", "conv1")]
)
def test_a_layer_in_place_is_not_called_as_a_blob(layer, blob, tmp_path):
    """Such a layer has its own output in ONNX, and where Caffe is compared with it: Caffe would end the process."""
    path = tmp_path / "deploy.prototxt"
    path.write_text(OWN.replace(f'name: "{blob}"', 'name: "N"').replace(f'name: "{layer}"', f'name: "{blob}"'))
    with pytest.raises(UserError, match=f"in place called {blob}"):
        read_deploy(path)


def test_the_projects_own_nets_are_allowed():
    paths = sorted((ROOT / "prototxt").rglob("deploy.prototxt"))
    assert len(paths) >= 4 and all(read_deploy(path).shapes for path in paths)


def many_layers(net, path):
    path.write_bytes(b"\xa2\x06\x00" * (MAX_PARTS + 1))  # 100,000 empty layers: 300 kB here, 50 MB in memory


def not_text(net, path):
    path.write_bytes(net.SerializeToString().replace(b"conv1", b"conv\xff"))


def claims_more(net, path):
    net.layer[0].blobs[0].shape.dim[:] = [2**31, 2**31, 1, 1]


def in_doubles(net, path):
    net.layer[0].blobs[0].double_data[:] = net.layer[0].blobs[0].data
    net.layer[0].blobs[0].ClearField("data")


def packed_dims(net, path):
    net.layer[0].blobs[0].shape.dim[:] = [1] * (MAX_PARTS + 1)  # a byte each in the file, eight in memory


SHAPES = {"conv1": [[8, 3, 2, 2], [8]]}
WEIGHTS = {
    many_layers: "at most 100,000 parts",
    packed_dims: "at most 100,000 parts",
    not_text: "names are UTF-8",
    claims_more: "conv1 of shape",
    in_doubles: "96 values in conv1, found 0",
}


@pytest.mark.parametrize("attack", WEIGHTS, ids=lambda attack: attack.__name__)
def test_weights_that_mean_nothing(attack, tmp_path):
    path = gaussian_weights(tmp_path / "w.caffemodel", SHAPES)
    net = caffe_pb2().NetParameter.FromString(path.read_bytes())
    path.write_bytes(b"")
    attack(net, path)
    if not path.stat().st_size:
        path.write_bytes(net.SerializeToString())
    with pytest.raises(UserError, match=WEIGHTS[attack]) as caught:
        check_weights(path, SHAPES, "Nothing.")
    assert caught.value.where == str(path)


def test_the_bytes_that_were_hashed_are_those_that_are_loaded(trained_model, tmp_path):
    """Exchanged between the two, the file is refused, by each engine's one reader."""
    path = tmp_path / "other.caffemodel"
    net = read_binary(trained_model, "NetParameter", "")
    net.name = "exchanged"
    path.write_bytes(net.SerializeToString())
    with pytest.raises(UserError, match="bytes of sha256 000000000000, found others"):
        CaffeEngine(ROOT / "prototxt/deploy.prototxt", path, sha256="0" * 64)


def test_caffe_never_reads_the_weights_itself(trained_model, tmp_path, monkeypatch):
    """What it is given are the numbers that were checked."""
    import caffe

    real, given = caffe.Net, []
    monkeypatch.setattr(caffe, "Net", lambda *words, **named: given.append((words, named)) or real(*words, **named))
    engine = CaffeEngine(ROOT / "prototxt/deploy.prototxt", trained_model)
    assert given and all(not named and str(trained_model) not in map(str, words) for words, named in given)
    stored = {layer.name: layer.blobs for layer in read_binary(trained_model, "NetParameter", "").layer}
    for name, blobs in engine.net.params.items():
        np.testing.assert_array_equal(blobs[0].data.ravel(), np.array(stored[name][0].data, np.float32))


@pytest.fixture
def fold(trained_fold, copy_of):
    return copy_of(trained_fold, "train_lmdb", "val_lmdb")[1]


@pytest.mark.parametrize("snapshot", ["/etc/hostname", "../fold0/x", "snapshots/../../x", "", "a\nb", "..", "./x"])
def test_a_snapshots_name_stays_in_its_folder(fold, snapshot):
    msgspec.structs.replace(ModelRecord.read(fold), snapshot=snapshot).write(fold)
    with pytest.raises(UserError, match=r"model\.json: .*\$\.snapshot"):
        TrainedModel.open(fold)


@pytest.mark.parametrize("name", ["mean.binaryproto", "deploy.prototxt", "snapshots"])
def test_a_link_out_of_a_fold_is_not_followed(fold, name, tmp_path):
    shutil.move(fold / name, tmp_path / "elsewhere")
    (fold / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="a link out of it"):
        TrainedModel.open(fold)


def test_another_net_than_the_records_is_refused(fold):
    """Of the same shapes, so that the weights fit it: the scores alone would be others."""
    path = fold / "deploy.prototxt"
    TrainedModel.open(fold)
    path.write_text(path.read_text().replace("beta: 0.75", "beta: 0.5"))
    with pytest.raises(UserError, match="the net of the training"):
        TrainedModel.open(fold)


def test_a_graph_beside_the_weights_is_not_opened(fold, monkeypatch, tmp_path):
    pytest.importorskip("onnx", reason="the engines are not installed: make engines")
    from deeppap.engines import onnx_proof

    monkeypatch.setenv("DEEPPAP_CACHE", str(tmp_path))
    monkeypatch.setattr(onnx_proof, "compare_layers", lambda *words: None)
    model = TrainedModel.open(fold)
    before = onnx_proof.proven_graph(model.deploy, model.weights, model.weights_sha)
    for suffix in (".onnx", ".onnx.json"):
        os.mkfifo(model.weights.with_suffix(suffix))  # whoever opens it waits for ever
    assert onnx_proof.proven_graph(model.deploy, model.weights, model.weights_sha) == before


@pytest.mark.parametrize("read", [sha256_file, lambda path: read_file(path, "a file", 1000, "")])
@pytest.mark.parametrize("kind", ["FIFO", "device"])
def test_a_fifo_or_a_device_is_not_read(read, kind, tmp_path):
    path = tmp_path / "x"
    if kind == "FIFO":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(UserError, match="a regular file"):
        read(path)
