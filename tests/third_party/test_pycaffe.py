"""Every public function of pycaffe is called once, and Caffe's own scripts are run, under today's Python and NumPy."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import caffe
import caffe.draw
import cv2
import numpy as np
import pytest
from caffe import layers as L
from caffe import params as P
from caffe.coord_map import coord_map_from_to, crop
from caffe.proto import caffe_pb2

from deeppap.io.caffe_messages import read_binary, read_prototxt
from deeppap.training.caffe_log import parse
from tests.support.caffe_nets import raw_datum, write_datums
from tests.support.checkout import ROOT

HOME = Path(sys.prefix) / "lib/caffe/cpu"
EXTRA = HOME / "tools/extra"
SIZE = 8


def convolved(data):
    return L.Convolution(data, kernel_size=3, num_output=4, weight_filler={"type": "xavier"})


@pytest.fixture(scope="module")
def net_file(tmp_path_factory):
    """A net of one convolution and two classes, written by net_spec, and its random weights."""
    folder = tmp_path_factory.mktemp("net")
    spec = caffe.NetSpec()
    spec.data = L.Input(shape={"dim": [2, 3, SIZE, SIZE]})
    spec.conv = convolved(spec.data)
    spec["pool"] = L.Pooling(spec["conv"], kernel_size=2, stride=2, pool=P.Pooling.AVE)
    spec.ip = L.InnerProduct(spec.pool, num_output=2, weight_filler={"type": "xavier"})
    spec.prob = L.Softmax(spec.ip)
    path = folder / "deploy.prototxt"
    path.write_text(f'name: "a-net"\n{spec.to_proto()}')
    caffe.set_mode_cpu()
    caffe.set_random_seed(1)
    net = caffe.Net(str(path), caffe.TEST)
    net.save(str(folder / "a.caffemodel"))
    net.save_hdf5(str(folder / "a.h5"))
    return path


@pytest.fixture
def net(net_file):
    return caffe.Net(str(net_file), caffe.TEST, weights=str(net_file.with_name("a.caffemodel")))


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    pixels = np.random.default_rng(1).integers(0, 256, (6, SIZE, SIZE, 3), np.uint8)
    for number, image in enumerate(pixels):
        cv2.imwrite(str(folder / f"{number}.png"), image)
    return folder, pixels


def test_datums_and_blobs_keep_their_values():
    pixels = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    for values in (pixels, pixels / 7):
        datum = caffe.io.array_to_datum(values, 1)
        found = caffe.io.datum_to_array(datum)
        assert datum.label == 1
        np.testing.assert_allclose(found, values, rtol=1e-6)
        found += 1  # an array of its own
    blob = caffe.io.array_to_blobproto(pixels, diff=pixels + 1)
    assert np.array_equal(caffe.io.blobproto_to_array(blob), pixels)
    assert np.array_equal(caffe.io.blobproto_to_array(blob, return_diff=True), pixels + 1)
    old = caffe_pb2.BlobProto(num=1, channels=3, height=4, width=5, data=pixels.ravel())
    assert np.array_equal(caffe.io.blobproto_to_array(old)[0], pixels)
    (same,) = caffe.io.blobprotovector_str_to_arraylist(caffe.io.arraylist_to_blobprotovector_str([pixels]))
    assert np.array_equal(same, pixels)


def test_an_image_is_read_as_caffe_has_it(images):
    folder, pixels = images
    colour = caffe.io.load_image(str(folder / "0.png"))
    assert (colour.dtype, colour.shape) == (np.float32, (SIZE, SIZE, 3))
    np.testing.assert_allclose(colour, pixels[0][:, :, ::-1] / 255, atol=1e-6)
    assert caffe.io.load_image(str(folder / "0.png"), color=False).shape == (SIZE, SIZE, 1)


def test_a_transformer_undoes_what_it_does():
    transformer = caffe.io.Transformer({"data": (1, 3, SIZE, SIZE)})
    transformer.set_transpose("data", (2, 0, 1))
    transformer.set_channel_swap("data", (2, 1, 0))
    transformer.set_raw_scale("data", 255)
    transformer.set_mean("data", np.array([1.0, 2.0, 3.0]))
    transformer.set_input_scale("data", 0.5)
    image = np.random.default_rng(1).random((SIZE, SIZE, 3)).astype(np.float32)
    done = transformer.preprocess("data", image)
    expected = (255 * image.transpose(2, 0, 1)[::-1] - np.array([1, 2, 3])[:, None, None]) / 2
    np.testing.assert_allclose(done, expected, rtol=1e-4)
    np.testing.assert_allclose(transformer.deprocess("data", done), image, atol=1e-5)
    transformer.set_mean("data", np.ones((3, SIZE, SIZE)))
    transformer.set_mean("data", np.full((3, 2, 2), 5.0))
    np.testing.assert_array_equal(transformer.mean["data"], np.full((3, SIZE, SIZE), 5.0))


def test_a_net_forward_and_backward(net, net_file):
    data = np.random.default_rng(1).random((3, 3, SIZE, SIZE)).astype(np.float32)
    assert (net.inputs, net.outputs) == (["data"], ["prob"])
    assert list(net.params) == ["conv", "ip"] and list(net.layer_dict) == ["data", "conv", "pool", "ip", "prob"]
    assert net.bottom_names["conv"] == ["data"] and net.top_names["conv"] == ["conv"]
    assert set(net.blob_loss_weights.values()) == {0}
    prob = net.forward(data=data[:2])["prob"].copy()
    assert net.forward(["conv"], start="conv", end="pool")["conv"].shape == (2, 4, 6, 6)
    everything = net.forward_all(["conv"], data=data)
    assert everything["conv"].shape == (3, 4, 6, 6)
    np.testing.assert_array_equal(everything["prob"][:2], prob)
    assert net.backward(["conv"], prob=np.ones_like(prob))["conv"].shape == (2, 4, 6, 6)
    blobs, diffs = net.forward_backward_all(["conv"], ["conv"], data=data, prob=np.ones((3, 2), np.float32))
    assert blobs["conv"].shape == diffs["conv"].shape == (3, 4, 6, 6)
    other = caffe.Net(str(net_file), caffe.TEST)
    other.load_hdf5(str(net_file.with_name("a.h5")))
    assert np.array_equal(other.params["conv"][0].data, net.params["conv"][0].data)
    other.share_with(net)
    other.copy_from(str(net_file.with_name("a.caffemodel")))
    other.clear_param_diffs()
    other.blobs["data"].reshape(1, 3, SIZE, SIZE)
    other.reshape()
    blob = other.blobs["prob"]
    assert (list(blob.shape), blob.num, blob.channels, blob.count) == ([1, 2], 1, 2, 2)
    seen = []
    net.before_forward(seen.append)
    net.after_forward(seen.append)
    net.forward()
    assert seen == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_images_are_classified_and_windows_detected(net_file, images):
    folder, pixels = images
    weights = str(net_file.with_name("a.caffemodel"))
    options = {"mean": np.ones(3), "raw_scale": 255, "channel_swap": (2, 1, 0), "input_scale": 0.01}
    classifier = caffe.Classifier(str(net_file), weights, image_dims=(10, 10), **options)
    loaded = [caffe.io.load_image(str(folder / f"{i}.png")) for i in range(2)]
    for oversample in (True, False):
        np.testing.assert_allclose(classifier.predict(loaded, oversample).sum(1), 1, rtol=1e-5)
    detector = caffe.Detector(str(net_file), weights, **options, context_pad=1)
    windows = [(str(folder / "0.png"), np.array([[0, 0, 4, 4], [2, 2, 7, 7]]))]
    found = detector.detect_windows(windows)
    assert [window["window"].tolist() for window in found] == [[0, 0, 4, 4], [2, 2, 7, 7]]
    np.testing.assert_allclose([window["prediction"].sum() for window in found], 1, rtol=1e-5)


def test_a_net_is_specified_and_its_coordinates_are_mapped():
    data = L.Input(shape={"dim": [1, 3, 20, 20]})
    conv = convolved(data)
    pool = L.Pooling(conv, kernel_size=2, stride=2)
    proto = caffe.to_proto(pool)
    assert [layer.type for layer in proto.layer] == ["Input", "Convolution", "Pooling"]
    axis, scale, shift = coord_map_from_to(pool, data)
    # a pixel of the pool lies over two of the convolution, which begins one pixel inside the image
    assert (axis, scale, shift) == (1, 2, 1.5)
    assert crop(data, conv).fn.params["crop_param"]["offset"] == [1]


@pytest.fixture(scope="module")
def training(tmp_path_factory, images):
    """A solver on an LMDB of six images, with train_val net and mean, for the solvers and the programs."""
    folder = tmp_path_factory.mktemp("training")
    _, pixels = images
    write_datums(folder / "lmdb", [raw_datum(image, number % 2) for number, image in enumerate(pixels)])
    spec = caffe.NetSpec()
    data = {"source": str(folder / "lmdb"), "batch_size": 2, "backend": P.Data.LMDB}
    spec.data, spec.label = L.Data(data_param=data, ntop=2)
    spec.ip = L.InnerProduct(spec.data, num_output=2, weight_filler={"type": "xavier"})
    spec.accuracy = L.Accuracy(spec.ip, spec.label)
    spec.loss = L.SoftmaxWithLoss(spec.ip, spec.label)
    (folder / "net.prototxt").write_text(str(spec.to_proto()))
    text = f'net: "{folder}/net.prototxt" test_iter: 3 test_interval: 3 base_lr: 1e-5 lr_policy: "fixed" max_iter: 6 '
    (folder / "solver.prototxt").write_text(
        text + f'display: 1 snapshot: 6 snapshot_prefix: "{folder}/a" solver_mode: CPU'
    )
    return folder


@pytest.mark.parametrize("kind", ["SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam"])
def test_a_solver_steps_and_restores(training, tmp_path, kind):
    path = tmp_path / "solver.prototxt"
    text = (training / "solver.prototxt").read_text().replace(f"{training}/a", f"{tmp_path}/a")
    path.write_text(text + f' type: "{kind}"')
    solver = getattr(caffe, f"{kind}Solver")(str(path))
    calls = []
    solver.add_callback(lambda: calls.append("start"), lambda: calls.append("gradients"))
    solver.step(2)
    assert (solver.iter, calls) == (2, ["start", "gradients"] * 2)
    assert solver.param.max_iter == 6 and solver.lr == pytest.approx(1e-5)
    solver.snapshot()
    other = caffe.get_solver(str(path))
    other.restore(str(tmp_path / "a_iter_2.solverstate"))
    assert other.iter == 2
    assert np.array_equal(other.net.params["ip"][0].data, solver.net.params["ip"][0].data)
    other.share_weights(solver.net)
    other.net.forward()
    other.net.backward()
    other.apply_update()
    assert len(other.test_nets) == 1
    other.solve()
    assert (tmp_path / "a_iter_6.caffemodel").exists()


def run(*words, **environment):
    """Run a program; returns all that it prints."""
    done = subprocess.run(list(map(str, words)), env={**os.environ, **environment}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def script(monkeypatch, tmp_path):
    """Run a Python script of Caffe in this process, as a program of its own takes seconds to load."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)

    def call(path, *words):
        monkeypatch.syspath_prepend(str(path.parent))
        monkeypatch.setattr(sys, "argv", [str(path), *map(str, words)])
        runpy.run_path(str(path), run_name="__main__")

    return call


