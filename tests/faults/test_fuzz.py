"""Readers under random damage: a value or a UserError in one line, nothing else. Longer: make fuzz."""

import copy
import gzip
import json
import os
import string

import cv2
import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from data_prep import profiles
from data_prep.classes import PLAIN
from data_prep.image_hashes import FOLD_IMAGES, seen_images
from data_prep.importers.gather import gather
from data_prep.manifest import read_manifest
from data_prep.mean_image import read_mean
from deeppap.engines.deploy import read_deploy
from deeppap.engines.weights_file import check_weights
from deeppap.io.caffe_messages import caffe_pb2, parse_prototxt, read_binary
from deeppap.io.errors import UserError
from deeppap.records import ScoreRecord, SplitRecord
from deeppap.records.release_files import SUMS
from deeppap.scoring.ood import OODReference
from deeppap.scoring.open_nets import open_release
from deeppap.scoring.score_files import read_scores, read_views
from deeppap.screening.nuclei_file import read_nuclei
from deeppap.training.caffe_log import LogReader
from tests.support.checkout import ROOT
from tests.support.pictures import plain
from tests.support.records import fold_record, run_record
from tests.support.synthetic_run import model_record, score_record

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "40"))
fuzz = settings(
    max_examples=EXAMPLES,
    derandomize="FUZZ_EXAMPLES" not in os.environ,  # the tests try the same each time, `make fuzz` something new
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SIDE = 60  # pixels of a.png, which most of the files speak of


def value_or_refusal(function, *arguments):
    """The function's value, or None where it refused in one printable line."""
    try:
        return function(*arguments)
    except UserError as error:
        assert all(line.isprintable() for line in error.lines()) and error.where
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


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("\x1b[2J"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


def places(value) -> list[tuple]:
    """Every place in JSON, as what holds it and its key or index."""
    keys = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [one for key, inner in list(keys) for one in ((value, key), *places(inner))]


@st.composite
def mutated(draw, whole) -> bytes:
    """JSON like `whole` with one value replaced or left out, or its text damaged."""
    value = copy.deepcopy(whole)
    holder, key = draw(st.sampled_from(places(value)))
    if draw(st.booleans()):
        holder[key] = draw(JSON)
    else:
        del holder[key]
    text = json.dumps(value).encode()
    return draw(damaged(text)) if draw(st.integers(0, 3)) == 0 else text


RING = [[10.5, 20], [30, 20], [30, 40], [10, 40], [10.5, 20]]
POLYGON = {"type": "Polygon", "coordinates": [RING]}
GEOJSON = {
    "type": "FeatureCollection",
    "image": "a.png",
    "features": [
        {
            "type": "Feature",
            "id": "one",
            "geometry": POLYGON,
            "nucleusGeometry": POLYGON,
            "properties": {"objectType": "cell", "classification": {"name": "LSIL"}, "childObjects": []},
        },
        {
            "type": "Feature",
            "geometry": {"type": "MultiPoint", "coordinates": [[5, 5], [50, 50]]},
            "properties": {"classification": {"names": ["NILM"]}, "measurements": {"P(abnormal)": 0.25}},
        },
    ],
}
COCO = {
    "images": [{"id": 1, "file_name": "a.png", "width": SIDE, "height": SIDE}],
    "categories": [{"id": 1, "name": "LSIL"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 20, 20, 20], "segmentation": [[1, 1, 9, 1, 9, 9]]}
    ],
}
SHAPE = {"label": "LSIL", "shape_type": "polygon", "points": RING}
LABELME = {"imagePath": "a.png", "imageWidth": SIDE, "imageHeight": SIDE, "shapes": [SHAPE]}
MANIFEST = b"image,label,nucleus_x,nucleus_y,group,id\na.png,0,3,4,g,one\na.png,abnormal,1.5,2,g,\n\n"
TABLE = b"image,x,y,width,height,class,id\na.png,10,20,20,20,LSIL,one\na.png,5,5,9,9,NILM,two\n"
SCORES = b"id,class7,label,score,spread,prob_0,prob_1\none,0,0,0.25,0.1,0.75,0.25\ntwo,4,1,0.9,0.05,0.1,0.9\n"
VIEWS = (
    b"id,view,angle,dx,dy,score,score_centre\n"
    b"one,0,0,0,0,0.5,0.5\none,1,36,0,0,0.5,0.4\ntwo,0,0,0,0,1,1\ntwo,1,36,0,0,1,1\n"
)
SPLIT = SplitRecord.of("cell", 1, "a" * 64, [["a"], ["b"], ["c"], ["d"], ["e"]])
RECORDS = [SPLIT, fold_record(), model_record(), run_record(), model_record().recipe]


def nuclei(path):
    return read_nuclei(path, "a.png", (SIDE, SIDE), 0.2)


def labels(path):
    return gather([path], images=[path.parent])


def beside(reader):
    return lambda path: reader(path.parent)


def profile(path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(profiles, "FILE", path)
        return profiles.read_profile("quick")


# a file's name -> what it holds, whole, and what reads it
FILES = {
    "a.geojson": (GEOJSON, nuclei),
    "a.csv": (b"image,nucleus_x,nucleus_y\na.png,3,4\na.png,30.5,41\n", nuclei),
    "a.geojson.gz": (gzip.compress(json.dumps(GEOJSON).encode(), 1, mtime=0), nuclei),
    "b.geojson": (GEOJSON, labels),
    "coco.json": (COCO, labels),
    "labelme.json": (LABELME, labels),
    "labels.csv": (TABLE, labels),
    "cells.csv": (MANIFEST, read_manifest),
    "scores.csv": (SCORES, lambda path: read_scores(path, ["one", "two"], PLAIN)),
    "view_scores.csv": (VIEWS, lambda path: read_views(path, ["one", "two"])),
    **{one.FILE: (msgspec.to_builtins(one), beside(type(one).read)) for one in RECORDS},
    SUMS: ("".join(f"{i:064x}  fold{i}/model.json\n" for i in range(3)).encode(), beside(open_release)),
    FOLD_IMAGES: (f"id,part,sha256\r\nc1,train,{1:064x}\r\nc2,test,{2:064x}\r\n".encode(), beside(seen_images)),
    "profiles.toml": (profiles.FILE.read_bytes(), profile),
    "deploy.prototxt": ((ROOT / "prototxt/deploy.prototxt").read_bytes()[:900], read_deploy),
}


@pytest.fixture
def folder(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), plain((SIDE, SIDE, 3), 200))
    return tmp_path


@pytest.mark.parametrize("name", FILES)
@fuzz
@given(data=st.data())
def test_damaged_files(folder, name, data):
    whole, read = FILES[name]
    text = data.draw(damaged(whole) if isinstance(whole, bytes) else mutated(whole))
    (folder / name).write_bytes(text)
    value_or_refusal(read, folder / name)


@fuzz
@given(data=st.data())
def test_scores_and_the_reference_of_their_net(folder, data):
    """Files that name another one, or that are no text."""
    (folder / "scores.csv").touch()
    record = mutated(msgspec.to_builtins(score_record(folder)))
    (folder / "scores.json").write_bytes(data.draw(record))
    value_or_refusal(ScoreRecord.beside, folder / "scores.csv")
    ones = np.ones(4, np.float32)
    OODReference("conv3", "a" * 64, ones, ones, np.eye(4, dtype=np.float32), ones, held_out=9).write(folder)
    (folder / "ood_reference.npz").write_bytes(data.draw(damaged((folder / "ood_reference.npz").read_bytes())))
    value_or_refusal(OODReference.read, folder)


@pytest.mark.parametrize("text", ['{"seed": ' + "1" * 5000 + "}", "[" * 100_000])
def test_json_of_many_digits_and_many_brackets(tmp_path, text):
    path = tmp_path / "split.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"split\.json: expected"):
        SplitRecord.read(tmp_path)


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
    st.builds("Iteration {}, lr = {}".format, st.integers(0, 99), st.sampled_from(["1e-5", "-nan", "e", "+.", "1.2"])),
)


@fuzz
@given(st.lists(LINES, max_size=12))
def test_caffes_log(lines):
    reader = LogReader()
    for line in lines:
        reader.feed(line)
    record = reader.record()
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
    path = tmp_path / "x.caffemodel"
    path.write_bytes(data)
    value_or_refusal(check_weights, path, {"conv1": [[1, 2]]}, "Nothing.")
    value_or_refusal(read_mean, path)
    value_or_refusal(read_binary, path, "SolverState", "Nothing.")
