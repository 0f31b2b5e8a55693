"""Manifests: what a list of one's own cells may look like, and how each mistake in it is named."""

import cv2
import numpy as np
import pytest
from PIL import Image

from data_prep.cells import counts
from data_prep.classes import PLAIN, SEVEN
from data_prep.dataset import open_dataset
from data_prep.herlev_classes import BACKGROUND, NUCLEUS
from data_prep.manifest import read_manifest
from data_prep.nucleus import nucleus_areas
from deeppap.io.errors import UserError
from deeppap.io.image_file import read_image
from deeppap.phantom.cell_set import make_phantom_manifest
from tests.support.pictures import plain

HEAD = "image,label,nucleus_x,nucleus_y"


@pytest.fixture
def folder(tmp_path):
    """Two images of 40 x 30 pixels and a mask of the first, its nucleus about (10.5, 5)."""
    for name in ("a.png", "b.png", "a,b;c.png", "slide1/field.png", "slide2/field.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), plain((30, 40, 3), 200))
    mask = np.full((30, 40, 3), BACKGROUND, np.uint8)
    mask[4:7, 10:12] = NUCLEUS
    cv2.imwrite(str(tmp_path / "a-d.bmp"), mask[:, :, ::-1])
    return tmp_path


def write(folder, *lines, head=HEAD):
    path = folder / "mine.csv"
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return path


def cells_of(folder, *lines, head=HEAD):
    return read_manifest(write(folder, *lines, head=head)).cells


def test_documented_columns(folder):
    path = write(folder, "a.png,normal,20.25,11,s1", "b.png,1,0,29,s2", head=f"{HEAD},group")
    found = read_manifest(path)
    assert [(c.id, c.label, c.kind, c.centre, c.group) for c in found.cells] == [
        ("a", 0, "normal", (20.25, 11.0), "s1"),
        ("b", 1, "abnormal", (0.0, 29.0), "s2"),
    ]
    assert (found.name, found.classes) == ("mine", PLAIN)
    assert (found.view_plan, found.phantom, found.paper) == ("balanced", False, None)
    assert open_dataset(path) == found


def test_a_mask_gives_centre_and_area(folder):
    (cell,) = cells_of(folder, "a.png,severe dysplasia,a-d.bmp", head="image,label,mask")
    assert (cell.centre, cell.label, cell.kind) == ((10.5, 5.0), 1, "severe dysplasia")
    mixed = read_manifest(write(folder, "a.png,0,,,a-d.bmp", "b.png,1,3,4,", head=f"{HEAD},mask"))
    assert [c.centre for c in mixed.cells] == [(10.5, 5.0), (3.0, 4.0)]
    assert nucleus_areas(mixed) is None  # one cell without a mask
    masked = read_manifest(write(folder, "a.png,0,a-d.bmp", head="image,label,mask"))
    assert nucleus_areas(masked) == {"a": 6}


def test_a_mask_is_read_as_its_pixels_are_stored(folder):
    """As the image is: an orientation tag counts in neither."""
    mask = Image.new("RGB", (40, 30))
    mask.paste((255, 255, 255), (8, 8, 16, 16))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    mask.save(folder / "turned.png", exif=exif)
    (cell,) = cells_of(folder, "a.png,1,turned.png", head="image,label,mask")
    assert cell.centre == (11.5, 11.5)
    mask.save(folder / "lossy.png", "JPEG")  # whatever it is called
    with pytest.raises(UserError, match="lossy.png: expected a mask without loss"):
        cells_of(folder, "a.png,1,lossy.png", head="image,label,mask")


def test_class_names(folder):
    """Herlev's names make a set of its seven classes; with any other they are classes as all others are."""
    seven = read_manifest(write(folder, "a.png,columnar,3,4", "b.png,severe dysplasia,3,4"))
    assert seven.classes == SEVEN
    two = read_manifest(write(folder, "a.png,normal,3,4", "b.png,severe dysplasia,3,4"))
    assert [(cell.label, cell.kind) for cell in two.cells] == [(0, "normal"), (1, "severe dysplasia")]
    assert [one.name for one in two.classes] == ["normal", "severe dysplasia"]


def test_a_class_of_any_name_takes_its_label_from_the_column_label(folder):
    head, lines = "image,label,class,nucleus_x,nucleus_y", ["a.png,abnormal,type B,3,4", "b.png,neither,my blots,3,4"]
    found = read_manifest(write(folder, *lines, head=head), own=True)
    assert [(cell.label, cell.kind) for cell in found.cells] == [(1, "type B"), (2, "my blots")]
    assert read_manifest(write(folder, *lines, head=head)).left_out == {"my blots": 1}
    with pytest.raises(UserError, match="type B. If it is a class of your own, add a column `label`"):
        cells_of(folder, "a.png,type B,3,4", head="image,class,nucleus_x,nucleus_y")


def test_a_label_that_contradicts_its_class_counts_and_is_told(folder, capsys):
    head = "image,label,class,nucleus_x,nucleus_y"
    found = read_manifest(write(folder, "a.png,normal,HSIL,3,4", "b.png,abnormal,metaplastic,3,4", head=head))
    assert [(cell.label, cell.kind) for cell in found.cells] == [(0, "HSIL"), (1, "metaplastic")]
    (line,) = capsys.readouterr().err.splitlines()
    assert "1 HSIL as normal" in line and "metaplastic" not in line
    read_manifest(write(folder, "a.png,abnormal,HSIL,3,4", "b.png,normal,,3,4", head=head))
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "ids", "groups"),
    [
        (["a.png,0,1,1", "b.png,1,1,1"], ["a", "b"], [None, None]),
        (["a.png,0,1,1", "b.png,1,1,1", "a.png,1,9,9"], ["a", "a_4", "b"], ["a.png", "a.png", "b.png"]),
        (
            ["slide1/field.png,0,5,5", "slide1/field.png,0,9,5", "slide2/field.png,1,5,5"],
            None,
            ["slide1/field.png", "slide1/field.png", "slide2/field.png"],
        ),
    ],
)
def test_cells_of_one_image_have_ids_of_their_own_and_one_group(folder, lines, ids, groups):
    found = cells_of(folder, *lines)
    assert ids is None or [c.id for c in found] == ids
    assert sorted(map(str, (c.group for c in found))) == sorted(map(str, groups))
    assert len({c.id for c in found}) == len(lines)


