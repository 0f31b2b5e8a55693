"""The reader of folders of fields: three shapes, and every way that they can be wrong."""

import shutil

import cv2
import numpy as np
import pytest

from deeppap.io.errors import UserError
from deeppap.screening.nuclei.field_sets import open_sets, split_sets
from deeppap.screening.nuclei.fields import read_fields, read_nuclei_mask


def write_image(path, shape=(40, 60), dtype=np.uint8):
    assert cv2.imwrite(str(path), np.full(shape, 200, dtype))


def test_row_and_column_from_one_become_x_and_y_from_zero(tmp_path):
    write_image(tmp_path / "a.png")
    (tmp_path / "a.csv").write_text("1,1\n40,60\n\n12.5,7\n")
    (field,) = read_fields(tmp_path)
    assert field.name == "a"
    assert field.points.tolist() == [[0, 0], [59, 39], [6, 11.5]]
    assert (field.labels, field.mask()) == ((), None)
    assert field.image().shape == (40, 60)


def test_one_csv_for_all_with_classes(tmp_path):
    for name in ("b.png", "a.png"):
        write_image(tmp_path / name, (40, 60, 3))
    (tmp_path / "nuclei.csv").write_text(
        "image,nucleus_x,nucleus_y,bethesda\nb.png,1.5,2,LSIL\na.png,3,4,\nb.png,5,6,HSIL\n"
    )
    first, second = read_fields(tmp_path)
    assert (first.name, first.points.tolist(), first.labels) == ("a", [[3, 4]], ("",))
    assert (second.name, second.points.tolist(), second.labels) == ("b", [[1.5, 2], [5, 6]], ("LSIL", "HSIL"))
    assert first.image().shape == (40, 60, 3)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_masks_filled_or_in_outline_give_numbered_nuclei(tmp_path, depth):
    write_image(tmp_path / "a.png", (60, 80))
    mask = np.zeros((60, 80), depth)
    cv2.circle(mask, (20, 30), 8, 128, -1)
    cv2.circle(mask, (60, 25), 9, 91, 1)  # an outline
    mask[5, 5] = 200  # what an edge left behind
    cv2.imwrite(str(tmp_path / "a_GT.png"), mask)
    (field,) = read_fields(tmp_path)
    assert sorted(np.rint(field.points).tolist()) == [[20, 30], [60, 25]]
    numbers, _ = read_nuclei_mask(tmp_path / "a_GT.png")
    for number, (x, y) in enumerate(np.rint(field.points).astype(int), 1):
        assert numbers[y, x] == number
    assert numbers[5, 5] == 0


def test_a_field_without_nuclei_is_a_field(tmp_path):
    write_image(tmp_path / "a.png")
    (tmp_path / "a.csv").write_text("")
    (field,) = read_fields(tmp_path)
    assert field.points.shape == (0, 2)


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.csv", "1;2\n", "line 1: expected two numbers, found 1;2"),
        ("a.csv", "1,2,3\n", "line 1: expected two numbers"),
        ("a.csv", "5,5\nnan,1\n", "line 2: expected two numbers"),
        ("a.csv", "41,1\n", "points inside a.png of 60 x 40, found x 0, y 40"),
        ("a.csv", "0,1\n", "points inside a.png"),
        ("a.csv", "\xff\x00", "expected"),
        ("nuclei.csv", "", "an empty file"),
        ("nuclei.csv", "image,x,y\n", "columns image, nucleus_x, nucleus_y, found image, x, y"),
        (
            "nuclei.csv",
            "image,nucleus_x,nucleus_y\nb.png,1,1\n",
            "line 2: expected an image of this folder",
        ),
        ("nuclei.csv", "image,nucleus_x,nucleus_y\na.png,1\n", "line 2: expected two numbers"),
        ("nuclei.csv", "image,nucleus_x,nucleus_y\na.png,99,1\n", "points inside a.png"),
        ("nuclei.csv", "image,nucleus_x,nucleus_y\n", "none of either"),
        ("other.txt", "", "1 images and none of either"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, text, found):
    write_image(tmp_path / "a.png")
    (tmp_path / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError) as error:
        read_fields(tmp_path)
    assert found in str(error.value)


