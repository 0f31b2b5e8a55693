"""Nets in Caffe: the shapes of one, asked in a process of its own, and one that runs on one device.

`python -m deeppap.engines.caffe_net DEPLOY` prints a net's shapes as JSON. It is a process of its own since Caffe
ends its process if a prototxt is wrong; `probe_net` turns that into an error of one line.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from google.protobuf.message import Message

from deeppap.engines.deploy import Deploy, read_deploy
from deeppap.engines.weights_file import OTHER, check_weights
from deeppap.io.caffe_messages import prototxt_file
from deeppap.io.errors import UserError

PROBE = ("-P", "-m", "deeppap.engines.caffe_net")  # -P: a file named caffe.py in the working folder is not imported


class CaffeNet:
    """A net in Caffe's TEST phase that always runs on the device it was loaded for.

    Caffe has one mode, CPU or GPU, for all nets of a thread, and any part of a program may change it. So the mode is
    set again before each pass.

    A net that is a message is built as it is: it was made here, of one that `read_deploy` has read. Caffe never reads
    the .caffemodel `weights`, whose bytes have `sha256`: it would end the process at some, and go on with random values
    at others. `do` says what to do about other weights.
    """

    def __init__(
        self,
        net: Path | Deploy | Message,
        gpu: int | None = None,
        weights: Path | None = None,
        sha256: str | None = None,
        do: str = OTHER,
    ):
        # before the import: glog reads it once, and would print every layer of every net
        os.environ.setdefault("GLOG_minloglevel", "2")
        import caffe

        self.gpu = gpu
        self._set_mode()
        # a private file of what was checked: the path itself may hold something else by now
        with prototxt_file(net if isinstance(net, Message) else read_deploy(net).message) as path:
            self.net = caffe.Net(str(path), caffe.TEST)
        self.blobs, self.params = self.net.blobs, self.net.params
        if weights is not None:
            shapes = {name: [list(blob.data.shape) for blob in blobs] for name, blobs in self.params.items()}
            stored = check_weights(weights, shapes, do, sha256).values
            for name, blobs in self.params.items():
                # the 2014 format has other shapes for the same values, in the same order
                for blob, values in zip(blobs, stored[name], strict=True):
                    blob.data.ravel()[...] = values

    def _set_mode(self) -> None:
        import caffe

        if self.gpu is None:
            caffe.set_mode_cpu()
        else:
            caffe.set_device(self.gpu)
            caffe.set_mode_gpu()

    def input(self, blob: str, shape: tuple[int, ...]) -> np.ndarray:
        """The memory of an input blob, float32; the net is reshaped if the blob had another shape."""
        data = self.blobs[blob]
        if data.data.shape != shape:
            # reshaping allocates, so it needs the device as a pass does
            self._set_mode()
            data.reshape(*shape)
            self.net.reshape()
        return data.data

    def forward(self, output: str = "prob") -> np.ndarray:
        """Run the net and return a copy of a blob."""
        self._set_mode()
        self.net.forward()
        return self.blobs[output].data.copy()

    def backward(self, start: str, end: str) -> None:
        """Pass the gradients in `diff` back from layer `start` to layer `end`."""
        self._set_mode()
        self.net.backward(start=start, end=end)

    def channel_means(self, blob: str) -> np.ndarray:
        """A blob of the last pass averaged over its maps, float32 (N, C)."""
        data = self.blobs[blob].data
        return data.reshape(*data.shape[:2], -1).mean(axis=2)

    def share_weights(self, other: "CaffeNet") -> None:
        """Use the memory of another net's weights; layers of the same names have them in common."""
        self.net.share_with(other.net)


def all_blobs(net: Message, weights: Path, data: np.ndarray) -> dict[str, np.ndarray]:
    """Every blob of a net for one batch of its one input, by name, computed on the CPU.

    Only the last output of a blob is there if layers work in place.
    """
    loaded = CaffeNet(net, weights=weights)
    loaded.input(loaded.net.inputs[0], data.shape)[...] = data
    loaded.forward(loaded.net.outputs[0])
    return {name: blob.data.copy() for name, blob in loaded.blobs.items()}


def probe_net(deploy: Path | Deploy) -> dict[str, dict[str, list]]:
    """Shapes of a net as Caffe builds it: `params`, a list of shapes by layer, and `blobs`, a shape by name.

    Raises UserError for a net that `read_deploy` refuses, and with Caffe's own reason if Caffe does.
    """
    deploy = read_deploy(deploy)
    if deploy.shapes is not None:  # a process costs a second
        blobs, params = deploy.shapes
        return {"params": params, "blobs": blobs}
    environment = {**os.environ, "GLOG_minloglevel": "2", "GLOG_logtostderr": "1"}
    if (Path(sys.prefix) / "lib/caffe/cpu").is_dir():  # it starts faster than the CUDA build
        environment["CAFFE_BUILD"] = "cpu"
    with prototxt_file(deploy.message) as file:
        done = subprocess.run([sys.executable, *PROBE, file], capture_output=True, text=True, env=environment)
    if done.returncode:
        raise UserError(deploy.path, "a net that Caffe can build", caffe_reason(done.stderr), "Correct the prototxt.")
    return json.loads(done.stdout.splitlines()[-1])


def caffe_reason(stderr: str) -> str:
    """The line of Caffe's output that says why it ended."""
    fatal = [line for line in stderr.splitlines() if re.match(r"^F\d{4}|^F\d{8}|.*Check failed", line)]
    lines = fatal or [line for line in stderr.splitlines() if line.strip()] or ["no reason given"]
    return re.sub(r"^F\d+ \S+\s+\d+ \S+\] ", "", lines[0] if fatal else lines[-1]).strip()


def _built_shapes(deploy: str) -> dict[str, dict[str, list]]:
    """What `probe_net` returns, by Caffe in this process."""
    import caffe

    net = caffe.Net(deploy, caffe.TEST)
    params = {name: [list(blob.shape) for blob in blobs] for name, blobs in net.params.items()}
    return {"params": params, "blobs": {name: list(blob.shape) for name, blob in net.blobs.items()}}


if __name__ == "__main__":
    print(json.dumps(_built_shapes(sys.argv[1])))
