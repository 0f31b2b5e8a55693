"""Nets of a few lines for the tests, with seeded weights."""

from pathlib import Path

from engines.net_probe import probe_net
from tests.support.caffe_nets import gaussian_weights


def write_net(folder: Path, layers: str, shape: tuple[int, ...] = (2, 4, 13, 11)) -> tuple[Path, Path]:
    """Write a deploy prototxt of an input `data` and these layers, and a .caffemodel of it."""
    dims = " ".join(f"dim: {size}" for size in shape)
    entry = f'layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ {dims} }} }} }}'
    deploy = folder / "deploy.prototxt"
    deploy.write_text(f'name: "small"\n{entry}\n{layers}\n', encoding="utf-8")
    shapes = probe_net(deploy)["params"]
    return deploy, gaussian_weights(folder / "small.caffemodel", shapes, std=0.2)
