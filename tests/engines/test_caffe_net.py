"""What Caffe makes of a prototxt, asked in a process of its own; the device of a net; its geometry without Caffe."""

import caffe
import numpy as np
import pytest

from deeppap.engines.caffe_engine import CaffeEngine, CaffeViews
from deeppap.engines.caffe_net import CaffeNet, all_blobs, probe_net
from deeppap.engines.device import Device
from deeppap.engines.net_geometry import net_shapes, receptive_fields
from deeppap.io.caffe_messages import parse_prototxt, read_prototxt
from deeppap.io.errors import UserError
from tests.support.caffe_nets import gaussian_weights
from tests.support.checkout import ROOT

DEPLOY = ROOT / "prototxt/deploy.prototxt"
NETS = [ROOT / "prototxt" / folder / "deploy.prototxt" for folder in ("", "seven_class", "nucleus_fcn")]


@pytest.mark.parametrize("deploy", NETS, ids=lambda path: path.parent.name)
def test_the_shapes_are_pycaffes(deploy):
    net, found = caffe.Net(str(deploy), caffe.TEST), probe_net(deploy)
    assert found["params"] == {name: [list(b.data.shape) for b in blobs] for name, blobs in net.params.items()}
    # Caffe adds a blob for each layer that reads another's output beside others
    expected = {name: list(blob.data.shape) for name, blob in net.blobs.items() if "_split_" not in name}
    assert found["blobs"] == expected
    assert net_shapes(read_prototxt(deploy, "NetParameter")) == (found["blobs"], found["params"])


@pytest.fixture
def modes(monkeypatch):
    """Caffe's mode as a GPU would see it: the functions that set it only note it, so no GPU is needed.

    Returned are the mode now and, for each pass of a real net, the mode it ran in.
    """
    now, passes = ["none"], []
    monkeypatch.setattr(caffe, "set_mode_cpu", lambda: now.__setitem__(0, "cpu"))
    monkeypatch.setattr(caffe, "set_mode_gpu", lambda: now.__setitem__(0, now[0].replace("device", "gpu")))
    monkeypatch.setattr(caffe, "set_device", lambda number: now.__setitem__(0, f"device {number}"))
    for name in ("forward", "backward"):
        real = getattr(caffe.Net, name)

        def noted(*words, real=real, **options):
            passes.append(now[0])
            return real(*words, **options)

        monkeypatch.setattr(caffe.Net, name, noted)
    return now, passes


def test_an_open_gpu_engine_stays_on_its_gpu(modes, net_shapes, rng, tmp_path):
    """Another part of the program sets the CPU's mode in between, as another net does that is loaded."""
    now, passes = modes
    weights = gaussian_weights(tmp_path / "w.caffemodel", net_shapes)
    engine = CaffeEngine(DEPLOY, weights, Device(gpu="3"), batch=2)
    views = CaffeViews(engine, np.zeros((3, 256, 256), np.float32), 1)
    crops = rng.normal(0, 40, (2, 3, 227, 227)).astype(np.float32)
    black = np.zeros((1, 3, 256, 256), np.float32)
    for score in (lambda: engine(crops), lambda: engine.with_layer(crops, "conv3"), lambda: views(black)):
        caffe.set_mode_cpu()
        passes.clear()
        score()
        assert passes == ["gpu 3"]
    all_blobs(read_prototxt(DEPLOY, "NetParameter"), weights, crops)
    assert (passes.pop(), now) == ("cpu", ["cpu"])
    engine(crops)
    assert passes.pop() == "gpu 3"
    CaffeNet(DEPLOY).forward()
    assert passes.pop() == "cpu"


@pytest.mark.parametrize(
    ("blob", "stride", "first", "units"),
    [("conv1", 4, 5, 55), ("pool1", 8, 9, 27), ("norm2", 16, 17, 13), ("conv3", 16, 17, 13), ("conv5", 16, 17, 13)],
)
def test_receptive_fields_are_symmetric_in_the_crop(blob, stride, first, units):
    found = receptive_fields(read_prototxt(DEPLOY, "NetParameter"), blob)
    assert found == (stride, first)
    assert found.first + found.stride * (units - 1) / 2 == (227 - 1) / 2


def test_a_flat_layer_has_no_receptive_fields():
    net = read_prototxt(DEPLOY, "NetParameter")
    for blob in ("fc7_t", "conv9"):
        with pytest.raises(UserError):
            receptive_fields(net, blob)
    text = 'layer { name: "a" type: "Convolution" bottom: "data" top: "a" convolution_param { kernel_size: 3 pad: 1 } }'
    assert receptive_fields(parse_prototxt(text, "NetParameter", "here"), "a") == (1, 0)
