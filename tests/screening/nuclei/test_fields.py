"""The reader of folders of fields: three layouts, and every way that they can be wrong."""

import shutil

import cv2
import numpy as np
import pytest

from deeppap.io.errors import UserError
from deeppap.screening.nuclei.fields import open_sets, read_fields, read_nuclei_mask, split_sets
from tests.support.pictures import plain


def write_image(path, shape=(40, 60), dtype=np.uint8):
    assert cv2.imwrite(str(path), plain(shape, 200, dtype))


def write_mask(folder, mask, size=None):
    write_image(folder / "a.png", size or mask.shape)
    cv2.imwrite(str(folder / "a_GT.png"), mask)


def test_rows_and_columns_from_one_become_x_and_y_from_zero(tmp_path):
    write_image(tmp_path / "a.png")
    (tmp_path / "a.csv").write_text("1,1\n40,60\n\n12.5,7\n")
    (field,) = read_fields(tmp_path)
    assert field.name == "a"
    assert field.points.tolist() == [[0, 0], [59, 39], [6, 11.5]]
    assert (field.labels, field.mask()) == ((), None)
    assert field.image().shape == (40, 60)
    (tmp_path / "a.csv").write_text("")
    assert read_fields(tmp_path)[0].points.shape == (0, 2)  # without nuclei it is still a field


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
def test_mask_of_areas_and_outlines(tmp_path, depth):
    mask = np.zeros((60, 80), depth)
    cv2.circle(mask, (20, 30), 8, 128, -1)
    cv2.circle(mask, (60, 25), 9, 91, 1)  # an outline
    mask[5, 5] = 200  # left over from an edge
    write_mask(tmp_path, mask)
    (field,) = read_fields(tmp_path)
    assert sorted(np.rint(field.points).tolist()) == [[20, 30], [60, 25]]
    numbers, _ = read_nuclei_mask(tmp_path / "a_GT.png")
    for number, (x, y) in enumerate(np.rint(field.points).astype(int), 1):
        assert numbers[y, x] == number
    assert numbers[5, 5] == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_touching_nuclei_of_a_numbered_mask_stay_two(tmp_path, dtype):
    mask = np.zeros((40, 60), dtype)
    mask[10:20, 10:20], mask[10:20, 20:30], mask[0, :3] = 1, 2, 3  # the third too small
    write_mask(tmp_path, mask)
    (field,) = read_fields(tmp_path)
    assert field.points.tolist() == [[14.5, 14.5], [24.5, 14.5]]
    assert (field.mask() == np.where(mask == 3, 0, mask)).all()
    mask[25:35, 10:20] = 1  # values are classes, not numbers: another nucleus of the first
    write_mask(tmp_path, mask)
    assert len(read_fields(tmp_path)[0].points) == 3


def test_shades_of_a_smooth_edge_are_not_nuclei(tmp_path):
    mask = np.zeros((300, 300), np.uint8)
    for x in range(20, 290, 30):
        for y in range(20, 290, 30):
            cv2.circle(mask, (x, y), 9, 255, -1)
    write_mask(tmp_path, cv2.GaussianBlur(mask, (5, 5), 1.0))
    assert len(read_fields(tmp_path)[0].points) == 81


def test_mask_of_another_size_is_refused(tmp_path):
    write_mask(tmp_path, cv2.circle(np.zeros((20, 30), np.uint8), (15, 10), 5, 255, -1), (40, 60))
    with pytest.raises(UserError, match="60 x 40, found 30 x 20"):
        read_fields(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.csv", "1;2\n", "line 1: .* found 1;2"),
        ("a.csv", "1,2,3\n", "line 1"),
        ("a.csv", "5,5\nnan,1\n", "line 2"),
        ("a.csv", "41,1\n", "a.csv: .* found x 0, y 40"),
        ("a.csv", "0,1\n", "a.csv: .* inside a.png"),
        ("a.csv", "\xff\x00", "a.csv"),
        ("nuclei.csv", "", "an empty file"),
        ("nuclei.csv", "image,x\n", "columns x and y, or nucleus_x and nucleus_y"),
        ("nuclei.csv", "image,nucleus_x,nucleus_y\nb.png,1,1\n", "line 2: .* found b.png"),
        ("nuclei.csv", "image,nucleus_x,nucleus_y\na.png,1\n", "line 2"),
        ("nuclei.csv", "image,nucleus_x,nucleus_y\na.png,99,1\n", "inside a.png"),
        ("nuclei.csv", "image,nucleus_x,nucleus_y\n", "none of either"),
        ("other.txt", "", "none of either"),
    ],
)
def test_unreadable_points_are_refused(tmp_path, name, text, found):
    write_image(tmp_path / "a.png")
    (tmp_path / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=found):
        read_fields(tmp_path)


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\nnothing"])
def test_broken_image_and_missing_folder_are_refused(tmp_path, data):
    (tmp_path / "a.png").write_bytes(data)
    (tmp_path / "a.csv").write_text("1,1\n")
    for folder, named in ((tmp_path, "a.png"), (tmp_path / "none", "no such folder")):
        with pytest.raises(UserError, match=named):
            read_fields(folder)


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
    with pytest.raises(UserError, match="at least 11 fields"):
        split_sets(sets, 0, 11, seed=1)


def test_one_pixel_size_serves_all_folders(ten_fields):
    other = shutil.copytree(ten_fields, ten_fields.with_name("another"), dirs_exist_ok=True)
    assert [s.mpp for s in open_sets([ten_fields, other], [0.3])] == [0.3, 0.3]
    assert [s.mpp for s in open_sets([ten_fields, other], [0.3, 0.2])] == [0.3, 0.2]
    assert [s.incomplete for s in open_sets([ten_fields], [0.3], ["ten"])] == [True]
    same_name = shutil.copytree(ten_fields, ten_fields.with_name("elsewhere") / "ten")
    with pytest.raises(UserError, match="fields: .* found ten twice"):
        open_sets([ten_fields, same_name], [0.25, 0.5])


@pytest.mark.parametrize(
    ("sizes", "incomplete", "found"),
    [([0.2, 0.3], [], "mpp: .* found 2"), ([0.0], [], "mpp: .* found 0"), ([0.3], ["eleven"], "found eleven")],
)
def test_options_that_fit_no_folder_are_refused(ten_fields, sizes, incomplete, found):
    with pytest.raises(UserError, match=found):
        open_sets([ten_fields], sizes, incomplete)
