"""What every layer of a net gives in Caffe: what another engine's layers are compared with."""

import os
from pathlib import Path

import numpy as np
from google.protobuf.message import Message

from deeppap.engines.caffe_blobs import shaped_input
from deeppap.io.caffe_messages import prototxt_file


def caffe_layers(net: Message, weights: Path, data: np.ndarray) -> dict[str, np.ndarray]:
    """Every blob of a net, by name, for one batch of its one input; on the CPU.

    `net` must be one that Caffe builds and `weights` whole (deeppap.engines.net_probe, deeppap.engines.weights_file): else Caffe ends
    the process. Where a layer works in place only the last output of its blob is there.
    """
    os.environ.setdefault("GLOG_minloglevel", "2")
    import caffe

    caffe.set_mode_cpu()
    with prototxt_file(net) as path:
        loaded = caffe.Net(str(path), caffe.TEST, weights=str(weights))
    shaped_input(loaded, loaded.inputs[0], data.shape)[...] = data
    loaded.forward()
    return {name: blob.data.copy() for name, blob in loaded.blobs.items()}
