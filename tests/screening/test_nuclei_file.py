"""Nuclei that a person set: QuPath's GeoJSON and CSV, read back, and what is refused in one line."""

import contextlib
import gzip
import io
import json
import zlib

import numpy as np
import pytest

from deeppap.io.errors import UserError
from deeppap.screening import nuclei_file
from deeppap.screening.nuclei_file import features, read_nuclei
from deeppap.screening.outputs.geojson import writing_geojson
from tests.support.screening import MPP, cell_at

SIZE = (640, 480)


def feature(kind, coordinates, **more):
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}, "properties": {}, **more}


SQUARE = [[10, 20], [30, 20], [30, 40], [10, 40], [10, 20]]


def geojson(tmp_path, *parts, **options):
    path = tmp_path / "nuclei.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(parts)}, **options), encoding="utf-8")
    return path


def read(path):
    return read_nuclei(path, "field.png", SIZE, MPP)


def places(nuclei):
    return np.array([(n.x, n.y) for n in nuclei])


@pytest.mark.parametrize("packed", [False, True])
def test_what_screening_wrote_is_read_back(tmp_path, packed):
    cells = [cell_at(100.25, 50.5), cell_at(200.0, 61.75, outline=None), cell_at(7.5, 8.5)]
    with writing_geojson(tmp_path / "cells.geojson", "field.png", packed) as writer:
        for cell in cells:
            writer.write(cell)
    nuclei = read(tmp_path / ("cells.geojson.gz" if packed else "cells.geojson"))
    assert places(nuclei) == pytest.approx(np.array([(c.x, c.y) for c in cells]), abs=0.01)
    assert nuclei[0].area_um2 == pytest.approx(100 * MPP**2, rel=1e-3)
    assert nuclei[0].outline[:-1] == pytest.approx(cells[0].outline, abs=0.01)
    assert np.isnan(nuclei[1].area_um2)
    assert nuclei[1].outline is None


def test_qupaths_own_exports(tmp_path):
    """Pretty printed, bare arrays, cells with a nucleus inside, point tools: pixel corners become pixel centres."""
    cell = feature("Polygon", [[[0, 0], [90, 0], [90, 90], [0, 90], [0, 0]]])
    cell["nucleusGeometry"] = {"type": "Polygon", "coordinates": [SQUARE]}
    points = feature("MultiPoint", [[1.5, 2.5], [3.5, 4.5]])
    path = geojson(tmp_path, cell, points, feature("Point", [100, 200.25]), indent=2)
    assert places(read(path)) == pytest.approx(np.array([(19.5, 29.5), (1, 2), (3, 4), (99.5, 199.75)]))
    path.write_text(json.dumps([feature("Point", [7, 8])]), encoding="utf-8")
    assert [(n.x, n.y) for n in read(path)] == [(6.5, 7.5)]


def test_a_hole_is_filled_and_a_single_piece_is_one_nucleus(tmp_path):
    hole = [[15, 25], [20, 25], [20, 30], [15, 25]]
    path = geojson(tmp_path, feature("Polygon", [SQUARE, hole]), feature("MultiPolygon", [[SQUARE]]))
    first, second = read(path)
    assert (first.x, first.y, first.area_um2) == (second.x, second.y, second.area_um2)
    assert first.area_um2 == pytest.approx(400 * MPP**2)


