"""Every format is read back from files made to its specification: places to a fraction of a pixel, and classes."""

import numpy as np
import pytest

from data_prep.importers.gather import NO_NUCLEUS, gather
from data_prep.importers.qupath import kind_of
from deeppap.io.errors import UserError
from tests.support import label_files as files

# the writer, how near the centres must be (a mask's lie on whole pixels), and what the centre is from
FORMATS = [
    (files.write_qupath_cells, 0.02, {"outline"}),
    (files.write_qupath_points, 0.02, {"point"}),
    (files.write_qupath_zip, 0.02, {"outline"}),
    (files.write_coco_boxes, 0.02, {"middle"}),
    (files.write_coco_polygons, 0.02, {"outline"}),
    (files.write_coco_masks, 0.6, {"mask"}),
    (files.write_yolo_boxes, 0.02, {"middle"}),
    (files.write_yolo_polygons, 0.02, {"outline"}),
    (files.write_voc, 0.6, {"middle"}),
    (files.write_labelme, 0.6, {"point", "outline", "middle", "mask"}),
    (files.write_sides, 0.02, {"middle"}),
    (files.write_corners, 0.02, {"middle"}),
    (files.write_riva, 0.02, {"middle"}),
    (files.write_screen_table, 0.02, {"point"}),
    (files.write_spreadsheet, 0.02, {"point"}),
    (files.write_pandas, 0.02, {"point"}),
    (files.write_cric, 0.02, {"point"}),
    (files.write_cric_csv, 0.02, {"point"}),
    (files.write_label_maps, 0.6, {"mask"}),
]


@pytest.mark.parametrize(("write", "near", "origins"), FORMATS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_format_is_read_back(tmp_path, write, near, origins):
    points = files.drawn(tmp_path)
    found = gather([write(tmp_path, points)], mpp=0.25)
    assert len(found.cells) == len(points) == 12
    for index, place in enumerate(points):
        cell = min(found.cells, key=lambda one: np.hypot(*np.subtract(one.centre, place)))
        assert np.abs(np.subtract(cell.centre, place)).max() <= near
        assert cell.known.name == files.kind_of(index)
    assert {one.centre_from for one in found.cells} == origins
    assert {one.image.name for one in found.cells} == {"field.png"}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (["a", "c"], ["a/x.png", "c/y.png"]),  # of the folder itself before one of a folder in it
        (["a/x.png", "b/y.png"], ["a/x.png", "b/y.png"]),
        (["b/x.png", "a"], ["b/x.png", "a/old/y.png"]),
        (["a", "b/x.png"], ["b/x.png", "a/old/y.png"]),
    ],
)
def test_images_of_equal_names_are_told_apart_by_what_was_given(tmp_path, given, found):
    files.pictures(tmp_path, "a/x.png", "a/old/x.png", "a/old/y.png", "b/x.png", "b/y.png", "c/y.png")
    rows = [["x.png", 30, 20, "NILM"], ["y.png", 30, 20, "LSIL"]]
    source = files.write_csv(tmp_path / "labels.csv", "image,x,y,class", rows)
    cells = gather([source], [tmp_path / name for name in given]).cells
    images = {one.known.name: one.image for one in cells}
    assert [images[kind] for kind in ("NILM", "LSIL")] == [tmp_path / name for name in found]


@pytest.mark.parametrize(
    "write", [files.write_qupath_cells, files.write_sides, files.write_coco_masks, files.write_voc]
)
def test_images_may_lie_elsewhere(tmp_path, write):
    points = files.drawn(tmp_path / "images")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/field.png").symlink_to(tmp_path / "images/field.png")
    source = write(tmp_path / "labels", points)
    (tmp_path / "labels/field.png").unlink()
    for images in (tmp_path / "images", tmp_path / "images/field.png"):
        assert {one.image for one in gather([source], [images]).cells} == {tmp_path / "images/field.png"}


def test_an_image_is_found_by_its_place_and_by_its_name(tmp_path):
    """labels/b/field.txt belongs to images/b/field.png, not to images/a/field.png."""
    points = files.drawn(tmp_path)
    files.write_yolo_boxes(tmp_path, points)
    for name in ("images", "labels"):
        (tmp_path / name / "val").mkdir()
    (tmp_path / "images/val/FIELD.PNG").write_bytes((tmp_path / "images/train/field.png").read_bytes())
    (tmp_path / "labels/val/Field.txt").write_text("1 0.5 0.5 0.05 0.05\n")
    (tmp_path / "labels/val/none.txt").write_text("")
    found = gather([tmp_path])
    places = sorted((one.image.parent.name, one.known.name) for one in found.cells)
    assert places.count(("val", "LSIL")) == 1 and len(places) == 13
    assert len(set(found.names.values())) == 2


@pytest.mark.parametrize(("other", "found"), [("b/old/x.png", False), ("a/old/x.png", True), ("a/x.png", True)])
def test_an_image_below_another_folder_is_not_farther(tmp_path, other, found):
    files.pictures(tmp_path, "a/x.png", other)
    source = files.write_csv(tmp_path / "labels.csv", "image,x,y,class", [["x.png", 30, 20, "NILM"]])
    if found:
        assert gather([source]).cells[0].image == tmp_path / "a/x.png"
    else:
        with pytest.raises(UserError, match=r"one image called x.png"):
            gather([source])


