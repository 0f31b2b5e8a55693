"""What files unpack to is bounded, whatever their own size."""

import gzip
import io
import json
import zipfile

import numpy as np
import pytest

from data_prep import geojson
from data_prep.geojson import open_geojson
from data_prep.importers import json_files
from data_prep.importers.gather import gather
from deeppap.io import files
from deeppap.io.errors import UserError
from deeppap.io.files import read_arrays, write_arrays
from deeppap.records import record
from deeppap.records.record import read_record
from deeppap.screening.nuclei_file import read_nuclei

POINT = b'{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{"n":"}{\\"]"}}'


def collection(*features, before=b"", after=b""):
    return b'{"type":"FeatureCollection"' + before + b',"features": [' + b",\n".join(features) + b"]" + after + b"}"


@pytest.mark.parametrize(
    "text",
    [
        collection(POINT, POINT),
        collection(POINT, POINT, before=b',"image":"}[.png","more":{"features":[1]}'),
        collection(POINT, POINT, after=b',"image":"}[.png"'),
        b" [" + POINT + b"," + POINT + b"] ",
    ],
)
def test_features_are_found_as_a_parser_finds_them(text):
    found = open_geojson(text, "x")
    whole = json.loads(text)
    assert [json.loads(one) for one in found] == (whole if isinstance(whole, list) else whole["features"])
    assert found.image == (whole.get("image") if isinstance(whole, dict) else None)


def test_a_feature_alone_and_other_json():
    assert list(open_geojson(POINT, "x")) == [POINT]
    for other in (b"{}", b"5", b'"x"', b'{"type": 5, "features": []}', b'{"features": null}'):
        assert open_geojson(other, "x") is None


DAMAGED = [
    collection(POINT)[:-2],
    collection(POINT)[:40],
    collection(POINT, b"5"),
    collection(POINT + POINT),
    collection(POINT, b""),
    collection(b'"text"'),
    collection(POINT, b"}"),
    collection(POINT + b" x"),
]


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_list_is_refused_and_no_feature_is_skipped(tmp_path, text):
    path = tmp_path / "a.geojson"
    path.write_bytes(text)
    with pytest.raises(UserError, match="a.geojson"):
        read_nuclei(path, "a.png", (99, 99), 0.2)


def test_the_longest_feature_and_the_most_features(tmp_path, monkeypatch):
    path = tmp_path / "a.geojson"
    path.write_bytes(collection(*[POINT] * 50))
    monkeypatch.setattr(geojson, "LONGEST", len(POINT) - 1)
    with pytest.raises(UserError, match="a longer one"):
        read_nuclei(path, "a.png", (99, 99), 0.2)
    monkeypatch.setattr(geojson, "LONGEST", len(POINT))
    assert len(read_nuclei(path, "a.png", (99, 99), 0.2)) == 50
    monkeypatch.setattr(geojson, "MOST_FEATURES", 49)
    with pytest.raises(UserError, match="at most 49 features"):
        read_nuclei(path, "a.png", (99, 99), 0.2)


def test_unpacked_json_is_bounded(tmp_path, monkeypatch):
    """A record, nuclei, and labels of each kind, packed from ten times their bound; and labels in a .zip."""
    for module, name in ((record, "MAX_JSON"), (geojson, "MOST"), (json_files, "MOST"), (json_files, "MOST_OTHER")):
        monkeypatch.setattr(module, name, 10_000)
    many = collection(*[POINT] * 1000)
    for name, text in (
        ("a.json.gz", b" " * 100_000),
        ("b.geojson.gz", many),
        ("c.json.gz", b'{"shapes": [' + b" " * 10_001),
    ):
        (tmp_path / name).write_bytes(gzip.compress(text))
    with zipfile.ZipFile(tmp_path / "d.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("d.geojson", many)
    with pytest.raises(UserError, match="at most 10.0 kB"):
        read_record(tmp_path / "a.json.gz", dict, "a test")
    with pytest.raises(UserError, match="at most 10.0 kB"):
        read_nuclei(tmp_path / "b.geojson.gz", "b.png", (99, 99), 0.2)
    for name in ("b.geojson.gz", "c.json.gz", "d.zip"):
        with pytest.raises(UserError, match="at most 10.0 kB"):
            gather([tmp_path / name])


def npz(path, name="a.npy", **header):
    """An .npz file whose one array says what `header` says."""
    data = io.BytesIO()
    facts = {"descr": "<f4", "fortran_order": False, "shape": (4,), **header}
    np.lib.format.write_array_header_1_0(data, facts)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(name, data.getvalue() + bytes(16))
    return path


def test_arrays_are_bounded_and_as_long_as_they_say(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    write_arrays(path, {"a": np.arange(4.0), "name": np.array("text")})
    found = read_arrays(path, "arrays", "Nothing.")
    assert found["a"].tolist() == [0, 1, 2, 3] and str(found["name"]) == "text"
    assert read_arrays(npz(path), "arrays", "Nothing.")["a"].tolist() == [0] * 4
    for header in ({"shape": (10**13,)}, {"shape": (2**62, 4)}, {"shape": (-1,)}, {"descr": "|O"}):
        with pytest.raises(UserError, match="expected arrays"):
            read_arrays(npz(path, **header), "arrays", "Nothing.")
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("a", b"hello")
    with pytest.raises(UserError, match="no array"):
        read_arrays(path, "arrays", "Nothing.")
    monkeypatch.setattr(files, "MAX_ARRAYS", 100)
    with pytest.raises(UserError, match="at most 100 B"):
        read_arrays(npz(path), "arrays", "Nothing.")
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(UserError, match="expected arrays"):
        read_arrays(path, "arrays", "Nothing.")
