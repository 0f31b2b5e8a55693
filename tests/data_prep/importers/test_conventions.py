"""Coordinates, boxes and masks of another convention than the format promises are refused or told."""

import json
import re

import cv2
import numpy as np
import pytest
import tifffile

from data_prep.importers.gather import gather
from deeppap.io.errors import ListError, UserError
from tests.support import label_files as files

WIDTH, HEIGHT = files.SIZE[::-1]


@pytest.fixture
def points(tmp_path):
    return files.drawn(tmp_path)


def refused(*arguments, **options):
    """The mistakes that an import ends with."""
    with pytest.raises(UserError) as caught:
        gather(*arguments, **options)
    return caught.value.errors if isinstance(caught.value, ListError) else [caught.value]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("coco.json", '{"images": [{"id": 7}], "annotations": []}', "no file_name"),
        ("coco.json", '{"images": 5, "annotations": []}', "a list of images, found 5"),
        ("coco.json", '{"images": [], "annotations": [7]}', "a value of another kind"),
        ("field.geojson", '{"type": "FeatureCollection", "features": [{"geometry": }]}', "byte 56"),
        ("data.yaml", "names: [a, {", "line 1"),
        ("data.yaml", "names: words", "found words"),
        ("data.yaml", "names: {one: 1}", "numbers and names"),
    ],
)
def test_a_mistake_is_told_without_the_words_of_python(tmp_path, name, text, said):
    files.drawn(tmp_path)
    (tmp_path / name).write_text(text)
    if name == "data.yaml":
        (tmp_path / "field.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (mistake,) = refused([tmp_path])
    assert said in str(mistake)
    assert not re.search(r"Error|\b(None|NoneType|str|int|dict|list object)\b", str(mistake))


@pytest.mark.parametrize(
    ("header", "row", "hint"),
    [
        ("image,x,y,class", lambda x, y: (x / WIDTH, y / HEIGHT), "fractions"),
        ("image,x,y,w,h,class", lambda x, y: (x / WIDTH, y / HEIGHT, 0.05, 0.05), "fractions"),
        ("image,x,y,class", lambda x, y: (y, x), "exchanged"),
        ("image,x,y,class", lambda x, y: (2 * x, 2 * y), "larger images"),
        ("image,x,y,xmin,ymin,xmax,ymax,class", lambda x, y: (x, y, x, y, x + 20, y + 20), "corners"),
        ("image,xmin,ymin,xmax,ymax,class", lambda x, y: (x, y, x - 20, y + 20), "remove"),
        ("image,x,y,width,height,class", lambda x, y: (x, y, 400, 300), "xy_is_centre"),
        ("image,x,y,width,height,class", lambda x, y: (x - 9, y - 9, x + 9, y + 9), "left, top, right and bottom"),
        ("image,x,y,x,class", lambda x, y: (x, y, 7), "Name them"),
    ],
)
def test_another_convention_is_named(tmp_path, points, header, row, hint):
    rows = [["field.png", *row(x, y), "NILM"] for x, y in points]
    mistakes = refused([files.write_csv(tmp_path / "mine.csv", header, rows)])
    assert all(hint in one.do for one in mistakes)
    assert len(mistakes) <= 12


def test_boxes_by_their_middle(tmp_path, points):
    rows = [["field.png", x + 0.5, y + 0.5, 300, 300, "NILM"] for x, y in points]
    source = files.write_csv(tmp_path / "mine.csv", "image,x,y,width,height,class", rows)
    found = gather([source], xy_is_centre=True)
    assert np.array(sorted(one.centre for one in found.cells)) == pytest.approx(np.array(sorted(points.tolist())))


def test_per_cent_is_told(tmp_path, points):
    rows = [["field.png", 100 * x / WIDTH, 100 * y / HEIGHT, "NILM"] for x, y in points]
    (line,) = gather([files.write_csv(tmp_path / "mine.csv", "image,x,y,class", rows)]).warnings
    assert "per cent" in line


def test_a_label_beside_the_class_is_no_ornament(tmp_path, points):
    """An earlier import may have decided about a class that is neither; what contradicts itself is refused."""
    rows = [["field.png", *points[0], "metaplastic", "abnormal"], ["field.png", *points[1], "LSIL", "abnormal"]]
    source = files.write_csv(tmp_path / "mine.csv", "image,x,y,class,label", rows)
    assert {(one.known.name, one.known.label) for one in gather([source]).cells} == {
        ("metaplastic", "abnormal"),
        ("LSIL", "abnormal"),
    }
    rows.append(["field.png", *points[2], "HSIL", "normal"])
    source = files.write_csv(tmp_path / "mine.csv", "image,x,y,class,label", rows)
    (mistake,) = refused([source])
    assert "line 4" in mistake.where and "HSIL=normal" in mistake.do
    assert len(gather([source], classes="HSIL=normal").cells) == 3
    rows[-1][-1] = "NILM"  # of a class as well
    assert "HSIL" in refused([files.write_csv(tmp_path / "mine.csv", "image,x,y,class,label", rows)])[0].expected


@pytest.mark.parametrize("suffix", [".heic", ".svs"])
def test_an_image_of_a_format_that_is_not_read_is_named(tmp_path, points, suffix):
    files.write_qupath_points(tmp_path, points)
    (tmp_path / "field.png").rename(tmp_path / f"field{suffix}")
    (mistake,) = refused([tmp_path])
    assert f"field{suffix} is there" in mistake.do


@pytest.mark.parametrize(
    ("header", "size", "taken"),
    [
        ("width,height", (WIDTH, HEIGHT), True),
        ("width,height", (20, 24), True),  # the box's
        ("width,height", (2 * WIDTH, 2 * HEIGHT), False),
        ("image_width,image_height", (2 * WIDTH, 2 * HEIGHT), False),
    ],
)
def test_a_table_of_a_larger_copy_is_refused(tmp_path, points, header, size, taken):
    rows = [["field.png", *size, "NILM", x - 10, y - 12, x + 10, y + 12] for x, y in points]
    source = files.write_csv(tmp_path / "mine.csv", f"filename,{header},class,xmin,ymin,xmax,ymax", rows)
    if taken:
        assert len(gather([source]).cells) == len(points)
    else:
        assert "scaled copy" in refused([source])[0].do


@pytest.mark.parametrize("write", [files.write_coco_boxes, files.write_voc, files.write_labelme])
def test_labels_of_a_larger_copy_are_refused(tmp_path, points, write):
    source = write(tmp_path, points)
    image = cv2.imread(str(tmp_path / "field.png"))
    cv2.imwrite(str(tmp_path / "field.png"), cv2.resize(image, (WIDTH // 2, HEIGHT // 2)))
    assert [(one.expected, one.found) for one in refused([source])] == [("field.png of 640 x 480 pixels", "320 x 240")]


def mask_of(*centres, number=None):
    mask = np.zeros(files.SIZE, np.uint8)
    for index, centre in enumerate(centres, 1):
        cv2.circle(mask, centre, 8, number or index, -1)
    return mask


def ringed():
    mask = np.zeros(files.SIZE, np.uint8)
    cv2.circle(mask, (100, 90), 30, 1, -1)
    cv2.circle(mask, (104, 92), 8, 2, -1)
    return mask


@pytest.mark.parametrize(
    ("mask", "hint"),
    [
        (255 - mask_of((100, 90), number=255), "inverted"),
        (mask_of((100, 90), (200, 90), number=255), "number of its own"),
        (ringed(), "cytoplasm"),
        (mask_of((100, 90)) + 7, "inverted"),
        (mask_of((100, 90))[:-2], "Get both"),
        (np.dstack([mask_of((100, 90)) * 9, mask_of((90, 90)) * 5, mask_of((90, 90))]), "label map"),
    ],
)
def test_a_mask_of_another_kind_is_refused(tmp_path, points, mask, hint):
    cv2.imwrite(str(tmp_path / "field_mask.png"), mask)
    (mistake,) = refused([tmp_path], classes="nucleus=NILM")
    assert hint in mistake.do and "field_mask.png" in mistake.where


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32])
def test_a_mask_of_nuclei(tmp_path, points, kind):
    mask = mask_of((100, 90), (200, 150)).astype(kind)
    mask[300, 300] = 2  # a speck apart from its nucleus
    (tmp_path / "masks").mkdir()
    if kind is np.int32:  # as programs for segmentation number nuclei
        tifffile.imwrite(tmp_path / "masks/field.tif", mask)
    else:
        cv2.imwrite(str(tmp_path / "masks/field.png"), mask)
    found = gather([tmp_path], classes="nucleus=NILM")
    assert [(one.centre, one.known.name) for one in found.cells] == [((100, 90), "NILM"), ((200, 150), "NILM")]


def test_repeats_are_merged_and_contradictions_left_out(tmp_path, points):
    rows = [["field.png", x, y, "NILM"] for x, y in points]
    rows += [
        ["field.png", *(points[0] + 0.5), "negative for intraepithelial lesion"],
        ["field.png", *points[1], "LSIL"],
    ]
    found = gather([files.write_csv(tmp_path / "mine.csv", "image,x,y,class", rows)])
    assert len(found.cells) == 11
    assert tuple(points[1]) not in [one.centre for one in found.cells]
    (repeat,), (pair,) = sorted(found.left_out.values(), key=lambda where: "LSIL" in where[0])
    assert "line 14" in repeat
    assert all(part in pair for part in ("line 3", "line 15", "NILM", "LSIL"))


def test_all_mistakes_are_told_at_once(tmp_path, points):
    rows = [["field.png", x, y, "NILM"] for x, y in points]
    rows[1][1] = "left"
    rows[2][3] = "alien"
    rows[3][0] = "feild.png"
    rows[4].append("more")
    rows[5][2] = 5000
    mistakes = refused([files.write_csv(tmp_path / "mine.csv", "image,x,y,class", rows)])
    lines = {one.where.rsplit("line ", 1)[-1]: one for one in mistakes}
    assert set(lines) == {"3", "4", "6", "7", str(tmp_path / "mine.csv")}
    assert "field.png" in lines[str(tmp_path / "mine.csv")].do
    assert "alien" in lines["4"].found


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("field.geojson", '{"type": "FeatureCollection", "features": [{"type": "Feature"'),
        ("field.geojson", '[{"type": "Feature", "geometry": null, "properties": {"classification": "NILM"}}]'),
        ("a.json", '{"images": [3], "annotations": []}'),
        ("field.json", '{"shapes": [{"label": "NILM", "points": [[1, 2]], "shape_type": "circle"}]}'),
        ("a.json", '[{"classifications": 4}]'),
        ("a.json", '{"settings": 1}'),
        ("a.xml", '<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>'),
        ("a.xml", "<annotation><filename>field.png</filename><object><name>NILM</name></object></annotation>"),
        ("field.txt", "0 0.5 0.5 0.1 0.1 0.9\n"),
        ("a.csv", "image,x,y\nfield.png,1,1\n"),
        ("a.csv", "image,x,y,class\n../field.png,nan,1,NILM\n"),
        ("field.geojson.gz", "no gzip"),
        ("a.zip", "no zip"),
        ("a.docx", "x"),
        # CVAT's own format; two images of one id
        ("a.xml", '<annotations><image name="field.png"><box label="NILM" xtl="1"/></image></annotations>'),
        ("a.json", '{"images": [{"id": 1, "file_name": "a"}, {"id": 1, "file_name": "b"}], "annotations": []}'),
    ],
)
def test_a_bad_file_is_one_line(tmp_path, points, name, text):
    (tmp_path / name).write_text(text)
    (mistake,) = refused([tmp_path / name])
    assert name in mistake.where
    assert len(str(mistake)) < 500