def test_an_outline_drawn_either_way_round_is_the_same(tmp_path):
    one, other = read(geojson(tmp_path, feature("Polygon", [SQUARE]), feature("Polygon", [SQUARE[::-1]])))
    assert (one.x, one.y, one.area_um2) == (other.x, other.y, other.area_um2)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (feature("Point", ["1", 2]), 'feature 2: expected coordinates, two numbers each, found \\["1", 2\\]'),
        (feature("Point", [True, 2]), "two numbers each"),
        (feature("Point", [1]), "two numbers each"),
        (feature("Point", None), "two numbers each"),
        (feature("Point", [1e300, 2]), "two numbers each"),
        (feature("Point", [700, 20]), "a nucleus inside the image of 640 x 480 pixels, found 699.5, 19.5"),
        (feature("Point", [20, -3]), "inside the image"),
        (feature("LineString", SQUARE), "a Point, MultiPoint or Polygon, one nucleus each, found LineString"),
        (feature("MultiPolygon", [[SQUARE], [SQUARE]]), "found MultiPolygon"),
        (feature("Polygon", []), "found Polygon"),
        (feature("Polygon", [[[1, 1], [5, 5], [1, 1]]]), "an outline with an area"),
        (feature("Polygon", [[[0, 0], [600, 0], [600, 400], [0, 400]]]), "at most 1000 um2, found 9[0-9]+ um2"),
        ({"type": "Feature", "geometry": None}, "found none"),
        ("text", "found none"),
    ],
)
def test_a_feature_that_is_no_nucleus_is_named(tmp_path, wrong, said):
    path = geojson(tmp_path, feature("Point", [5, 5]), wrong)
    with pytest.raises(UserError, match=said) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert "feature 2" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no list of features"),
        ("{}", "no list of features"),
        ('{"features": []}', "nuclei of field.png, found none"),
        ('{"features": [{"type": "Feature"', "cut short or no JSON"),
        ('{"features": [{"type": "Feature"},', "a Point"),
        ('{"features": [', "cut short or no JSON"),
        ("[" * 200_000, "GeoJSON of features"),
        ("PK\x03\x04", "no list of features"),
    ],
)
def test_what_is_no_geojson_is_one_line(tmp_path, text, said):
    path = tmp_path / "nuclei.geojson"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=said):
        read(path)


def test_bytes_that_are_no_text_and_a_file_that_is_missing_are_one_line(tmp_path):
    path = tmp_path / "nuclei.geojson"
    path.write_bytes(b"\xff\xfe\x00[")
    with pytest.raises(UserError, match="GeoJSON of features"):
        read(path)
    whole = gzip.compress(json.dumps({"features": [feature("Point", [5, 5])]}).encode())
    (tmp_path / "cut.geojson.gz").write_bytes(whole[:-12])
    for name in ("cut.geojson.gz", "none.geojson"):
        with pytest.raises(UserError, match=name):
            read(tmp_path / name)


def test_a_long_list_is_read_a_feature_at_a_time(monkeypatch):
    monkeypatch.setattr(nuclei_file, "CHUNK", 50)
    parts = [feature("Point", [n, n]) for n in range(300)]
    text = json.dumps({"type": "FeatureCollection", "features": parts}, indent=1)
    file = io.StringIO(text)
    stream = features(file)
    assert [next(stream)["geometry"]["coordinates"] for _ in range(3)] == [[0, 0], [1, 1], [2, 2]]
    assert file.tell() < len(text) / 20
    assert len(list(stream)) == 297


def csv_file(tmp_path, text):
    path = tmp_path / "nuclei.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_holds_pixel_centres_and_may_hold_other_images(tmp_path):
    path = csv_file(tmp_path, "image,x,y\nfield.png,10,20.5\nother.png,9999,1\n\nfield.png,30,40\n")
    assert [(n.x, n.y) for n in read(path)] == [(10, 20.5), (30, 40)]
    assert [(n.x, n.y) for n in read(csv_file(tmp_path, "\ufeffnucleus_x,nucleus_y\n1,2\n"))] == [(1, 2)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "columns x and y, or nucleus_x and nucleus_y, found an empty file"),
        ("a,b\n1,2\n", "columns x and y"),
        ("x,y\n1\n", "line 2: expected 2 values"),
        ("x,y\n1,two\n", "line 2: expected two numbers, x and y, found 'two'"),
        ("x,y\n1,nan\n", "found 'nan'"),
        ("x,y\n1,2\n640,2\n", "line 3: expected a nucleus inside"),
        ('x,y\n"1,2\n', "UTF-8 CSV"),
        ("image,x,y\nother.png,1,2\n", "nuclei of field.png, found none"),
    ],
)
def test_a_row_that_is_no_nucleus_is_named(tmp_path, text, said):
    with pytest.raises(UserError, match=said):
        read(csv_file(tmp_path, text))


