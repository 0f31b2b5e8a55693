"""Nets of a few lines for the tests, with seeded weights."""

from pathlib import Path

import numpy as np

from deeppap.engines.caffe_net import probe_net
from tests.support.caffe_nets import gaussian_weights


def write_net(folder: Path, layers: str, shape: tuple[int, ...] = (2, 4, 13, 11)) -> tuple[Path, Path]:
    """Write a deploy prototxt of an input `data` and these layers, and a .caffemodel of it."""
    dims = " ".join(f"dim: {size}" for size in shape)
    entry = f'layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ {dims} }} }} }}'
    deploy = folder / "deploy.prototxt"
    deploy.write_text(f'name: "small"\n{entry}\n{layers}\n', encoding="utf-8")
    shapes = probe_net(deploy)["params"]
    return deploy, gaussian_weights(folder / "small.caffemodel", shapes, std=0.2)


def caffe_weights(path: Path, deploy: Path, seed: int = 1) -> Path:
    """Fill a net with seeded values that keep its signal's size from layer to layer, and let Caffe write them."""
    import caffe

    caffe.set_mode_cpu()
    rng, net = np.random.default_rng(seed), caffe.Net(str(deploy), caffe.TEST)
    for blobs in net.params.values():
        for blob in blobs:
            wide = blob.data.ndim > 1
            scale = (2 / np.prod(blob.data.shape[1:])) ** 0.5 if wide else 0.1
            blob.data[...] = scale * rng.standard_normal(blob.data.shape, np.float32)
    net.save(str(path))
    return path