def test_labels_of_several_images_are_not_all_taken_for_the_one_image_given(tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / "images" / name), np.full((60, 80, 3), 200, np.uint8))
    for names in (("a.png", "b.png"), ("x", "y")):
        labels = tmp_path / "labels.csv"
        labels.write_text("image,nucleus_x,nucleus_y,class\n" + "".join(f"{name},30,20,NILM\n" for name in names))
        mistakes = refused([labels], [tmp_path / "images/a.png"])
        assert mistakes and all("the image that it names" in str(mistake) for mistake in mistakes)


def test_a_spreadsheet_leaves_empty_names_behind_the_header(tmp_path, points):
    (x, y), *_ = points
    for number, line in enumerate(
        (f"field.png,HSIL,{x},{y}", f"field.png,HSIL,{x},{y},,", f"field.png,HSIL,{x},{y},,,,")
    ):
        (tmp_path / "cells.csv").write_text(f"image,class,x,y,,\n{line}\n")
        assert len(gather([tmp_path]).cells) == 1, number
    (tmp_path / "cells.csv").write_text(f"image,class,x,y,group\nfield.png,HSIL,{x}\n")
    (mistake,) = refused([tmp_path])
    assert "line 2" in str(mistake) and "found 3" in str(mistake) and "5 names" in str(mistake)