def test_a_csv_is_read_as_a_spreadsheet_writes_it(tmp_path):
    """Semicolons, decimal commas, a mark before the first byte, empty rows, names of columns in any case."""
    found = read(csv_file(tmp_path, "\ufeffX;Y\r\n114,35;68,5\r\n;\r\n20;30\r\n"))
    assert [(n.x, n.y) for n in found] == [(114.35, 68.5), (20.0, 30.0)]


def test_there_are_not_more_than_any_slide_has(tmp_path, monkeypatch):
    monkeypatch.setattr(nuclei_file, "MOST", 2)
    with pytest.raises(UserError, match="at most 2 nuclei"):
        read(csv_file(tmp_path, "x,y\n1,2\n3,4\n5,6\n"))


@pytest.mark.parametrize("name", ["nuclei.geojson.gz", "nuclei.csv.gz"])
def test_a_damaged_gzipped_file_is_one_line(tmp_path, rng, name):
    text = json.dumps({"features": [feature("Polygon", [SQUARE])] * 400}) if "geojson" in name else "x,y\n1,2\n" * 4000
    whole = bytearray(gzip.compress(text.encode()))
    path, kinds = tmp_path / name, set()
    for _ in range(60):
        data = whole.copy()
        for place in rng.integers(20, len(data) - 8, 5):
            data[place] = rng.integers(256)
        path.write_bytes(data)
        with contextlib.suppress(UserError):
            read(path)
        with contextlib.suppress(OSError, EOFError), gzip.open(path) as file:
            try:
                file.read()
            except zlib.error as error:
                kinds.add(type(error))
    assert kinds  # some were of the kind that is no OSError


@pytest.mark.parametrize("packed", [False, True])
def test_what_was_written_of_another_image_is_refused(tmp_path, packed):
    with writing_geojson(tmp_path / "cells.geojson", 'the "other".png', packed) as writer:
        writer.write(cell_at(100, 50))
    with pytest.raises(UserError, match='expected nuclei of field.png, found those of the "other".png'):
        read(tmp_path / ("cells.geojson.gz" if packed else "cells.geojson"))


def test_coordinates_of_a_cropped_picture_come_back_to_the_whole_one(tmp_path):
    """QuPath shows of some slides what was scanned alone, and counts from its corner; cells.csv does not."""
    cells, origin = [cell_at(600.25, 450.5), cell_at(550.0, 411.75, outline=None)], (500, 400)
    with writing_geojson(tmp_path / "cells.geojson", "field.png", origin=origin) as writer:
        for cell in cells:
            writer.write(cell)
    nuclei = read_nuclei(tmp_path / "cells.geojson", "field.png", SIZE, MPP, origin)
    assert places(nuclei) == pytest.approx(np.array([(c.x, c.y) for c in cells]), abs=0.01)
    assert nuclei[0].outline[:-1] == pytest.approx(cells[0].outline, abs=0.01)
    (tmp_path / "cells.csv").write_text("x,y\n600.25,450.5\n")
    assert places(read_nuclei(tmp_path / "cells.csv", "field.png", SIZE, MPP, origin)).tolist() == [[600.25, 450.5]]


def test_one_object_that_qupath_exported_alone(tmp_path):
    for layout in ({}, {"indent": 2}):
        (tmp_path / "one.geojson").write_text(json.dumps(feature("Polygon", [SQUARE]), **layout))
        assert places(read(tmp_path / "one.geojson")).tolist() == [[19.5, 29.5]]
    (tmp_path / "one.geojson").write_text(json.dumps(feature("Polygon", [SQUARE]))[:-9])
    with pytest.raises(UserError, match="GeoJSON of features"):
        read(tmp_path / "one.geojson")
