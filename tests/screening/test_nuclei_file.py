"""Nuclei that a person set: QuPath's GeoJSON and CSV, read back, and what is refused in one line."""

import gzip
import json

import cv2
import numpy as np
import pytest

from data_prep.importers.gather import gather
from deeppap.io.errors import UserError
from deeppap.screening.nuclei_file import read_nuclei
from deeppap.screening.outputs.geojson import writing_geojson
from deeppap.screening.parts import nuclei_inside, write_nuclei
from deeppap.screening.slides.slide import Box
from tests.support.screening import MPP, cell_at

SIZE = (640, 480)
SQUARE = [[10, 20], [30, 20], [30, 40], [10, 40], [10, 20]]


def feature(kind, coordinates, **more):
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}, "properties": {}, **more}


def written(tmp_path, value, name="nuclei.geojson", **options):
    path = tmp_path / name
    path.write_text(value if isinstance(value, str) else json.dumps(value, **options), encoding="utf-8")
    return path


def geojson(tmp_path, *parts):
    return written(tmp_path, {"type": "FeatureCollection", "features": list(parts)})


def read(path, origin=(0, 0)):
    return read_nuclei(path, "field.png", SIZE, MPP, origin)


def places(nuclei):
    return np.array([(n.x, n.y) for n in nuclei]).tolist()


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("origin", [(0, 0), (50, 40)])
def test_what_screening_wrote_is_read_back(tmp_path, gzipped, origin):
    """QuPath shows of some slides what was scanned alone, and counts from its corner."""
    cells = [cell_at(100.25, 50.5), cell_at(200.0, 61.75, outline=None), cell_at(57.5, 48.5)]
    with writing_geojson(tmp_path / "cells.geojson", "field.png", gzipped, origin) as write:
        for cell in cells:
            write(cell)
    nuclei = read(tmp_path / ("cells.geojson.gz" if gzipped else "cells.geojson"), origin)
    assert places(nuclei) == pytest.approx(np.array([(c.x, c.y) for c in cells]), abs=0.01)
    assert nuclei[0].area_um2 == pytest.approx(100 * MPP**2, rel=1e-3)
    assert nuclei[0].outline[:-1] == pytest.approx(cells[0].outline, abs=0.01)
    assert np.isnan(nuclei[1].area_um2) and nuclei[1].outline is None


@pytest.mark.parametrize("gzipped", [False, True])
def test_cells_of_another_image_are_refused(tmp_path, gzipped):
    with writing_geojson(tmp_path / "cells.geojson", 'the "other".png', gzipped) as write:
        write(cell_at(100, 50))
    with pytest.raises(UserError, match='field.png, found those of the "other".png'):
        read(tmp_path / ("cells.geojson.gz" if gzipped else "cells.geojson"))


def test_qupaths_own_exports(tmp_path):
    """Indented, bare arrays, one object alone, cells with a nucleus inside, point tools."""
    cell = feature("Polygon", [[[0, 0], [90, 0], [90, 90], [0, 90], [0, 0]]])
    cell["nucleusGeometry"] = {"type": "Polygon", "coordinates": [SQUARE]}
    features = [cell, feature("MultiPoint", [[1.5, 2.5], [3.5, 4.5]]), feature("Point", [100, 200.25])]
    expected = [[19.5, 29.5], [1, 2], [3, 4], [99.5, 199.75]]  # pixel corners become pixel centres
    for value in ({"type": "FeatureCollection", "features": features}, features):
        for layout in ({}, {"indent": 2}):
            assert places(read(written(tmp_path, value, **layout))) == expected
    assert places(read(written(tmp_path, cell, indent=2))) == expected[:1]
    path = tmp_path / "nuclei.geojson"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(features).encode())
    assert places(read(path)) == expected


def test_a_measurement_that_qupath_could_not_make_is_passed_over(tmp_path):
    text = json.dumps([feature("Point", [5, 5], properties={"measurements": {"Circularity": float("nan")}})])
    assert "NaN" in text
    assert places(read(written(tmp_path, text))) == [[4.5, 4.5]]


def test_classes_that_a_person_set_are_kept_and_the_nets_own_are_not(tmp_path):
    by_net = {"measurements": {"P(abnormal)": 0.9}}
    kinds = ["HSIL", {"name": "Abnormal"}, {"names": ["HSIL", "sure"]}, {"name": "NILM"}, None]
    parts = [feature("Point", [5 + k, 5], properties={"classification": kind}) for k, kind in enumerate(kinds)]
    parts += [feature("Point", [50, 5], properties=by_net | {"classification": {"name": "Abnormal"}})]
    parts += [feature("Point", [60, 5], properties=by_net | {"classification": {"name": "Normal"}})]
    nuclei = read(geojson(tmp_path, *parts))
    assert [n.given for n in nuclei] == ["HSIL", "Abnormal", "HSIL: sure", "NILM", "", "", "Normal"]