@pytest.mark.parametrize("groups", [("", "p2"), ("p1", ""), ("", "")])
def test_r_numbers_the_lines_of_its_tables_whatever_they_end_with(tmp_path, points, groups):
    lines = [f"{k},field.png,HSIL,{points[k][0]},{points[k][1]},{groups[k - 1]}" for k in (1, 2)]
    (tmp_path / "cells.csv").write_text("\n".join(["image,class,x,y,group", *lines]))
    assert sorted(one.centre for one in gather([tmp_path]).cells) == sorted(map(tuple, points[1:3]))


def test_a_separator_too_many_is_no_number_of_a_line(tmp_path, points):
    lines = [f"{k},field.png,HSIL,{points[k][0]},{points[k][1]}," for k in (1, 2)]
    (tmp_path / "cells.csv").write_text("\n".join(["id,image,class,x,y", *lines]))
    assert {one.id for one in gather([tmp_path]).cells} == {"1", "2"}


@pytest.mark.parametrize("separator", [";", "\t"])
def test_commas_that_part_thousands_are_no_decimal_ones(tmp_path, points, separator):
    def table(x, y):
        lines = [["image", "x", "y", "class"], ["field.png", x, y, "NILM"]]
        (tmp_path / "mine.csv").write_text("\n".join(map(separator.join, lines)))
        return tmp_path / "mine.csv"

    (mistake,) = refused([table("1,234", "45")])
    assert mistake.found == "1,234 beside 45" and "thousands" in mistake.do
    assert gather([table("12,345", "45,5")]).cells[0].centre == (12.345, 45.5)
    assert gather([table("12,345", "45,125")]).cells[0].centre == (12.345, 45.125)


