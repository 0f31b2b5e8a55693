"""Exports that look like a known format and mean something else: read rightly, told of or refused, never misread."""

import json
import zipfile

import cv2
import numpy as np
import pytest

from data_prep.importers.gather import NO_CELL, NO_NUCLEUS, gather
from data_prep.importers.qupath import SPECKS
from data_prep.importers.table import QUPATH_CELLS
from deeppap.io.errors import UserError
from deeppap.screening.nuclei.points_csv import read_points
from tests.support import label_files as files

WIDTH, HEIGHT = files.SIZE[::-1]


@pytest.fixture
def points(tmp_path):
    return files.drawn(tmp_path)


def left(found):
    """How many objects were left out, by the reason."""
    return {why: len(where) for why, where in found.left_out.items()}


def test_a_label_file_is_recognised_by_what_stands_far_behind_in_it(tmp_path, points):
    source = files.write_coco_boxes(tmp_path, points)
    data = json.loads((source / "coco.json").read_text())
    data = {"images": data["images"], "info": "x" * 200_000, **data}
    (source / "coco.json").write_text(json.dumps(data))
    assert len(gather([source]).cells) == len(points)


def test_a_list_of_categories_beside_yolo_is_no_label_file(tmp_path, points):
    source = files.write_yolo_polygons(tmp_path, points)
    (source / "notes.json").write_text(json.dumps({"categories": [{"id": 0, "name": "NILM"}], "info": {}}))
    assert len(gather([source]).cells) == len(points)


@pytest.mark.parametrize("before", ["\ufeff", "\n"])
def test_yolo_with_a_mark_or_an_empty_line_before_it(tmp_path, points, before):
    source = files.write_yolo_polygons(tmp_path, points)
    labels = source / "labels/train/field.txt"
    labels.write_text(before + labels.read_text(), encoding="utf-8")
    assert len(gather([source]).cells) == len(points)


def test_a_text_of_an_images_name_that_is_no_yolo_is_refused_beside_yolo(tmp_path, points):
    source = files.write_yolo_polygons(tmp_path, points)
    cv2.imwrite(str(source / "images/train/other.png"), np.full((60, 80, 3), 200, np.uint8))
    (source / "labels/train/other.txt").write_text("two cells\n")
    with pytest.raises(UserError, match="other.txt, line 1"):
        gather([source])


def test_poses_are_refused(tmp_path, points):
    source = files.write_yolo_boxes(tmp_path, points)
    labels = source / "labels/train/field.txt"
    labels.write_text("".join(f"{line} 0.5 0.5\n" for line in labels.read_text().splitlines()))
    with pytest.raises(UserError, match="6 or 7 are a pose"):
        gather([source])
    with (source / "data.yaml").open("a") as file:
        file.write("kpt_shape: [1, 2]\n")
    with pytest.raises(UserError, match="kpt_shape"):
        gather([source])


@pytest.mark.parametrize("turn", [0, 20, 45])
def test_a_turned_box_says_where_a_cell_is_and_not_its_nucleus(tmp_path, points, turn):
    at = np.radians(turn)
    corners = np.array([[-12, -9], [12, -9], [12, 9], [-12, 9]]) @ [[np.cos(at), np.sin(at)], [-np.sin(at), np.cos(at)]]
    ring = (points[0] + 0.5 + corners).tolist()
    geometry = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    (tmp_path / "field.geojson").write_text(files.collection(files.feature(geometry, "HSIL")))
    shape = {"label": "HSIL", "points": ring, "shape_type": "rotation"}
    (tmp_path / "labelme").mkdir()
    (tmp_path / "labelme/field.json").write_text(json.dumps({"imagePath": "field.png", "shapes": [shape]}))
    for source in ("field.geojson", "labelme/field.json"):
        (cell,) = gather([tmp_path / source], [tmp_path / "field.png"]).cells
        assert cell.centre == pytest.approx(points[0], abs=0.01) and cell.centre_from == "middle"


@pytest.mark.parametrize(("angle", "shorter"), [(0, 18), (np.pi / 2, 18), (np.pi / 4, 21 * 2**0.5), (3, None)])
def test_a_turned_box_of_rolabelimg_has_its_middle(tmp_path, points, angle, shorter):
    x, y = points[0]
    values = {"cx": x + 0.5, "cy": y + 0.5, "w": 24, "h": 18, "angle": angle}
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in values.items())
    entry = f"<object><type>robndbox</type><name>HSIL</name><robndbox>{inner}</robndbox></object>"
    text = f"<annotation><filename>field</filename>{entry}</annotation>"
    (tmp_path / "field.xml").write_text(text)
    (cell,) = gather([tmp_path]).cells
    assert cell.centre == pytest.approx((x, y)) and cell.centre_from == "middle"
    if shorter:
        assert cell.box.shorter == pytest.approx(shorter)
    (tmp_path / "field.xml").write_text(text.replace("<h>18</h>", ""))
    with pytest.raises(UserError, match="object 1: expected a robndbox"):
        gather([tmp_path])


