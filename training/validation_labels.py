"""The labels that a fold's snapshots are judged by, read from the validation LMDB itself."""

from pathlib import Path

import lmdb

from common.caffe_messages import caffe_pb2


def validation_labels(fold: Path, record: dict, classes: int) -> list[int]:
    """How many validation cells have each of the net's labels; `record` is the fold's, its LMDB checked already.

    A cell's views stand together and carry one label, so one view of each is read.
    """
    counts, datum = [0] * classes, caffe_pb2().Datum()
    with lmdb.open(str(fold / "val_lmdb"), readonly=True, lock=False) as environment, environment.begin() as entries:
        cursor = entries.cursor()
        for first in range(0, record["val_lmdb"]["entries"], record["validation_views"]):
            cursor.set_range(f"{first:08d}".encode())
            datum.ParseFromString(cursor.value())
            counts[datum.label] += 1
    return counts
