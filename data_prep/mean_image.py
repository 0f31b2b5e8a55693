"""The mean image over the training set (paper: "Convolutional Neural Networks", input)."""

from pathlib import Path

import numpy as np

from data_prep.views import SIZE
from deeppap.io.caffe_messages import blob_values, caffe_pb2, read_binary
from deeppap.io.errors import UserError
from deeppap.io.files import complete_or_absent, sha256_file
from deeppap.records import FoldRecord, ModelRecord
from deeppap.records.record import inside

MEAN = "mean.binaryproto"  # of the fold's own training views
SOURCE_MEAN = "source_mean.binaryproto"  # the source's, which an adapted net is trained and scored with
SHAPE = (3, SIZE, SIZE)
DO = "Build the fold again with tools/build_lmdb.py."


def write_mean(path: Path, mean: np.ndarray) -> None:
    """Write a mean image (3, 256, 256) as the BlobProto that Caffe's compute_image_mean writes."""
    # the old four fields, and not `shape`, are what Caffe's own tool writes
    blob = caffe_pb2().BlobProto(num=1, channels=mean.shape[0], height=mean.shape[1], width=mean.shape[2])
    blob.data.extend(mean.ravel().tolist())
    with complete_or_absent(path, need_bytes=4 * mean.size) as partial:
        partial.write_bytes(blob.SerializeToString())


def read_mean(path: Path, sha256: str | None = None) -> np.ndarray:
    """Read a mean image, float32 (3, 256, 256), BGR; `sha256` is of the file's bytes, where it is known.

    Raises UserError if the file is no BlobProto, has another size, or values that no mean of 8-bit images has.
    """
    blob = read_binary(path, "BlobProto", DO, sha256)
    shape = tuple(blob.shape.dim) or (blob.num, blob.channels, blob.height, blob.width)
    values = blob_values(blob)
    if shape[-3:] != SHAPE or values.size != np.prod(SHAPE):
        found = f"{' x '.join(map(str, shape))} with {values.size} values"
        raise UserError(path, f"a mean image of {' x '.join(map(str, SHAPE))} (channels BGR, rows, columns)", found, DO)
    if not ((values >= 0) & (values <= 255)).all():
        raise UserError(path, "mean values in 0..255", f"{values.min():g}..{values.max():g}", DO)
    return values.reshape(SHAPE)


def mean_of(fold: Path, weights: Path, weights_sha: str) -> tuple[Path, str]:
    """The mean image that a net of a fold is scored with, and its checksum: the source's where the net is adapted."""
    # weights that the user names may be of another run's fold of the same data
    home = weights.resolve().parent.parent
    for place in (fold, home):
        model, own = ModelRecord.read_if_there(place), place.resolve() == home
        if model and model.source_mean_sha and (own or model.weights_sha == weights_sha):
            return inside(place, SOURCE_MEAN), model.source_mean_sha
        # a snapshot of a training that has not ended
        if model is None and own and (path := place / SOURCE_MEAN).is_file():
            return path, sha256_file(path)
    return inside(fold, MEAN), FoldRecord.read(fold).mean_sha