def test_labels_of_imagej_and_supervisely_are_named(tmp_path, points):
    with zipfile.ZipFile(tmp_path / "RoiSet.zip", "w") as packed:
        packed.writestr("0001-0002.roi", b"Iout")
    for source in (tmp_path / "RoiSet.zip", tmp_path):
        with pytest.raises(UserError, match=r"RoiSet.zip: .* found ROIs of ImageJ\. .* CSV") as caught:
            gather([source])
        assert "\n" not in str(caught.value)
    project = tmp_path / "project"
    (project / "ann").mkdir(parents=True)
    files.pictures(project, "img/field.png")
    shape = {"geometryType": "polygon", "classTitle": "HSIL", "points": {"exterior": [[1, 2], [9, 2], [9, 8]]}}
    labels = {"description": "", "size": {"height": 60, "width": 80}, "objects": [shape]}
    (project / "ann/field.png.json").write_text(json.dumps(labels))
    for source in (project / "ann/field.png.json", project):
        with pytest.raises(UserError, match=r"field.png.json: .* found Supervisely's JSON\. .* COCO"):
            gather([source])


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_table_in_utf16_without_a_mark_is_named(tmp_path, points, encoding):
    (tmp_path / "labels.csv").write_text("image\tx\ty\tclass\nfield.png\t10\t20\tHSIL\n", encoding=encoding)
    for read in (lambda path: gather([path]), lambda path: list(read_points(path))):
        with pytest.raises(UserError, match=r"labels.csv: .* found NUL characters: a file in UTF-16.* UTF-8"):
            read(tmp_path / "labels.csv")


def test_specks_beside_an_outline_are_no_cells(tmp_path, points):
    (x, y), (u, v) = points[:2]
    parts = [[files.ring(x, y)], [files.ring(x + 15, y, 1)], [files.ring(u, v)]]
    feature = files.feature({"type": "MultiPolygon", "coordinates": parts}, "HSIL")
    (tmp_path / "field.geojson").write_text(files.collection(feature))
    found = gather([tmp_path])
    assert len(found.cells) == 2 and left(found) == {SPECKS: 1}


@pytest.mark.parametrize("find", [None, lambda image, um: np.array([[320.0, 240.0]])])
def test_a_whole_field_is_no_cell(tmp_path, points, find):
    corners = [[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT], [0, 0]]
    region = files.feature({"type": "Polygon", "coordinates": [corners]}, "NILM")
    (tmp_path / "field.geojson").write_text(files.collection(region, files.feature(files.point(*points[0]), "HSIL")))
    found = gather([tmp_path], mpp=0.5, find_nucleus=find)
    assert [one.known.name for one in found.cells] == ["HSIL"] and left(found) == {NO_CELL: 1}


def test_fields_in_folders_of_classes_are_no_cells(tmp_path, points):
    (tmp_path / "HSIL").mkdir()
    (tmp_path / "field.png").rename(tmp_path / "HSIL/field.png")
    with pytest.raises(UserError, match="1 boxes or pictures larger than any cell"):
        gather([tmp_path], mpp=0.5)


# what a line of QuPath's measurement table says besides: the centre's origin, what is left out, or the refusal
TABLES = [
    ("ROI,Num points", ["Points", "1"], "point"),
    ("ROI,Num points", ["Points", "7"], "mean of 7 points"),
    ("ROI,Object type,Area px^2", ["Polygon", "Annotation", "250"], "point"),
    ("ROI,Object type,Area px^2", ["Rectangle", "Annotation", "250"], "middle"),
    ("ROI,Object type,Area px^2", ["Rectangle", "Annotation", f"{WIDTH * HEIGHT}"], NO_CELL),
    ("ROI,Object type,Cell: Area px^2", ["Polygon", "Cell", "9000"], NO_NUCLEUS),
    ("ROI,Object type,Nucleus: Area px^2", ["Polygon", "Cell", "250"], QUPATH_CELLS),
]