def test_a_mask_of_several_objects_is_no_nucleus(tmp_path, points):
    mask = files.disc(*points[0]) | files.disc(*points[1])
    counts = np.diff(np.flatnonzero(np.diff(mask.ravel(order="F"), prepend=0, append=2)), prepend=0).tolist()
    crowd = {"segmentation": {"size": list(files.SIZE), "counts": counts}, "iscrowd": 1}
    source = files.write_coco(tmp_path, [crowd])
    (mistake,) = refused([source])
    assert mistake.expected == "one nucleus" and "2 pieces" in mistake.found


def test_a_box_about_a_crowd_is_left_out(tmp_path, points):
    crowd, cell = ({"bbox": files.box(*points[1 - number]), "iscrowd": number} for number in (1, 0))
    found = gather([files.write_coco(tmp_path, [crowd, cell])])
    assert [one.centre for one in found.cells] == [pytest.approx(points[1], abs=10)]
    assert [len(where) for where in found.left_out.values()] == [1]


@pytest.mark.parametrize(("size", "said"), [("{}.0", None), ("{}00", "00 x"), ("wide", "wide")])
def test_a_stated_size_of_an_image(tmp_path, points, size, said):
    files.write_voc(tmp_path, points)
    path = tmp_path / "field.xml"
    path.write_text(path.read_text().replace(f"<width>{WIDTH}<", f"<width>{size.format(WIDTH)}<"))
    if said is None:
        assert len(gather([tmp_path]).cells) == len(points)
    else:
        (mistake,) = refused([tmp_path])
        assert "field.xml" in mistake.where and said in str(mistake)