def test_an_image_is_in_one_group(folder):
    lines = "a.png,0,1,1,{}", "a.png,1,9,9,{}", "b.png,1,1,1,s2"
    for groups in (("s1", "s2"), ("", "s2"), ("s1", "")):
        with pytest.raises(UserError, match="line 3: expected one group for all cells of a.png"):
            cells_of(folder, "\n".join(lines).format(*groups), head=f"{HEAD},group")
    found = cells_of(folder, "\n".join(lines).format("s1", "s1"), head=f"{HEAD},group")
    assert [c.group for c in found] == ["s1", "s1", "s2"]


@pytest.mark.parametrize("again", ["a.png,0,1,1", "a.png,1,1,1", "./a.png,0,1.0,1"])
def test_a_cell_that_is_listed_twice_is_refused(folder, again):
    """Else it would be two cells, one of them perhaps tested by a net that was trained on the other."""
    with pytest.raises(UserError, match="line 4: .*line 2"):
        cells_of(folder, "a.png,0,1,1", "b.png,1,1,1", again)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.png,0,40,3", "a nucleus centre inside its image of 40 x 30, found 40, 3"),
        ("a.png,0,nan,3", "a nucleus centre inside"),
        ('a.png,0,"20,25",11', "a nucleus centre inside"),  # a comma that separates is no decimal point
        ("a.png,0,20,25,11,5", "4 values, found 6"),
        ("a.png,maybe,3,3", "a label among 0, 1, normal, abnormal.*found maybe"),
        ("c.png,0,3,3", "an image file, found no file"),
        ("slide1/../a.png,0,3,3", "a path inside"),  # a second name would make it a second image
        ("a.png,0,3", "4 values, found 3"),
    ],
)
def test_errors_name_file_and_line(folder, line, message):
    with pytest.raises(UserError, match=f"mine.csv, line 3: expected .*{message}"):
        cells_of(folder, "b.png,1,5,5", line)


@pytest.mark.parametrize(
    "header",
    [
        "image,nucleus_x,nucleus_y",
        "image,label",
        "image,label,nucleus_x",
        "image,label,mask,groups",
        "image;label;Image;nucleus_x;nucleus_y",
        "image;label,nucleus_x;nucleus_y",
    ],
)
def test_header_is_checked(folder, header):
    with pytest.raises(UserError, match="column"):
        cells_of(folder, head=header)


@pytest.mark.parametrize(
    ("values", "pixel_um", "expected"),
    [
        (("0.25", "0.250"), 0.25, None),
        (("", ""), None, None),
        (("0.25", "250"), None, "0.01 to 10"),
        (("0.25", "0"), None, "0.01 to 10"),
        (("0.25", "nan"), None, "0.01 to 10"),
        (("0.25", ""), None, "pixel_um on all lines"),
    ],
)
def test_a_manifest_may_state_its_pixel_size(folder, values, pixel_um, expected):
    path = write(folder, f"a.png,0,5,5,{values[0]}", f"b.png,1,5,5,{values[1]}", head=f"{HEAD},pixel_um")
    if expected is None:
        assert read_manifest(path).pixel_um == pixel_um
    else:
        with pytest.raises(UserError, match=f"line 3: expected {expected}"):
            read_manifest(path)


