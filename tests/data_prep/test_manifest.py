import cv2
import numpy as np
import pytest
from PIL import Image

from data_prep.cells import counts
from data_prep.dataset import open_dataset
from data_prep.herlev_classes import BACKGROUND, CLASSES, NUCLEUS
from data_prep.manifest import read_manifest
from data_prep.nucleus import nucleus_areas
from deeppap.io.errors import UserError
from deeppap.io.image_file import read_image
from deeppap.phantom.cell_set import make_phantom_manifest


@pytest.fixture
def folder(tmp_path):
    """Two images of 40 x 30 pixels and a mask of the first, its nucleus about (10.5, 5)."""
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), np.full((30, 40, 3), 200, np.uint8))
    mask = np.full((30, 40, 3), BACKGROUND, np.uint8)
    mask[4:7, 10:12] = NUCLEUS
    cv2.imwrite(str(tmp_path / "a-d.bmp"), mask[:, :, ::-1])
    return tmp_path


def write(folder, text):
    path = folder / "mine.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_documented_columns(folder):
    path = write(folder, "image,label,nucleus_x,nucleus_y,group\na.png,normal,20.25,11,s1\nb.png,1,0,29,s2\n")
    found = read_manifest(path)
    assert [(c.id, c.label, c.class7, c.centre, c.group) for c in found.cells] == [
        ("a", 0, None, (20.25, 11.0), "s1"),
        ("b", 1, None, (0.0, 29.0), "s2"),
    ]
    assert (found.name, found.class_names) == ("mine", ("normal", "abnormal"))
    assert open_dataset(path) == found


def test_mask_instead_of_centre(folder):
    found = read_manifest(write(folder, "image,label,mask\na.png,severe dysplasia,a-d.bmp\n"))
    assert found.cells[0].centre == (10.5, 5.0)
    assert (found.cells[0].label, found.cells[0].class7) == (1, 5)
    assert found.class_names == tuple(known.name for known in CLASSES)


def test_a_line_may_have_a_centre_where_another_has_a_mask(folder):
    text = "image,label,nucleus_x,nucleus_y,mask\na.png,0,,,a-d.bmp\nb.png,1,3,4,\n"
    assert [c.centre for c in read_manifest(write(folder, text)).cells] == [(10.5, 5.0), (3.0, 4.0)]


def test_several_cells_of_one_image_get_ids_of_their_own(folder):
    found = read_manifest(write(folder, "image,label,nucleus_x,nucleus_y\na.png,0,1,1\na.png,1,9,9\n"))
    assert {c.id: c.centre for c in found.cells} == {"a": (1.0, 1.0), "a_3": (9.0, 9.0)}


@pytest.mark.parametrize("again", ["a.png,0,1,1", "a.png,1,1,1", "./a.png,0,1.0,1"])
def test_a_cell_that_is_listed_twice_is_refused(folder, again):
    """Else it would be two cells, one of them perhaps tested by a net that was trained on the other."""
    path = write(folder, f"image,label,nucleus_x,nucleus_y\na.png,0,1,1\nb.png,1,1,1\n{again}\n")
    with pytest.raises(UserError, match="line 4: expected a cell of its own, found that of line 2 again"):
        read_manifest(path)


def test_an_image_lies_in_one_group(folder):
    text = "image,label,nucleus_x,nucleus_y,group\na.png,0,1,1,{}\na.png,1,9,9,{}\nb.png,1,1,1,s2\n"
    for groups in (("s1", "s2"), ("", "s2"), ("s1", "")):
        with pytest.raises(UserError, match="line 3: expected one group for all cells of a.png"):
            read_manifest(write(folder, text.format(*groups)))
    assert [c.group for c in read_manifest(write(folder, text.format("s1", "s1"))).cells] == ["s1", "s1", "s2"]


def test_an_image_of_several_cells_is_a_group_where_none_is_named(folder):
    head = "image,label,nucleus_x,nucleus_y\na.png,0,1,1\nb.png,1,1,1\n"
    assert [c.group for c in read_manifest(write(folder, head)).cells] == [None, None]
    assert [c.group for c in read_manifest(write(folder, head + "a.png,1,9,9\n")).cells] == ["a.png", "a.png", "b.png"]