@pytest.mark.parametrize(
    ("shape", "dtype", "found"),
    [((9, 9), np.uint16, "1 channel(s) of 16 bits"), ((9, 9, 4), np.uint8, "4 channel(s) of 8 bits")],
)
def test_an_image_of_another_kind_is_named(tmp_path, shape, dtype, found):
    write_image(tmp_path / "a.png", shape, dtype)
    (tmp_path / "a.csv").write_text("1,1\n")
    with pytest.raises(UserError) as error:
        read_fields(tmp_path)
    assert found in str(error.value)


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\nnothing"])
def test_a_broken_image_is_named(tmp_path, data):
    (tmp_path / "a.png").write_bytes(data)
    (tmp_path / "a.csv").write_text("1,1\n")
    with pytest.raises(UserError, match=r"a\.png: expected .*cannot be decoded"):
        read_fields(tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        read_fields(tmp_path / "none")


@pytest.fixture
def ten_fields(tmp_path):
    folder = tmp_path / "ten"
    folder.mkdir()
    for number in range(10):
        write_image(folder / f"f{number}.png")
        (folder / f"f{number}.csv").write_text("5,5\n")
    return folder


def test_folds_keep_fields_whole_and_judge_each_once(ten_fields):
    sets = open_sets([ten_fields], [0.25])
    judged = []
    for fold in range(3):
        train, test = split_sets(sets, fold, 3, seed=1)
        names = [[f.name for f in part[0].fields] for part in (train, test)]
        assert not set(names[0]) & set(names[1])
        assert len(names[0]) + len(names[1]) == 10
        judged += names[1]
    assert sorted(judged) == sorted(f.name for f in sets[0].fields)


def test_one_pixel_size_serves_all_folders(ten_fields):
    other = shutil.copytree(ten_fields, ten_fields.with_name("another"), dirs_exist_ok=True)
    assert [s.mpp for s in open_sets([ten_fields, other], [0.3])] == [0.3, 0.3]
    assert [s.mpp for s in open_sets([ten_fields, other], [0.3, 0.2])] == [0.3, 0.2]
    assert [s.loose for s in open_sets([ten_fields], [0.3], ["ten"])] == [True]


@pytest.mark.parametrize(
    ("sizes", "loose", "found"),
    [([0.2, 0.3], [], "found 2"), ([0.0], [], "found 0."), ([0.3], ["eleven"], "found eleven")],
)
def test_options_that_fit_no_folder_are_named(ten_fields, sizes, loose, found):
    with pytest.raises(UserError) as error:
        open_sets([ten_fields], sizes, loose)
    assert found in str(error.value)


def test_more_folds_than_fields_are_refused(ten_fields):
    with pytest.raises(UserError, match="at least 11 fields"):
        split_sets(open_sets([ten_fields], [0.25]), 0, 11, seed=1)


def test_two_folders_of_one_name_are_refused(ten_fields, tmp_path):
    other = shutil.copytree(ten_fields, tmp_path / "elsewhere" / ten_fields.name)
    with pytest.raises(
        UserError, match=f"--fields: expected folders of different names, found {ten_fields.name} twice"
    ):
        open_sets([ten_fields, other], [0.25, 0.5])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_touching_nuclei_of_a_numbered_mask_stay_two(tmp_path, dtype):
    write_image(tmp_path / "a.png")
    mask = np.zeros((40, 60), dtype)
    mask[10:20, 10:20], mask[10:20, 20:30], mask[0, :3] = 1, 2, 3  # the third too small
    cv2.imwrite(str(tmp_path / "a_GT.png"), mask)
    (field,) = read_fields(tmp_path)
    assert field.points.tolist() == [[14.5, 14.5], [24.5, 14.5]]
    assert (field.mask() == np.where(mask == 3, 0, mask)).all()
    mask[25:35, 10:20] = 1  # classes, not numbers: another nucleus of the first
    cv2.imwrite(str(tmp_path / "a_GT.png"), mask)
    assert len(read_fields(tmp_path)[0].points) == 3


def test_the_shades_of_a_smooth_edge_are_no_nuclei(tmp_path):
    write_image(tmp_path / "a.png", (300, 300))
    mask = np.zeros((300, 300), np.uint8)
    for x in range(20, 290, 30):
        for y in range(20, 290, 30):
            cv2.circle(mask, (x, y), 9, 255, -1)
    cv2.imwrite(str(tmp_path / "a_GT.png"), cv2.GaussianBlur(mask, (5, 5), 1.0))
    assert len(read_fields(tmp_path)[0].points) == 81


def test_a_mask_of_another_size_than_its_image_is_named(tmp_path):
    write_image(tmp_path / "a.png")
    mask = np.zeros((20, 30), np.uint8)
    mask[5:15, 5:15] = 255
    cv2.imwrite(str(tmp_path / "a_GT.png"), mask)
    with pytest.raises(UserError, match="a mask of a.png's size 60 x 40, found 30 x 20"):
        read_fields(tmp_path)