@pytest.mark.parametrize(
    "text",
    [
        "Image;LABEL;Nucleus_X;nucleus_Y;Pixel_um\na.png;normal;20,25;11,5;0,25\nb.png;abnormal;3;4.5;0,25\n",
        '"image";"label";"nucleus_x";"nucleus_y";"pixel_um"\n"a.png";0;"20,25";11,5;0.25\nb.png;1;3;4,5;0.25\n',
        "image\tlabel\tnucleus_x\tnucleus_y\tpixel_um\na.png\t0\t20.25\t11,5\t0.25\nb.png\t1\t3\t4,5\t0.25\n",
        "IMAGE,Label,NUCLEUS_X,NUCLEUS_Y,PIXEL_UM\na.png,0,20.25,11.5,0.25\nb.png,1,3,4.5,0.25\n",
        # columns without a name at the end, and rows without a value
        "image;label;nucleus_x;nucleus_y;pixel_um;\r\na.png;0;20,25;11,5;0,25;\r\n;;;;;\r\nb.png;1;3;4,5;0,25;\r\n",
    ],
)
def test_what_spreadsheets_write_is_the_same_set(folder, text):
    head, *lines = text.splitlines()
    found = read_manifest(write(folder, *lines, head=head))
    assert [(c.id, c.label, c.centre) for c in found.cells] == [("a", 0, (20.25, 11.5)), ("b", 1, (3.0, 4.5))]
    assert found.pixel_um == 0.25


@pytest.mark.parametrize("row", ["a.png;0;1.234,5;11;;", "a.png;0;1;1;;remark", ";;;5;;"])
def test_what_could_mean_two_things_is_refused(folder, row):
    with pytest.raises(UserError, match="line 2"):
        cells_of(folder, row, head="Image;Label;Nucleus_X;Nucleus_Y;;")


def test_a_folder_is_no_manifest(folder):
    with pytest.raises(UserError, match="slide1: expected a CSV file, found a folder"):
        read_manifest(folder / "slide1")


def test_separators_in_names_are_kept(folder):
    one = cells_of(folder, '"a,b;c.png",0,5,5')
    other = cells_of(folder, '"a,b;c.png";0;5;5', head=HEAD.replace(",", ";"))
    assert [cell.id for cell in one] == [cell.id for cell in other] == ["a,b;c"]


def test_all_mistakes_of_a_list_are_named_at_once(folder):
    (folder / "b.png").write_bytes(b"")  # one mistake, however many cells it holds
    rows = ["a.png,maybe,99,3", "a.png,1,5,5", "c.png,0,3,3", "a.png,0,3", "b.png,0,1,3", "b.png,0,2,3"]
    with pytest.raises(UserError) as caught:
        cells_of(folder, *rows)
    lines = caught.value.lines()
    assert all(line.isprintable() for line in lines)
    for line, words in zip(lines, ("line 2", "line 2", "line 4", "line 5", "b.png"), strict=True):
        assert words in line
    assert "(5 mistakes in all)" in str(caught.value)
    with pytest.raises(UserError) as caught:
        cells_of(folder, *[f"a.png,{number + 5},{number % 40},{number // 40}" for number in range(1000)])
    lines = caught.value.lines()
    assert len(lines) == 21 and "line 21" in lines[19] and lines[20] == "and 980 more mistakes"


@pytest.mark.parametrize(
    ("listed", "there", "hint"),
    [
        ("Pr\u00e4parat/z\u00f6lle.png", "Pra\u0308parat/zo\u0308lle.png", "composed otherwise"),
        ("Pra\u0308parat.png", "Pr\u00e4parat.png", "composed otherwise"),
        ("set\\a.png", "set/a.png", "Write / between folders"),
        ("set/b.png", "set/a.png", "Check the path."),
    ],
)
def test_a_name_that_is_written_another_way_gets_its_hint(tmp_path, listed, there, hint):
    (tmp_path / there).parent.mkdir(exist_ok=True)
    assert cv2.imwrite(str(tmp_path / there), plain((30, 40, 3), 200))
    for read in (lambda: cells_of(tmp_path, f"{listed},normal,20,11"), lambda: read_image(tmp_path / listed)):
        with pytest.raises(UserError, match=hint):
            read()


def test_data_sets_are_found_in_folders(folder, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="own-cells"):
        open_dataset(folder)
    path = write(folder, "a.png,0,5,5").rename(folder / "cells.csv")
    monkeypatch.chdir(folder)
    assert (
        read_manifest("cells.csv").dataset_sha()
        == open_dataset(folder).dataset_sha()
        == read_manifest(path).dataset_sha()
    )
    drawn = open_dataset(make_phantom_manifest(tmp_path / "hemlbc", 20).parent)
    assert (counts(drawn.cells), drawn.name) == ((10, 10), "hemlbc")
    assert None not in {c.group for c in drawn.cells}


def test_commas_that_part_thousands_are_no_decimal_ones(folder):
    for numbers, refused in (("1,234;7", True), ("1,234;7,5", False), ("1,234;7,125", False)):
        (folder / "list.csv").write_text(f"image;label;nucleus_x;nucleus_y\na.png;0;{numbers}\n")
        if refused:
            with pytest.raises(UserError, match="1,234 beside 7"):
                read_manifest(folder / "list.csv")
        else:
            assert read_manifest(folder / "list.csv").cells[0].centre[0] == 1.234
