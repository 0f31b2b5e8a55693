"""Small pieces of real Caffe for the tests: weights, LMDBs and nets made from a few lines."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import lmdb
import numpy as np

from data_prep.mean_image import write_mean
from deeppap.io.caffe_messages import caffe_pb2, prototxt_folder, read_prototxt, set_blob_values, write_prototxt
from deeppap.training.resolve import data_layer
from tests.support.checkout import ROOT


def edit_once(folder: Path, name: str, old: str, new: str) -> None:
    """Replace the first `old`, which must be there, in a folder's prototxt of that name."""
    path = folder / f"{name}.prototxt"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def gaussian_weights(path: Path, shapes: Mapping[str, Iterable], seed: int = 1, std: float = 0.02) -> Path:
    """Write a .caffemodel with seeded Gaussian values for the layers in `shapes`."""
    rng, net = np.random.default_rng(seed), caffe_pb2().NetParameter(name="source")
    for name, blobs in shapes.items():
        layer = net.layer.add(name=name, type="Convolution")
        for shape in blobs:
            blob = layer.blobs.add()
            blob.shape.dim.extend(shape)
            # as bytes: number by number the ten million of a whole net take seconds
            set_blob_values(blob, rng.normal(0, std, int(np.prod(shape))))
    path.write_bytes(net.SerializeToString())
    return path


def read_datums(folder: Path) -> list[tuple[str, object]]:
    """Key and Datum of every record, in the order Caffe reads them."""
    with lmdb.open(str(folder), readonly=True, lock=False) as environment, environment.begin() as transaction:
        return [(key.decode(), caffe_pb2().Datum.FromString(value)) for key, value in transaction.cursor()]


def pixels(datum) -> np.ndarray:
    """A raw Datum's pixels, uint8 (3, H, W)."""
    return np.frombuffer(datum.data, np.uint8).reshape(datum.channels, datum.height, datum.width)


def write_datums(folder: Path, datums: list) -> Path:
    """Write Datums into an LMDB."""
    with lmdb.open(str(folder), map_size=1 << 26) as environment, environment.begin(write=True) as transaction:
        for index, datum in enumerate(datums):
            transaction.put(f"{index:08d}".encode(), datum.SerializeToString())
    return folder


def raw_datum(image: np.ndarray, label: int = 0):
    """A Datum of an image, uint8 (H, W, 3), BGR."""
    height, width, channels = image.shape
    data = np.ascontiguousarray(image.transpose(2, 0, 1)).tobytes()
    return caffe_pb2().Datum(channels=channels, height=height, width=width, data=data, label=label)


def data_net(folder: Path, source: Path, mean: np.ndarray, crop: int, batch: int, mirror: bool, train: bool = False):
    """A net of nothing but Caffe's own Data layer."""
    import caffe

    mean_file = folder / "mean.binaryproto"
    write_mean(mean_file, mean)
    text = f"""
      layer {{ name: "data" type: "Data" top: "data" top: "label"
        transform_param {{ crop_size: {crop} mirror: {str(mirror).lower()} mean_file: "{mean_file}" }}
        data_param {{ source: "{source}" batch_size: {batch} backend: LMDB }} }}"""
    path = folder / f"data_{crop}_{mirror}_{train}.prototxt"
    path.write_text(text, encoding="utf-8")
    caffe.set_mode_cpu()
    return caffe.Net(str(path), caffe.TRAIN if train else caffe.TEST)


def net_on_fold(out: Path, fold: Path, classes: int = 2, batch: int = 4) -> Path:
    """The hand-written train_val with nothing changed but its paths and batch sizes."""
    net = read_prototxt(prototxt_folder(classes) / "train_val.prototxt", "NetParameter")
    for phase, name in ((0, "train_lmdb"), (1, "val_lmdb")):
        layer = data_layer(net, phase)
        layer.data_param.source, layer.data_param.batch_size = str(fold / name), batch
        layer.transform_param.mean_file = str(fold / "mean.binaryproto")
    out.write_text(write_prototxt(net), encoding="utf-8")
    return out


def hand_written(name: str, classes: int = 2):
    """A hand-written net or solver as a message."""
    folder = ROOT / "prototxt" / ("seven_class" if classes == 7 else "")
    return read_prototxt(folder / f"{name}.prototxt", "SolverParameter" if name == "solver" else "NetParameter")