def test_a_mask_is_taken_as_its_pixels_are_stored(folder):
    """As the image is: a tag that a viewer turns pictures by counts in neither."""
    mask = Image.new("RGB", (40, 30))
    mask.paste((255, 255, 255), (8, 8, 16, 16))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    mask.save(folder / "turned.png", exif=exif)
    (cell,) = read_manifest(write(folder, "image,label,mask\na.png,1,turned.png\n")).cells
    assert cell.centre == (11.5, 11.5)
    mask.save(folder / "lossy.png", "JPEG")  # whatever it is called
    with pytest.raises(UserError, match="lossy.png: expected a mask without loss, found a JPEG file"):
        read_manifest(write(folder, "image,label,mask\na.png,1,lossy.png\n"))


def test_the_phantom_manifest_opens(tmp_path):
    path = make_phantom_manifest(tmp_path / "hemlbc", 20, workers=1)
    found = open_dataset(path.parent)
    assert counts(found.cells, 2) == [10, 10]
    assert found.name == "hemlbc"
    assert None not in {c.group for c in found.cells}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.png,0,40,3", "a nucleus centre inside its image of 40 x 30, found 40, 3"),
        ("a.png,0,4,-1", "a nucleus centre inside"),
        ("a.png,0,,", "a nucleus centre inside"),
        ("a.png,0,nan,3", "a nucleus centre inside"),
        ("a.png,maybe,3,3", "a label among 0, 1, normal, abnormal.*found maybe"),
        ("a.png,2,3,3", "a label among"),
        ("c.png,0,3,3", "an image file, found no file"),
        ("../a.png,0,3,3", "a path inside"),
        ("a.png,0,3", "4 values, found 3"),
    ],
)
def test_errors_name_file_and_line(folder, line, message):
    path = write(folder, f"image,label,nucleus_x,nucleus_y\nb.png,1,5,5\n{line}\n")
    with pytest.raises(UserError, match=f"mine.csv, line 3: expected .*{message}"):
        read_manifest(path)


@pytest.mark.parametrize(
    "header", ["image,nucleus_x,nucleus_y", "image,label", "image,label,nucleus_x", "image,label,mask,colour"]
)
def test_header_is_checked(folder, header):
    with pytest.raises(UserError, match="columns"):
        read_manifest(write(folder, f"{header}\n"))


def test_names_of_both_kinds_make_a_two_class_set(tmp_path):
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), np.full((20, 30, 3), 90, np.uint8))
    path = tmp_path / "phantom.csv"
    path.write_text("image,label,nucleus_x,nucleus_y\na.png,normal,3,4\nb.png,severe dysplasia,3,4\n", encoding="utf-8")
    found = read_manifest(path)
    assert [cell.class7 for cell in found.cells] == [None, None]
    assert [found.class_names[cell.label] for cell in found.cells] == ["normal", "abnormal"]
    # whatever its file is called, it is a manifest
    assert (found.name, found.view_plan, found.phantom, found.paper) == ("phantom", "balanced", False, None)


def test_a_manifest_may_state_its_pixel_size(folder):
    head = "image,label,nucleus_x,nucleus_y,pixel_um"
    assert read_manifest(write(folder, f"{head}\na.png,0,5,5,0.25\nb.png,1,5,5,0.250\n")).pixel_um == 0.25
    assert read_manifest(write(folder, f"{head}\na.png,0,5,5,\n")).pixel_um is None
    wrong = {
        "250": "0.01 to 10",
        "0": "0.01 to 10",
        "nan": "0.01 to 10",
        "small": "0.01 to 10",
        "": "one pixel_um in all",
    }
    for value, expected in wrong.items():
        with pytest.raises(UserError, match=f"line 3: expected {expected}"):
            read_manifest(write(folder, f"{head}\na.png,0,5,5,0.25\nb.png,1,5,5,{value}\n"))


def test_a_manifest_with_masks_has_nucleus_areas(tmp_path):
    for name, side in (("a", 4), ("b", 6)):
        mask = np.zeros((20, 30), np.uint8)
        mask[3 : 3 + side, 5 : 5 + side] = 255
        cv2.imwrite(str(tmp_path / f"{name}_mask.png"), mask)
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((20, 30, 3), 90, np.uint8))
    path = tmp_path / "cells.csv"
    path.write_text("image,label,mask\na.png,0,a_mask.png\nb.png,1,b_mask.png\n", encoding="utf-8")
    assert nucleus_areas(read_manifest(path)) == {"a": 16, "b": 36}
    text = "image,label,mask,nucleus_x,nucleus_y\na.png,0,a_mask.png,,\nb.png,1,,5,5\n"
    path.write_text(text, encoding="utf-8")
    assert nucleus_areas(read_manifest(path)) is None  # one cell without a mask