@pytest.fixture(scope="module")
def log(training):
    """A log as `caffe train` started by hand leaves it: glog writes the year into every line."""
    program = Path(sys.prefix) / "bin/caffe"
    text = run(program, "train", "-solver", training / "solver.prototxt", GLOG_minloglevel="0")
    path = training / "hand.log"
    path.write_text(text)
    return path


def test_programs_of_caffe_on_an_lmdb(training, log, images, tmp_path):
    bin = Path(sys.prefix) / "bin"
    words = ("-model", training / "net.prototxt", "-iterations", 3)
    weights = training / "a_iter_6.caffemodel"
    text = run(bin / "caffe", "test", *words, "-weights", weights, GLOG_minloglevel="0")
    assert f"loss = {parse(log).test[-1][1]:g}" in text
    assert "Average Forward-Backward" in run(bin / "caffe", "time", *words, GLOG_minloglevel="0")
    run(bin / "compute_image_mean", training / "lmdb", tmp_path / "mean.binaryproto")
    folder, pixels = images
    mean = caffe.io.blobproto_to_array(read_binary(tmp_path / "mean.binaryproto", "BlobProto", ""))
    np.testing.assert_allclose(mean[0], pixels.mean(0).transpose(2, 0, 1), rtol=1e-6)
    (tmp_path / "list.txt").write_text("".join(f"{i}.png {i % 2}\n" for i in range(6)))
    run(bin / "convert_imageset", f"{folder}/", tmp_path / "list.txt", tmp_path / "lmdb")
    run(bin / "extract_features", weights, training / "net.prototxt", "ip", tmp_path / "features", 3, "lmdb")
    run(bin / "upgrade_net_proto_binary", weights, tmp_path / "new.caffemodel")
    run(bin / "upgrade_solver_proto_text", training / "solver.prototxt", tmp_path / "new.prototxt")