def test_masks_in_a_folder_a_class(tmp_path, points):
    (tmp_path / "masks/HSIL").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "masks/HSIL/field.png"), mask_of((100, 90)))
    assert [(one.centre, one.known.name) for one in gather([tmp_path]).cells] == [((100, 90), "HSIL")]


@pytest.mark.parametrize(("apart", "taken"), [(16, True), (100, False)])
def test_an_outline_of_parts_far_apart_is_no_nucleus(tmp_path, points, apart, taken):
    x, y = points[0]
    parts = [np.ravel(files.ring(x + shift, y)).tolist() for shift in (0, apart)]
    source = files.write_coco(tmp_path, [{"segmentation": parts}])
    if taken:
        assert gather([source]).cells[0].centre == pytest.approx((x + apart / 2, y), abs=0.1)
    else:
        assert "2 parts" in refused([source])[0].found


def test_what_a_net_found_is_no_label(tmp_path, points):
    source = files.write_coco(tmp_path, [{"bbox": files.box(*place)} for place in points[:2]])
    data = json.loads((source / "coco.json").read_text())
    data["annotations"][0]["score"] = 0.9
    (source / "coco.json").write_text(json.dumps(data))
    assert len(gather([source]).cells) == 1
    assert len(gather([source], reviewed=True).cells) == 2


@pytest.mark.parametrize("write", [files.write_voc, files.write_labelme])
def test_labels_that_name_the_image_of_another_file_are_refused(tmp_path, points, write):
    """Images that were renamed leave their old names in the labels."""
    source = write(tmp_path, points)
    (labels,) = [path for path in tmp_path.iterdir() if path.suffix != ".png"]
    labels.rename(labels.with_stem("other"))
    assert len(gather([tmp_path]).cells) == len(points)  # no image of that name
    (tmp_path / "other.png").write_bytes((tmp_path / "field.png").read_bytes())
    (mistake,) = refused([source if source.is_dir() else tmp_path])
    assert "other.png" in mistake.expected and "field.png" in mistake.found


def test_two_lists_of_names_that_differ_are_refused(tmp_path, points):
    files.write_yolo_boxes(tmp_path, points)
    names = [f"  {number}: {kind}" for number, kind in enumerate(files.KINDS)]
    (tmp_path / "data.yaml").write_text("\n".join(["names:", *names]))
    (tmp_path / "classes.txt").write_text("\n".join(files.KINDS))
    assert len(gather([tmp_path]).cells) == len(points)
    (tmp_path / "classes.txt").write_text("\n".join(reversed(files.KINDS)))
    (mistake,) = refused([tmp_path])
    assert "class 0 called NILM" in mistake.expected and mistake.found == "HSIL"


@pytest.mark.parametrize("mpp", [None, 0.25])
def test_places_in_micrometres_are_read_by_the_pixel_size_of_their_line(tmp_path, points, mpp):
    rows = [["field.png", 30, 40, "NILM", 0.5]]
    source = files.write_csv(tmp_path / "mine.csv", "image,Centroid X µm,Centroid Y µm,class,pixel_um", rows)
    (cell,) = gather([source], mpp=mpp).cells
    assert cell.centre == (59.5, 79.5) and cell.pixel_um == 0.5


@pytest.mark.parametrize("size", [250, 0, -0.25, "0,25"])  # nanometres, for instance
def test_a_pixel_size_that_none_can_be_is_refused(tmp_path, points, size):
    rows = [["field.png", *place, "NILM", size] for place in points[:1]]
    source = files.write_csv(tmp_path / "mine.csv", "image,x,y,class,pixel_um", rows)
    assert f"found {size}" in str(refused([source])[0])
    if size != "0,25":
        assert refused([source], mpp=size)[0].where == "mpp"