def test_a_manifest_is_called_the_same_from_wherever_it_is_opened(folder, monkeypatch):
    path = folder / "cells.csv"
    path.write_text("image,label,nucleus_x,nucleus_y\na.png,0,5,5\n", encoding="utf-8")
    monkeypatch.chdir(folder)
    assert read_manifest("cells.csv").dataset_sha() == read_manifest(path).dataset_sha()


@pytest.mark.parametrize(
    "text",
    [
        "Image;LABEL;Nucleus_X;nucleus_Y;Pixel_um\na.png;normal;20,25;11,5;0,25\nb.png;abnormal;3;4.5;0,25\n",
        '"image";"label";"nucleus_x";"nucleus_y";"pixel_um"\n"a.png";0;"20,25";11,5;0.25\nb.png;1;3;4,5;0.25\n',
        "image\tlabel\tnucleus_x\tnucleus_y\tpixel_um\na.png\t0\t20.25\t11,5\t0.25\nb.png\t1\t3\t4,5\t0.25\n",
        "IMAGE,Label,NUCLEUS_X,NUCLEUS_Y,PIXEL_UM\na.png,0,20.25,11.5,0.25\nb.png,1,3,4.5,0.25\n",
    ],
)
def test_whatever_a_spreadsheet_writes_is_the_same_set(folder, text):
    found = read_manifest(write(folder, text))
    assert [(c.id, c.label, c.centre) for c in found.cells] == [("a", 0, (20.25, 11.5)), ("b", 1, (3.0, 4.5))]
    assert found.pixel_um == 0.25


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('image,label,nucleus_x,nucleus_y\na.png,0,"20,25",11\n', "inside its image of 40 x 30, found 20,25, 11"),
        ("image,label,nucleus_x,nucleus_y\na.png,0,20,25,11,5\n", "expected 4 values, found 6"),
        ("image;label;nucleus_x;nucleus_y\na.png;0;1.234,5;11\n", "nucleus centre inside"),
        ("image;label;Image;nucleus_x;nucleus_y\na.png;0;a.png;5;11\n", "columns image, label"),
        ("image;label,nucleus_x;nucleus_y\n", "columns image, label"),
    ],
)
def test_what_could_mean_two_things_is_refused(folder, text, message):
    """A comma that separates is no decimal one, a number has one point, a column one name."""
    with pytest.raises(UserError, match=message):
        read_manifest(write(folder, text))


def test_what_a_spreadsheet_leaves_empty_is_passed_over(folder):
    """Columns without a name at the end, and rows without a value."""
    text = "Image;Label;Nucleus_X;Nucleus_Y;;\r\na.png;0;20,25;11;;\r\n;;;;;\r\nb.png;1;3;4;;\r\n;;;;;\r\n"
    assert [c.centre for c in read_manifest(write(folder, text)).cells] == [(20.25, 11.0), (3.0, 4.0)]
    for row, said in (("a.png;0;1;1;;remark", "expected 4 values, found 6"), (";;;5;;", "line 2: expected a label")):
        with pytest.raises(UserError, match=said):
            read_manifest(write(folder, f"Image;Label;Nucleus_X;Nucleus_Y;;\n{row}\n"))


def test_separators_in_names_are_left_alone(folder):
    cv2.imwrite(str(folder / "a,b;c.png"), np.full((30, 40, 3), 200, np.uint8))
    one = read_manifest(write(folder, 'image,label,nucleus_x,nucleus_y\n"a,b;c.png",0,5,5\n'))
    other = read_manifest(write(folder, 'image;label;nucleus_x;nucleus_y\n"a,b;c.png";0;5;5\n'))
    assert [cell.id for cell in one.cells] == [cell.id for cell in other.cells] == ["a,b;c"]


def test_all_mistakes_of_a_list_are_told_at_once(folder):
    rows = ["a.png,maybe,99,3", "b.png,1,5,5", "c.png,0,3,3", "a.png,0,3", "a.png,0,nan,3"]
    with pytest.raises(UserError) as caught:
        read_manifest(write(folder, "image,label,nucleus_x,nucleus_y\n" + "\n".join(rows) + "\n"))
    lines = caught.value.lines()
    assert [line.split(": ")[0].split(", ")[-1] for line in lines] == ["line 2", "line 2", "line 4", "line 5", "line 6"]
    for line, words in zip(lines, ("a label among", "inside its image", "no file", "4 values", "nan, 3"), strict=True):
        assert words in line and line.isprintable()
    assert str(caught.value) == f"{lines[0]} (5 mistakes in all)"


