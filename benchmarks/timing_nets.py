"""Nets and a model for timing and comparing: ConvNet-T on data of no meaning."""

from pathlib import Path

import numpy as np
from google.protobuf.message import Message

from deeppap.engines.caffe_net import probe_net
from deeppap.engines.weights_file import blob_array, layers_of
from deeppap.io.caffe_messages import caffe_pb2, prototxt_folder, read_binary, read_prototxt, write_prototxt
from deeppap.training.resolve import data_layer

ENGINES = {"Convolution": "convolution_param", "Pooling": "pooling_param", "ReLU": "relu_param", "LRN": "lrn_param"}
CAFFE_ENGINE = 1  # ConvolutionParameter.CAFFE and its like
INPUT = (3, 227, 227)


def timing_net(out: Path, batch: int, native: bool) -> Path:
    """Write the training net with constant data in place of its LMDBs; native: without cuDNN."""
    net = read_prototxt(prototxt_folder(2) / "train_val.prototxt", "NetParameter")
    kept = [layer for layer in net.layer if layer.type not in ("Data", "Accuracy")]
    for layer in kept if native else []:
        if layer.type in ENGINES:
            getattr(layer, ENGINES[layer.type]).engine = CAFFE_ENGINE
    timed = type(net)(name=net.name)
    dummy = timed.layer.add(name="data", type="DummyData", top=list(data_layer(net, 0).top))
    for shape in ((batch, *INPUT), (batch,)):
        dummy.dummy_data_param.shape.add().dim.extend(shape)
    timed.layer.extend(kept)
    out.write_text(write_prototxt(timed), encoding="utf-8")
    return out


def whole_model(weights: Path | None, out: Path, seed: int = 1) -> Path:
    """Write a .caffemodel with a source net's convolutions and seeded Gaussian values in the layers it lacks."""
    rng = np.random.default_rng(seed)
    source = layers_of(read_binary(weights, "NetParameter", "Give a .caffemodel.")) if weights else {}
    net = caffe_pb2().NetParameter(name="ConvNet-T")
    for name, shapes in probe_net(prototxt_folder(2) / "deploy.prototxt")["params"].items():
        layer = net.layer.add(name=name)
        for index, shape in enumerate(shapes):
            values = _values(source.get(name), index, shape, rng)
            blob = layer.blobs.add()
            blob.shape.dim.extend(shape)
            blob.data.extend(values.astype(np.float32).ravel().tolist())
    out.write_bytes(net.SerializeToString())
    return out


def _values(blobs: list[Message] | None, index: int, shape: list[int], rng: np.random.Generator) -> np.ndarray:
    if blobs and len(blobs[index].data) == np.prod(shape):
        return blob_array(blobs[index]).reshape(shape)
    # small enough that no probability ends at 0 or 1, where all engines would agree
    return rng.normal(0, 0.75 * np.prod(shape[1:]) ** -0.5, shape) if len(shape) > 1 else np.zeros(shape)