def test_a_class_that_a_screening_kept_is_kept_again(tmp_path, rng):
    """Also one that the net agrees with, and calls at a threshold that the rounded score cannot be compared with."""
    cells = [cell_at(10, 20, 0.9, given="Abnormal"), cell_at(40, 20, 0.9)]
    cells += [cell_at(10, 50 + k, 5e-7, threshold=limit) for k, limit in enumerate((4e-7, 5.1e-7))]
    cells += [cell_at(10, 90, 0.4999999)]
    with writing_geojson(tmp_path / "cells.geojson", "field.png") as write:
        for cell in cells:
            write(cell)
    assert [n.given for n in read(tmp_path / "cells.geojson")] == ["Abnormal", "", "", "", ""]
    cv2.imwrite(str(tmp_path / "field.png"), rng.integers(0, 256, (200, 200, 3), np.uint8))
    found = gather([tmp_path / "cells.geojson"], [tmp_path / "field.png"], mpp=MPP).cells
    assert [one.known.label for one in found] == ["abnormal"]


def test_hole_is_filled_and_direction_does_not_matter(tmp_path):
    hole = [[15, 25], [20, 25], [20, 30], [15, 25]]
    polygons = [[SQUARE, hole], [SQUARE], [SQUARE[::-1]]]
    path = geojson(tmp_path, *(feature("Polygon", p) for p in polygons), feature("MultiPolygon", [[SQUARE]]))
    nuclei = read(path)
    assert places(nuclei) == [[19.5, 29.5]] * 4
    assert [n.area_um2 for n in nuclei] == pytest.approx([400 * MPP**2] * 4)


