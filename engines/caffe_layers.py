"""What every layer of a net gives in Caffe: what another engine's layers are compared with."""

import os
import tempfile
from pathlib import Path

import numpy as np
from google.protobuf.message import Message

from common.caffe_messages import write_prototxt


def caffe_layers(net: Message, weights: Path, data: np.ndarray) -> dict[str, np.ndarray]:
    """Every blob of a net, by name, for one batch of its one input; on the CPU.

    `net` must be one that Caffe builds and `weights` whole (engines.net_probe, engines.weights_file): else Caffe ends
    the process. Where a layer works in place only the last output of its blob is there.
    """
    os.environ.setdefault("GLOG_minloglevel", "2")
    import caffe

    caffe.set_mode_cpu()
    with tempfile.NamedTemporaryFile("w", suffix=".prototxt") as file:
        file.write(write_prototxt(net))
        file.flush()
        loaded = caffe.Net(file.name, caffe.TEST, weights=str(weights))
    loaded.blobs[loaded.inputs[0]].reshape(*data.shape)
    loaded.reshape()
    loaded.blobs[loaded.inputs[0]].data[...] = data
    loaded.forward()
    return {name: blob.data.copy() for name, blob in loaded.blobs.items()}