@pytest.mark.parametrize("which", ["by hand", "by tools/train.py"])
def test_logs_are_parsed_and_plotted(which, request, script, tmp_path):
    path = tmp_path / "a.log"
    by_hand = which == "by hand"
    source = request.getfixturevalue("log") if by_hand else request.getfixturevalue("trained_fold") / "train.log"
    path.write_text(source.read_text())
    script(EXTRA / "parse_log.py", path, tmp_path)
    ours = parse(path)
    for part, rows in (("train", ours.train), ("test", ours.test)):
        names, *lines = (tmp_path / f"a.log.{part}").read_text().splitlines()
        found = [dict(zip(names.split(","), map(float, line.split(",")), strict=True)) for line in lines]
        assert [row["NumIters"] for row in found] == [row[0] for row in rows]
        # Caffe sums up the first line's loss as a running mean, and rounds
        assert [row["loss"] for row in found] == pytest.approx([row[1] for row in rows], rel=1e-3, abs=1e-4)
    if not by_hand:
        assert [row["accuracy"] for row in found] == [row[2] for row in ours.test]
    for chart in (0, 3, 6):
        picture = tmp_path / f"{chart}.png"
        script(EXTRA / "plot_training_log.py.example", chart, picture, path)
        assert cv2.imread(str(picture)).std() > 0


def test_nets_are_drawn_summarized_and_classified_by_scripts(net_file, images, script, tmp_path, capsys):
    folder, _ = images
    script(HOME / "python/draw_net.py", ROOT / "prototxt/train_val.prototxt", tmp_path / "net.raw")
    assert "fc8_t" in (tmp_path / "net.raw").read_text()
    net = read_prototxt(ROOT / "prototxt/train_val.prototxt", "NetParameter")
    assert len(caffe.draw.get_pydot_graph(net, "LR", phase=caffe.TEST, display_lrm=True).get_nodes()) > 20
    script(EXTRA / "summarize.py", ROOT / "prototxt/train_val.prototxt")
    assert "fc8_t" in capsys.readouterr().out
    words = ["--model_def", net_file, "--pretrained_model", net_file.with_name("a.caffemodel"), "--mean_file", ""]
    script(HOME / "python/classify.py", folder / "0.png", tmp_path / "out.npy", *words)
    assert np.load(tmp_path / "out.npy").sum() == pytest.approx(1, abs=1e-5)