def test_a_file_is_read_as_its_import_reads_it(tmp_path, rng, capsys):
    """Points, holes, parts, specks, a rectangle, cells with nuclei in one part and in several, far from the origin."""
    cv2.imwrite(str(tmp_path / "field.png"), rng.integers(0, 256, (2400, 3000, 3), np.uint8))

    def ring(x, y, size):
        return [[x, y], [x + size, y + 0.3], [x + size / 2, y + size], [x, y]]

    shapes = [
        ("Point", [2900.5, 10.25]),
        ("MultiPoint", [[10, 20], [60.5, 20, 7]]),
        ("Polygon", [ring(100, 20, 20), ring(105, 23, 3)]),
        ("Polygon", [SQUARE]),
        ("MultiPolygon", [[ring(200, 20, 20), ring(205, 23, 3)], [ring(250, 20, 19)], [ring(221, 20, 2)]]),
    ]
    kind = {"classification": {"name": "HSIL"}}
    parts = [feature(*shape, properties=kind) for shape in shapes]
    parts[0]["geometry"]["plane"] = {"c": -1, "z": 2, "t": 0}
    whole = {"type": "Polygon", "coordinates": [ring(2600, 1100, 20)]}
    pieces = {"type": "MultiPolygon", "coordinates": [[ring(2600, 2000, 20)], [ring(2630, 2000, 10)]]}
    cell = feature("Polygon", [ring(2500, 1000, 90)], properties={**kind, "objectType": "cell"})
    parts += [{**cell, "nucleusGeometry": nucleus} for nucleus in (whole, pieces)]
    path = geojson(tmp_path, *parts).rename(tmp_path / "field.geojson")
    nuclei = read_nuclei(path, "field.png", (3000, 2400), MPP)
    assert "other planes" in capsys.readouterr().err
    found = gather([path], mpp=MPP)
    assert places(nuclei) == pytest.approx(np.array([one.centre for one in found.cells]), abs=1e-9)
    assert len(nuclei) == 9
    for nucleus, one in zip(nuclei, found.cells, strict=True):
        assert one.area is None or nucleus.area_um2 == pytest.approx(one.area * MPP**2)
    assert nuclei[-1].area_um2 == pytest.approx((200 + 50) * MPP**2, rel=0.02)
    assert len(nuclei[-1].outline) == 4


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (feature("Point", ["1", 2]), "Expected `float`, got `str`"),
        (feature("Point", [True, 2]), "Expected `float`, got `bool`"),
        (feature("Point", [1]), "length >= 2"),
        (feature("Point", None), "found Expected `array`"),
        (feature("Point", [1e300, 2]), "found Expected `float` <"),
        (feature("Point", [700, 20]), "640 x 480 pixels, found 699.5, 19.5"),
        (feature("Point", [20, -3]), "inside the image"),
        (feature("LineString", SQUARE), "LineString"),
        (feature("MultiPolygon", []), "length >= 1"),
        (feature("MultiPoint", []), "length >= 1"),
        (feature("Polygon", []), "length >= 1"),
        (feature("Polygon", [[[1, 1], [5, 5], [1, 1]]]), "an outline with an area"),
        (feature("Polygon", [[[0, 0], [600, 0], [600, 400], [0, 400]]]), "at most 1000 um2"),
        ({"type": "Feature", "geometry": None}, "found none"),
        (feature("Polygon", [SQUARE], id="PathCellObject"), "a nucleus in every cell"),
        (feature("Polygon", [SQUARE], properties={"objectType": "tile"}), "a tile or a TMA core"),
        (feature("Polygon", [SQUARE], properties={"childObjects": [feature("Point", [1, 2])]}), "others inside it"),
        ("text", "Expected `object`, got `str`"),
    ],
)
def test_feature_that_is_no_nucleus_is_named(tmp_path, wrong, said):
    with pytest.raises(UserError, match=said) as caught:
        read(geojson(tmp_path, feature("Point", [5, 5]), wrong))
    assert "\n" not in str(caught.value)
    assert "feature 2" in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "5", "{}", '{"features": []}', '{"features": [{"type": "Feature"', "[" * 200_000, "PK\x03\x04"]
)
def test_other_text_is_refused(tmp_path, text):
    with pytest.raises(UserError, match="nuclei.geojson") as caught:
        read(written(tmp_path, text))
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.geojson", '[{"type": "Feature"}]'.encode("utf-16"), "found a file in UTF-16. Save it again as UTF-8"),
        ("a.geojson", b"\xff\x00[", "a.geojson"),
        ("a.geojson.gz", gzip.compress(b'{"features": []}', mtime=0)[:-12], "a.geojson.gz"),
        ("a.geojson", None, "a.geojson"),
    ],
)
def test_other_bytes_and_missing_or_truncated_files_are_refused(tmp_path, name, data, said):
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=said):
        read(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("image,x,y\nfield.png,10,20.5\nother.png,9999,1\n\nfield.png,30,40\n", [[10, 20.5], [30, 40]]),
        ("\ufeffnucleus_x,nucleus_y\n1,2\n", [[1, 2]]),
        # as a spreadsheet writes it
        ("\ufeffX;Y\r\n114,35;68,5\r\n;\r\n20;30\r\n", [[114.35, 68.5], [20, 30]]),
    ],
)
def test_csv_holds_pixel_centres_of_the_whole_image(tmp_path, text, expected):
    assert places(read(written(tmp_path, text, "nuclei.csv"), origin=(500, 400))) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "columns x and y, or nucleus_x and nucleus_y, found an empty file"),
        ("a,b\n1,2\n", "columns x and y"),
        ("x,y\n1\n", "line 2: expected 2 values"),
        ("x,y\n1,two\n", "line 2: .* found 'two'"),
        ("x,y\n1,nan\n", "found 'nan'"),
        ("x;y\n1,234;56\n", "1,234 beside 56"),  # the comma may part thousands
        ("x,y\n1,2\n640,2\n", "line 3: expected a nucleus inside"),
        ('x,y\n"1,2\n', "UTF-8 CSV"),
        ("image,x,y\nother.png,1,2\n", "nuclei of field.png, found none"),
    ],
)
def test_row_that_is_no_nucleus_is_named(tmp_path, text, said):
    with pytest.raises(UserError, match=said):
        read(written(tmp_path, text, "nuclei.csv"))


def test_two_classes_of_one_nucleus_are_refused(tmp_path):
    pytest.importorskip("pyarrow", reason="make slides")
    kinds = (None, "HSIL", "NILM")
    features = [feature("Point", [20, 30], properties={"classification": kind}) for kind in kinds]
    with pytest.raises(UserError, match=r"feature 3: expected one class .* found HSIL and NILM"):
        read(geojson(tmp_path, *features))
    for order in ([0, 1], [1, 0, 0]):
        write_nuclei(tmp_path / "nuclei", read(geojson(tmp_path, *(features[k] for k in order))), SIZE)
        assert [n.given for n in nuclei_inside(tmp_path / "nuclei", Box(0, 0, *SIZE))] == ["HSIL"]
