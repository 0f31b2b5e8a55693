"""Which files are images, which names cannot stand side by side, and fields that are decoded whole."""

import cv2
import numpy as np
import pytest

from deeppap.io.errors import UserError
from deeppap.screening.slides.open_slide import FieldImage, companions, find_images, open_slide
from tests.support.pictures import plain


@pytest.fixture
def folder(tmp_path):
    for name in ("b.png", "a.JPG", "c.bmp"):
        cv2.imwrite(str(tmp_path / name), plain((9, 9, 3), 0))
    (tmp_path / "notes.txt").write_text("none")
    (tmp_path / "inside.png").mkdir()
    (tmp_path / "empty").mkdir()
    return tmp_path


def names(paths):
    return [path.name for path in paths]


def test_images_of_a_folder(folder):
    assert names(find_images([folder])) == ["a.JPG", "b.png", "c.bmp"]
    assert names(find_images([folder / "c.bmp"])) == ["c.bmp"]


@pytest.mark.parametrize("name", ["notes.txt", "none.png", "inside.png", "empty"])
def test_other_files_are_refused(folder, name):
    with pytest.raises(UserError, match=name):
        open_slide(find_images([folder / name])[0])


@pytest.mark.parametrize("name", ["b.jpg", "parts.png", "cells.csv.png"])
def test_name_of_another_image_or_of_a_result_is_refused(folder, name):
    cv2.imwrite(str(folder / name), plain((9, 9, 3), 0))
    with pytest.raises(UserError, match="of the same name"):
        find_images([folder])


def test_pieces_of_a_slide_are_not_images(folder):
    (folder / "slide.vms").write_text("ImageFile=a.JPG")
    assert names(find_images([folder])) == ["b.png", "c.bmp", "slide.vms"]
    assert names(companions(folder / "slide.vms")) == ["a.JPG"]
    assert companions(folder / "b.png") == []


def test_user_names_which_dicom_file_is_a_slide(folder):
    (folder / "1.dcm").touch()
    assert "1.dcm" in names(find_images([folder]))
    (folder / "2.dcm").touch()
    with pytest.raises(UserError, match="one .dcm file"):
        find_images([folder])
    assert find_images([folder / "2.dcm"]) == [folder / "2.dcm"]
    assert companions(folder / "2.dcm") == [folder / "1.dcm"]


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("after", [b"\0" * 128, b"x" * 5000, b"\xff" * 64])
def test_bytes_that_a_camera_appended_are_ignored(tmp_path, rng, suffix, after):
    path = tmp_path / f"field{suffix}"
    cv2.imwrite(str(path), rng.integers(0, 256, (60, 90, 3), np.uint8))
    wanted = FieldImage(path).image
    path.write_bytes(path.read_bytes() + after)
    assert np.array_equal(FieldImage(path).image, wanted)