def test_of_very_many_mistakes_the_first_twenty_are_told(folder):
    rows = [f"a.png,{number + 5},{number % 40},{number // 40}" for number in range(1000)]
    with pytest.raises(UserError) as caught:
        read_manifest(write(folder, "image,label,nucleus_x,nucleus_y\n" + "\n".join(rows) + "\n"))
    lines = caught.value.lines()
    assert len(lines) == 21 and "line 21" in lines[19] and lines[20] == "and 980 more mistakes"


def test_one_broken_image_is_one_mistake(folder):
    (folder / "a.png").write_bytes(b"")
    rows = [f"a.png,0,{x},3" for x in range(9)]
    with pytest.raises(UserError) as caught:
        read_manifest(write(folder, "image,label,nucleus_x,nucleus_y\n" + "\n".join(rows) + "\n"))
    assert len(caught.value.lines()) == 1 and "an empty file" in str(caught.value)


@pytest.mark.parametrize(
    ("listed", "there", "said"),
    [
        ("Pr\u00e4parat/z\u00f6lle.png", "Pra\u0308parat/zo\u0308lle.png", "composed otherwise"),
        ("Pra\u0308parat.png", "Pr\u00e4parat.png", "composed otherwise"),
        ("set\\a.png", "set/a.png", "Write / between folders"),
        ("set/b.png", "set/a.png", "Check the path."),
    ],
)
def test_a_name_that_is_written_another_way_gets_its_hint(tmp_path, listed, there, said):
    (tmp_path / there).parent.mkdir(exist_ok=True)
    assert cv2.imwrite(str(tmp_path / there), np.full((30, 40, 3), 200, np.uint8))
    with pytest.raises(UserError, match=said):
        read_manifest(write(tmp_path, f"image,label,nucleus_x,nucleus_y\n{listed},normal,20,11\n"))
    with pytest.raises(UserError, match=said):
        read_image(tmp_path / listed)


def test_a_mask_that_is_nucleus_throughout_is_refused(folder):
    cv2.imwrite(str(folder / "a-d.bmp"), np.full((30, 40), 255, np.uint8))
    with pytest.raises(UserError, match="a nucleus in a part of the image, found one that fills it"):
        read_manifest(write(folder, "image,label,mask\na.png,normal,a-d.bmp\n"))


def test_a_folder_without_a_manifest_is_told_of_one(folder):
    with pytest.raises(UserError, match=r"class folders, or a manifest cells\.csv, found neither\. .*own_cells"):
        open_dataset(folder)
    (folder / "patients").mkdir()
    with pytest.raises(UserError, match="found neither"):
        open_dataset(folder, allow_partial=True)


def test_images_of_one_name_in_two_folders_are_two_groups(folder):
    for name in ("slide1", "slide2"):
        (folder / name).mkdir()
        cv2.imwrite(str(folder / name / "field.png"), np.full((30, 40, 3), 200, np.uint8))
    lines = [f"slide{k}/field.png,0,{x},5" for k in (1, 2) for x in (5, 9)]
    found = read_manifest(write(folder, "\n".join(["image,label,nucleus_x,nucleus_y", *lines, "a.png,1,5,5"])))
    groups = [cell.group for cell in found.cells]
    assert sorted(groups) == ["a.png", *["slide1/field.png"] * 2, *["slide2/field.png"] * 2]


def test_an_image_has_one_name_in_a_manifest(folder):
    """By a second one it would be another image: trained on here and tested there."""
    (folder / "x").mkdir()
    with pytest.raises(UserError, match="a path inside"):
        read_manifest(write(folder, "image,label,nucleus_x,nucleus_y\na.png,0,5,5\nx/../a.png,1,9,9\n"))


def test_a_bethesda_class_is_called_the_same_however_it_is_written(folder):
    names = ["ASC-US", "asc-us", "NILM", "negative for intraepithelial lesion"]
    lines = [f"a.png,{number},5,{name}" for number, name in enumerate(names)]
    found = read_manifest(write(folder, "\n".join(["image,nucleus_x,nucleus_y,bethesda", *lines])))
    assert list(found.kinds.values()) == ["ASC-US", "ASC-US", "NILM", "NILM"]