def test_qupath_objects_without_a_class_or_a_nucleus(tmp_path):
    points = files.drawn(tmp_path)
    features = [files.feature(files.point(*place), "NILM") for place in points[:5]]
    features.append(files.feature(files.polygon(300, 200, 150)))
    features.append(files.feature(files.polygon(300, 200, 100), "Ignore*"))
    cell = files.feature(files.polygon(*points[6], 30), "LSIL", id="c6", properties={"objectType": "cell"})
    region = files.feature(files.polygon(300, 200, 100), "HSIL", id="r8")
    (tmp_path / "field.geojson").write_text(files.collection(*features, cell, region))
    found = gather([tmp_path])
    assert len(found.cells) == 5
    assert sorted(map(len, found.left_out.values())) == [1, 1, 2]
    (named,) = [where for where in found.left_out.values() if len(where) == 2]
    assert "object 8 (c6)" in named[0] and "object 9 (r8)" in named[1]
    # with a detector, the nucleus in the cell's outline is taken
    found = gather([tmp_path], mpp=0.25, find_nucleus=lambda image, mpp: points[6:7] + 3)
    (cell,) = [one for one in found.cells if one.id == "c6"]
    assert (cell.centre_from, cell.centre) == ("detector", pytest.approx(points[6] + 3))


@pytest.mark.parametrize(
    ("classification", "name"),
    [
        ({"names": ["Other", "HSIL"], "color": [200, 0, 0, 128]}, "Other: HSIL"),  # 0.4 and newer
        ({"parentClass": {"name": "Other", "colorRGB": -1}, "name": "HSIL", "colorRGB": -3670016}, "Other: HSIL"),
        ({}, ""),
    ],
)
def test_a_class_is_read_as_qupath_reads_it(classification, name):
    assert kind_of(classification) == name


def test_objects_are_what_qupath_takes_them_for(tmp_path):
    """Its older names are read too; a cell without a nucleus, a tile and a TMA core are no nuclei."""
    points = files.drawn(tmp_path)
    shape = files.polygon(*points[0])
    whole = [
        files.feature(shape, "NILM", properties={"objectType": "cell"}),
        files.feature(shape, "NILM", properties={"objectType": None, "object_type": "cell"}),
        files.feature(shape, "NILM", id="PathCellObject", properties={"objectType": None}),
    ]
    names = ("tile", "tmaCore", "tma_core")
    none = [files.feature(shape, "NILM", properties={"objectType": name}) for name in names]
    none += [
        files.feature(shape, "NILM", id=name) | {"properties": {"classification": "NILM"}}
        for name in ("TMACoreObject", "PathTileObject")
    ]
    plane = files.point(*points[1]) | {"plane": {"c": -1, "z": 3, "t": 0}}
    locked = {"isLocked": True, "name": "HSIL", "color": [1, 2, 3], "metadata": {"a": "b"}}
    nuclei = [files.feature(shape, "LSIL", id="PathDetectionObject"), files.feature(plane, "LSIL", properties=locked)]
    (tmp_path / "field.geojson").write_text(files.collection(*whole, *none, *nuclei))
    found = gather([tmp_path])
    assert {one.known.name for one in found.cells} == {"LSIL"} and len(found.cells) == 2
    assert {why: len(where) for why, where in found.left_out.items()} == {NO_NUCLEUS: 3, "tiles and TMA cores": 5}
    assert found.warnings == ["field.png: objects lie on other planes (z or t) than the first, which is read."]
    for geometry in ({"type": "GeometryCollection", "geometries": [shape]}, {"type": "LineString", "coordinates": []}):
        (tmp_path / "field.geojson").write_text(files.collection(files.feature(geometry, "NILM")))
        with pytest.raises(UserError, match=f"object 1: expected points or polygons, found {geometry['type']}"):
            gather([tmp_path])


def test_outlines_become_centres_as_their_kind_asks(tmp_path):
    """A rectangle is a box; of several outlines those in one nucleus count together, those in a class apart."""
    files.drawn(tmp_path)
    rectangle = {"type": "Polygon", "coordinates": [[[100, 50], [120, 50], [120, 90], [100, 90], [100, 50]]]}
    pieces = {"type": "MultiPolygon", "coordinates": [[files.ring(200, 100)], [files.ring(240, 100)]]}
    shapes = [
        files.feature(rectangle, "NILM"),
        files.feature(pieces, "LSIL"),
        files.feature(files.polygon(230, 300, 40), "HSIL", nucleusGeometry=pieces),
    ]
    (tmp_path / "field.geojson").write_text(files.collection(*shapes))
    found = {one.known.name: one for one in gather([tmp_path]).cells}
    assert (found["NILM"].centre, found["NILM"].centre_from) == ((109.5, 69.5), "middle")
    assert found["HSIL"].centre == pytest.approx((220, 100))
    assert sorted(one.centre[0] for one in gather([tmp_path]).cells if one.known.name == "LSIL") == pytest.approx(
        [200, 240]
    )
