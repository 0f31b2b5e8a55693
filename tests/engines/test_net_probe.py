"""What Caffe makes of a prototxt, asked in a process of its own: the same as pycaffe's, once for each net."""

import pytest

from deeppap.engines import net_probe
from deeppap.engines.net_probe import probe_net
from deeppap.io.errors import UserError
from tests.support.checkout import ROOT

DEPLOY = ROOT / "prototxt/deploy.prototxt"


def test_the_shapes_are_pycaffes():
    import caffe

    net = caffe.Net(str(DEPLOY), caffe.TEST)
    found = probe_net(DEPLOY)
    assert found["params"] == {name: [list(b.data.shape) for b in blobs] for name, blobs in net.params.items()}
    assert found["blobs"] == {name: list(blob.data.shape) for name, blob in net.blobs.items()}


def test_a_net_is_asked_about_once_by_its_text(tmp_path, monkeypatch):
    monkeypatch.setattr(net_probe, "_KNOWN", {})
    copy = tmp_path / "copy.prototxt"
    copy.write_bytes(DEPLOY.read_bytes())
    found = probe_net(DEPLOY)
    found["params"].clear()  # what a caller does to it is its own
    monkeypatch.setattr(net_probe, "PROGRAM", tmp_path / "none.py")  # whoever asks again fails
    assert probe_net(copy)["params"]
    copy.write_text(copy.read_text().replace("num_output: 1024", "num_output: 512"))
    with pytest.raises(UserError):
        probe_net(copy)


def test_caffes_own_reason_is_the_line(tmp_path):
    wrong = tmp_path / "wrong.prototxt"
    wrong.write_text(DEPLOY.read_text().replace('bottom: "conv5"', 'bottom: "conv9"'))
    with pytest.raises(UserError, match="Unknown bottom blob 'conv9'"):
        probe_net(wrong)
