"""GeoJSON by QuPath's names."""

import gzip
import json
import uuid

import pytest

from deeppap.screening.outputs.geojson import feature, writing_geojson
from tests.support.screening import cell_at

RING = {"type": "Polygon", "coordinates": [[[5.5, 15.5], [15.5, 15.5], [15.5, 25.5], [5.5, 25.5], [5.5, 15.5]]]}


def test_detection_has_what_qupath_reads():
    found = feature(cell_at(10, 20, 0.93, ood_score=0.75))
    assert found == {
        "type": "Feature",
        "id": found["id"],
        "geometry": RING,  # closed, and counted from the corner of the first pixel
        "properties": {
            "objectType": "detection",
            "classification": {"name": "Abnormal", "color": [213, 94, 0]},
            "measurements": {
                "P(abnormal)": 0.93,
                "P(abnormal) spread": 0.05,
                "Nucleus: Area µm^2": 40.25,
                "Nucleus: Confidence": 0.9,
                "Out of distribution (1: the limit)": 0.75,
            },
        },
    }
    assert str(uuid.UUID(found["id"])) == found["id"] == cell_at(10, 20).id
    coloured = feature(cell_at(10, 20, 0.93, ood_score=0.75), score_colours=True)["properties"]
    assert coloured == found["properties"] | {"color": [213, 94, 0]}


def test_a_class_that_a_person_gave_stays():
    """A cell of score 0.9 that a person called NILM, and one of a class that nobody knows."""
    for given, colour in (("NILM", [0, 114, 178]), ("HSIL", [213, 94, 0]), ("Tumor", [119, 119, 119])):
        found = feature(cell_at(10, 20, 0.9, given=given))["properties"]
        assert found["classification"] == {"name": given, "color": colour}
        assert found["measurements"]["P(abnormal)"] == 0.9


@pytest.mark.parametrize(
    ("given", "score", "agrees"), [("NILM", 0.2, True), ("hsil", 0.2, False), ("Tumor", 0.2, None), ("", 0.2, None)]
)
def test_what_a_person_said_is_compared_by_its_side(given, score, agrees):
    assert cell_at(10, 20, score, given=given).agrees is agrees


def test_annotation_has_a_name_and_an_id_of_its_own():
    detection, annotation = (feature(cell_at(10, 20, 0.93), kind) for kind in ("detection", "annotation"))
    assert annotation["properties"]["objectType"] == "annotation"
    assert annotation["properties"]["name"] == "P(abnormal) 0.930"
    assert annotation["id"] != detection["id"]
    assert feature(cell_at(10, 20, 0.1))["id"] == detection["id"]  # the id depends on the place, not on the score


def test_cell_without_outline_and_numbers():
    found = feature(cell_at(10, 20, 0.2, outline=None, area_um2=float("nan"), confidence=float("nan")))
    assert found["geometry"] == {"type": "Point", "coordinates": [10.5, 20.5]}
    assert set(found["properties"]["measurements"]) == {"P(abnormal)", "P(abnormal) spread"}
    for score, name in ((0.4999, "Normal"), (0.5, "Abnormal")):  # the paper's threshold
        assert feature(cell_at(1, 1, score))["properties"]["classification"]["name"] == name


@pytest.mark.parametrize("count", [0, 1, 3])
def test_file_is_one_collection_and_the_same_bytes_each_time(tmp_path, count):
    for name in ("one", "two"):
        for gzipped in (False, True):
            with writing_geojson(tmp_path / f"{name}.geojson", "a.png", gzipped) as write:
                for k in range(count):
                    write(cell_at(10 + k, 20, image="a\u2028\N{GREEK SMALL LETTER MU}.png"))
    one, gzipped = (tmp_path / "one.geojson").read_bytes(), (tmp_path / "one.geojson.gz").read_bytes()
    assert one == (tmp_path / "two.geojson").read_bytes() == gzip.decompress(gzipped)
    assert gzipped == (tmp_path / "two.geojson.gz").read_bytes()
    read = json.loads(one)
    assert (read["type"], len(read["features"])) == ("FeatureCollection", count)
