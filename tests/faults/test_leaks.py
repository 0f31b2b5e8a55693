"""Leaks: folds that overlap, fields that are split, test views in a training LMDB, duplicates in a data set."""

from dataclasses import replace

import cv2
import lmdb
import numpy as np
import pytest

from data_prep.cells import Dataset
from data_prep.fold_data import lmdb_record
from data_prep.leaks import NEAR_VIEWS, audit_dataset, audit_fold, read_views
from deeppap.io.image_file import read_image
from deeppap.records import FoldRecord
from tests.support.caffe_nets import raw_datum, read_datums
from tests.support.checkout import run_tool
from tests.support.records import change


def plant(fold, image, key):
    """Put a view into the training LMDB as if it had always been there."""
    folder = fold / "train_lmdb"
    with lmdb.open(str(folder), map_size=1 << 26) as environment, environment.begin(write=True) as transaction:
        transaction.put(key.encode(), raw_datum(image, 0).SerializeToString())
    (folder / "lock.mdb").unlink()
    entries = FoldRecord.read(fold).train_lmdb.entries
    change(FoldRecord, fold, train_lmdb=lmdb_record(folder, entries + 1))


def test_what_has_no_leaks(built_fold, phantom, checkout):
    assert audit_fold(built_fold) == []
    assert "no leak" in run_tool(checkout, "audit_leaks", "--data", phantom).stdout


def jpeg(image):
    return cv2.imdecode(cv2.imencode(".jpg", image, [1, 85])[1], cv2.IMREAD_COLOR)


@pytest.mark.parametrize(
    ("copied", "kind"),
    [
        (lambda image: image, "exact"),
        (jpeg, "near"),
        (lambda image: (image * 0.9 + 8).astype(np.uint8), "near"),
        (lambda image: cv2.GaussianBlur(image, (0, 0), 1.0), "near"),
    ],
)
def test_a_planted_test_view_is_found(untrained, copied, kind):
    place, fold = untrained
    victim, image = list(read_views(fold / "val_lmdb"))[3]
    plant(fold, copied(image), "00000900_innocent")
    leaks = audit_fold(fold)
    assert [(leak.kind, leak.first, leak.second) for leak in leaks] == [(kind, "00000900_innocent", victim)]
    assert leaks[0].distance <= NEAR_VIEWS
    if kind == "exact":
        done = run_tool(place, "audit_leaks", "--net", fold, status=1)
        assert f"exact: 00000900_innocent and {victim}" in done.stdout


def test_another_view_of_a_test_cell_is_found_by_its_cell(untrained, rng):
    _, fold = untrained
    key, _ = read_datums(fold / "val_lmdb")[0]
    cell = key.split("_", 1)[1]
    plant(fold, rng.integers(0, 256, (256, 256, 3), np.uint8), f"00000900_{cell}")
    assert [(leak.kind, leak.second) for leak in audit_fold(fold)] == [("cell", key)]


@pytest.mark.parametrize(
    ("copied", "kind"),
    [
        (lambda image: image, "exact"),
        (lambda image: np.ascontiguousarray(np.rot90(image)), "exact"),
        (lambda image: image[:, ::-1], "exact"),
        (jpeg, "near"),
        (lambda image: jpeg(image[::-1]), "near"),
    ],
)
def test_duplicates_inside_a_data_set_are_reported(dataset, tmp_path, copied, kind):
    original = dataset.cells[7]
    cv2.imwrite(str(tmp_path / "1-1-001.BMP"), copied(read_image(original.image)))
    twin = replace(original, id="1-1-001", image=tmp_path / "1-1-001.BMP")
    leaks = audit_dataset(Dataset("twins", tmp_path, (*dataset.cells, twin)))
    assert [(leak.kind, {leak.first, leak.second}) for leak in leaks] == [(kind, {"1-1-001", original.id})]
