"""How a selected snapshot does on each label's validation cells, in Caffe, from the validation LMDB itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import lmdb
import numpy as np

from data_prep.mean_image import read_mean
from data_prep.views import SIZE
from deeppap.engines.caffe_engine import CaffeEngine
from deeppap.engines.crops import crop_views
from deeppap.engines.device import Device
from deeppap.io.caffe_messages import caffe_pb2

SMALLEST = np.finfo(np.float32).tiny  # the probability that Caffe's loss layer takes at the least


def validation_losses(fold: Path, snapshot: Path, record: dict, device: Device) -> dict[str, Any]:
    """What model.json keeps to tell whether a net has learned anything; `record` is the fold's, its LMDB checked.

    Returns
    -------
    dict
        `val_labels`, list of K: validation cells of each of the net's labels; `val_losses`, list of K: the mean loss
        in nats of its views, as Caffe's TEST phase sees them, None for a label without cells; `train_labels`, list of
        K: training views of each label, or None of an older fold.

    Raises
    ------
    UserError
        Where the net gives no finite probabilities: its training diverged.
    """
    engine = CaffeEngine(fold / "deploy.prototxt", snapshot, device)
    mean = read_mean(fold / "mean.binaryproto")
    views, losses = np.zeros(engine.classes, np.int64), np.zeros(engine.classes)
    for labels, pictures in _batches(fold / "val_lmdb", engine.batch):
        prob = engine(crop_views(pictures, mean, engine.crop, 1))[np.arange(len(labels)), labels]
        views += np.bincount(labels, minlength=engine.classes)
        losses += np.bincount(labels, -np.log(np.maximum(prob, SMALLEST)), engine.classes)
    means = [float(loss / count) if count else None for loss, count in zip(losses, views, strict=True)]
    cells = (views // record["validation_views"]).tolist()
    return {"val_labels": cells, "val_losses": means, "train_labels": record.get("train_labels")}


def _batches(path: Path, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Labels, int (n,), and views, uint8 (n, 256, 256, 3) BGR, of an LMDB, in key order."""
    labels, pictures = [], []
    with lmdb.open(str(path), readonly=True, lock=False) as environment, environment.begin() as entries:
        for value in entries.cursor().iternext(keys=False):
            datum = caffe_pb2().Datum.FromString(value)
            labels.append(datum.label)
            pictures.append(_picture(datum))
            if len(labels) == size:
                yield np.array(labels), np.stack(pictures)
                labels, pictures = [], []
    if labels:
        yield np.array(labels), np.stack(pictures)


def _picture(datum: Any) -> np.ndarray:
    data = np.frombuffer(datum.data, np.uint8)
    if datum.encoded:
        return cv2.imdecode(data, cv2.IMREAD_COLOR)
    return data.reshape(3, SIZE, SIZE).transpose(1, 2, 0)
