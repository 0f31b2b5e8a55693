"""Readers under random damage: a value or a UserError in one line, nothing else. Longer: make fuzz."""

import json
import os
import string

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from data_prep.cells import Dataset
from data_prep.manifest import read_manifest
from data_prep.mean_image import read_mean
from deeppap.io.caffe_messages import caffe_pb2, parse_prototxt, read_binary
from deeppap.io.errors import UserError
from deeppap.io.files import read_json, write_json
from deeppap.io.image_file import MAX_PIXELS, image_size, read_image, read_mask
from deeppap.records import SplitRecord
from deeppap.training.caffe_log import read_lines
from tests.support.checkout import ROOT
from tests.support.fault_tools import bmp
from tests.support.pictures import plain
from tests.support.records import fold_record, run_record
from tests.support.synthetic_run import model_record

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "150"))
SEEDED = "FUZZ_EXAMPLES" not in os.environ  # the tests try the same each time, `make fuzz` something new
fuzz = settings(
    max_examples=EXAMPLES,
    derandomize=SEEDED,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def value_or_refusal(function, *arguments):
    """The function's value, or None where it refused in one printable line."""
    try:
        return function(*arguments)
    except UserError as error:
        assert str(error).isprintable() and error.where
        return None


def damaged(whole: bytes):
    """Bytes like `whole`: some replaced, inserted, or the end cut off."""
    edits = st.lists(st.tuples(st.integers(0, len(whole)), st.integers(0, 3), st.binary(max_size=6)), max_size=6)

    def apply(pair):
        changes, end = pair
        data = bytearray(whole)
        for at, skip, new in changes:
            data[at : at + skip] = new
        return bytes(data[:end])

    return st.tuples(edits, st.integers(0, len(whole) + 20)).map(apply)


GOOD_BMP = bmp(9, 7, pixels=np.random.default_rng(1).bytes(28 * 7))


@fuzz
@given(st.one_of(damaged(GOOD_BMP), damaged(bmp(9, 7, 8)), st.binary(max_size=200).map(b"BM".__add__)))
@example(bmp(9, 7, claim=(2**30, 2**30)))
@example(bmp(9, 7, claim=(9, -(2**31))))
def test_bmp_files(tmp_path, data):
    path = tmp_path / "x.BMP"
    path.write_bytes(data)
    size = value_or_refusal(image_size, path)
    image = value_or_refusal(read_image, path)
    value_or_refusal(read_mask, path)
    if image is not None:
        assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
        assert size == image.shape[:2], "the header and the pixels disagree"
        assert image.shape[0] * image.shape[1] <= MAX_PIXELS


MANIFEST = b"image,label,nucleus_x,nucleus_y,group\na.png,0,3,4,g\nb.png,abnormal,1.5,2,\n\na.png,1,0,0,h\n"


@fuzz
@given(st.one_of(damaged(MANIFEST), st.text(max_size=80).map(lambda t: MANIFEST + t.encode("utf-8", "replace"))))
def test_manifests(tmp_path, data):
    import cv2

    for name in ("a.png", "b.png"):
        if not (tmp_path / name).exists():
            cv2.imwrite(str(tmp_path / name), plain((8, 9, 3), 0))
    path = tmp_path / "cells.csv"
    path.write_bytes(data)
    dataset = value_or_refusal(read_manifest, path)
    if dataset is not None:
        assert isinstance(dataset, Dataset) and len({cell.id for cell in dataset.cells}) == len(dataset.cells)
        for cell in dataset.cells:
            assert cell.label in (0, 1) and -0.5 <= cell.centre[0] <= 8.5 and -0.5 <= cell.centre[1] <= 7.5
            assert cell.image.resolve().is_relative_to(tmp_path.resolve())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
SPLIT = SplitRecord.of("cell", 1, "a" * 64, [["a"], ["b"], ["c"], ["d"], ["e"]])


@pytest.mark.parametrize("record", [SPLIT, fold_record(), model_record(), run_record()], ids=lambda record: record.FILE)
@fuzz
@given(data=st.data())
def test_records(tmp_path, record, data):
    path, whole = tmp_path / record.FILE, msgspec.to_builtins(record)
    kind = data.draw(st.sampled_from(["bytes", "replaced", "other"]))
    if kind == "bytes":
        path.write_bytes(data.draw(damaged(json.dumps(whole).encode())))
    elif kind == "replaced":
        write_json(path, {**whole, data.draw(st.sampled_from(sorted(whole))): data.draw(JSON)})
    else:
        path.write_text(json.dumps(data.draw(JSON)))
    value_or_refusal(type(record).read, tmp_path)


@pytest.mark.parametrize("text", ['{"seed": ' + "1" * 5000 + "}", "[" * 100_000])
def test_json_of_many_digits_and_many_brackets(tmp_path, text):
    """Two ways to upset Python's own parser."""
    path = tmp_path / "split.json"
    path.write_text(text)
    for reader in (SplitRecord.read, lambda folder: read_json(folder / path.name, "a tool")):
        with pytest.raises(UserError, match=r"split\.json: expected"):
            reader(tmp_path)


NET = (ROOT / "prototxt/train_val.prototxt").read_bytes()[:900]


@fuzz
@given(st.one_of(damaged(NET), damaged(b'base_lr: 0.01 lr_policy: "step" max_iter: 12690 type: "SGD"')))
@example(b"layer {" * 20_000)
def test_prototxt(data):
    text = data.decode("utf-8", "replace")
    for message in ("NetParameter", "SolverParameter"):
        value_or_refusal(parse_prototxt, text, message, "x.prototxt")


LINES = st.one_of(
    st.text(alphabet=string.printable, max_size=60),
    st.builds(
        "I1123 00:00:00.0 1 solver.cpp:1] Iteration {} ({} iter/s), loss = {}".format, *[st.text(max_size=8)] * 3
    ),
    st.builds("Iteration {}, Testing net (#0)".format, st.integers(-5, 10**14)),
    st.builds("    Test net output #{}: {} = {}".format, st.integers(), st.text(max_size=8), st.floats()),
    st.builds(
        "Iteration {}, lr = {}".format, st.integers(0, 99), st.sampled_from(["1e-5", "-nan", "e", "+.", "1.2.3"])
    ),
)


@fuzz
@given(st.lists(LINES, max_size=12))
def test_caffes_log(lines):
    record = read_lines(lines)
    for rows in (record.train, record.test):
        assert [row[0] for row in rows] == sorted({row[0] for row in rows})
        assert all(isinstance(value, float) for row in rows for value in row[1:])


def small_net() -> bytes:
    net = caffe_pb2().NetParameter(name="n")
    blob = net.layer.add(name="conv1").blobs.add()
    blob.shape.dim.extend([1, 2])
    blob.data.extend([0.5, 1.5])
    return net.SerializeToString()


@fuzz
@given(st.one_of(damaged(small_net()), st.binary(max_size=60)))
def test_binary_messages(tmp_path, data):
    from deeppap.engines.weights_file import check_weights

    path = tmp_path / "x.caffemodel"
    path.write_bytes(data)
    value_or_refusal(check_weights, path, {"conv1": [[1, 2]]}, "Nothing.")
    value_or_refusal(read_mean, path)
    value_or_refusal(read_binary, path, "SolverState", "Nothing.")