@pytest.mark.parametrize(("more", "values", "said"), TABLES)
def test_a_centroid_of_qupaths_table_is_not_always_a_nucleus(tmp_path, points, more, values, said):
    header = f"Image,Classification,Centroid X px,Centroid Y px,{more}"
    rows = [["field.png", "HSIL", *(points[0] + 0.5), *values], ["field.png", "LSIL", *(points[1] + 0.5), "Polygon"]]
    rows[1] += [""] * (len(values) - 1)
    source = files.write_csv(tmp_path / "measurements.csv", header, rows)
    if said.startswith("mean"):
        with pytest.raises(UserError, match=said):
            gather([source], mpp=0.5)
        return
    found = gather([source], mpp=0.5)
    origins = {one.known.name: one.centre_from for one in found.cells}
    assert origins.pop("LSIL") == "point"
    assert (origins, left(found)) == (({"HSIL": said}, {}) if said in ("point", "middle") else ({}, {said: 1}))
    assert [one.centre for one in found.cells] == [pytest.approx(place) for place in points[2 - len(found.cells) : 2]]


def test_cells_of_qupaths_table_get_a_nucleus_that_is_found(tmp_path, points):
    rows = [["field.png", "HSIL", *(points[0] + 6), "Cell", "2500"]]
    header = "Image,Classification,Centroid X px,Centroid Y px,Object type,Cell: Area px^2"
    source = files.write_csv(tmp_path / "measurements.csv", header, rows)
    (cell,) = gather([source], mpp=0.25, find_nucleus=lambda image, um: points).cells
    assert cell.centre == pytest.approx(points[0]) and cell.centre_from == "detector"


@pytest.mark.parametrize("scale", [1, 0.25])
def test_results_of_imagej_are_in_pixels(tmp_path, points, scale):
    rows = []
    for x, y in points:
        across, down = np.floor([x - 10, y - 12])
        numbers = np.array([x + 0.5, y + 0.5, across, down, 21, 25]) * scale
        rows.append(["field.png", "HSIL", *numbers])
    source = files.write_csv(tmp_path / "Results.csv", "image,class,X,Y,BX,BY,Width,Height", rows)
    found = gather([source])
    assert any("Set Scale" in line for line in found.warnings) == (scale != 1)
    if scale == 1:
        assert [one.centre for one in found.cells] == [pytest.approx(place) for place in points]


def test_a_single_keypoint_of_coco_is_the_nucleus(tmp_path, points):
    x, y = points[0]
    box = files.box(x + 8, y - 5, 40, 50)
    marks = [{"bbox": box, "keypoints": [x + 0.5, y + 0.5, visible]} for visible in (2, 0)]
    cells = gather([files.write_coco(tmp_path, marks)]).cells
    assert [one.centre_from for one in cells] == ["point", "middle"]
    assert cells[0].centre == pytest.approx((x, y))


def test_a_mask_without_its_image_is_told(tmp_path, points):
    (tmp_path / "masks").mkdir()
    for name in ("field", "field-2"):
        cv2.imwrite(str(tmp_path / f"masks/{name}.png"), files.disc(*points[0]))
    with pytest.raises(UserError, match="none called field-2"):
        gather([tmp_path], classes="nucleus=NILM")


def test_tables_in_folders_below_another_one_are_told_of(tmp_path, points):
    rows = [["field.png", *points[0], "HSIL"]]
    source = files.write_csv(tmp_path / "labels.csv", "image,x,y,class", rows).parent
    (tmp_path / "day2").mkdir()
    files.write_csv(tmp_path / "day2/labels.csv", "image,x,y,class", rows)
    (warning,) = [line for line in gather([source]).warnings if "tables" in line]
    assert "1 tables" in warning and "day2/labels.csv" in warning


def test_copies_that_roboflow_made_of_one_image_are_of_one_group(tmp_path):
    names = [f"field_{number}_jpg.rf.{mark * 32}.png" for number in (1, 2) for mark in "ab"]
    files.pictures(tmp_path, *names)
    rows = [[name, 30, 20, "HSIL"] for name in names] + [[names[0], 50, 40, "NILM"]]
    found = gather([files.write_csv(tmp_path / "labels.csv", "image,x,y,class", rows)])
    assert {one.group for one in found.cells} == {"field_1_jpg", "field_2_jpg"}


@pytest.mark.parametrize("before", ["sep=;\n", '"sep=;"\r\n', "\n\n"])
def test_lines_before_the_names_of_a_table(tmp_path, points, before):
    x, y = points[0]
    (tmp_path / "labels.csv").write_text(f"{before}image;x;y;class\nfield.png;{x};{y};HSIL\n")
    assert [one.centre for one in gather([tmp_path / "labels.csv"]).cells] == [pytest.approx((x, y))]
