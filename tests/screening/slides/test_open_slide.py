"""Which files are images, and which names cannot stand side by side."""

import os

import cv2
import numpy as np
import pytest

from deeppap.io.errors import UserError
from deeppap.screening.slides.companions import companions
from deeppap.screening.slides.open_slide import find_images, open_slide


@pytest.fixture
def folder(tmp_path):
    for name in ("b.png", "a.JPG", "c.bmp"):
        cv2.imwrite(str(tmp_path / name), np.zeros((9, 9, 3), np.uint8))
    (tmp_path / "notes.txt").write_text("none")
    (tmp_path / "inside.png").mkdir()
    return tmp_path


def test_a_folder_stands_for_its_images(folder):
    assert [path.name for path in find_images([folder])] == ["a.JPG", "b.png", "c.bmp"]
    assert [path.name for path in find_images([folder / "c.bmp"])] == ["c.bmp"]


@pytest.mark.parametrize("name", ["notes.txt", "none.png", "inside.png"])
def test_what_is_no_image_is_refused(folder, name):
    with pytest.raises(UserError, match=name):
        open_slide(find_images([folder / name])[0])


def test_an_empty_folder_is_refused(folder):
    (folder / "empty").mkdir()
    with pytest.raises(UserError, match="none in that folder"):
        find_images([folder / "empty"])


def test_two_images_whose_results_would_be_one_folder_are_refused(folder):
    cv2.imwrite(str(folder / "b.jpg"), np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(UserError, match="a name of its own"):
        find_images([folder])


@pytest.mark.parametrize("name", ["parts.png", "cells.csv.png"])
def test_an_image_may_not_be_called_as_a_result_is(folder, name):
    cv2.imwrite(str(folder / name), np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(UserError, match="a file of the results, of the same name"):
        find_images([folder / name])


@pytest.mark.parametrize("name", [b"bad\xff.png", b"bad\xff/a.png"])
def test_a_name_that_is_not_utf_8_is_refused_in_one_line(folder, name):
    """It would end after all the work, where the tables are written."""
    path = folder / os.fsdecode(name)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes((folder / "b.png").read_bytes())
    for given in (path, path.parent):
        with pytest.raises(UserError, match=r"bad\\udcff.*: expected a name in UTF-8, found other bytes") as caught:
            find_images([given])
        assert str(caught.value).isprintable()


def test_pieces_of_a_slide_are_no_images(folder):
    (folder / "slide.vms").write_text("ImageFile=a.JPG")
    assert [path.name for path in find_images([folder])] == ["b.png", "c.bmp", "slide.vms"]
    assert [path.name for path in companions(folder / "slide.vms")] == ["a.JPG"]
    assert companions(folder / "b.png") == []


def test_which_dicom_files_are_one_slide_is_asked(folder):
    (folder / "1.dcm").touch()
    assert "1.dcm" in [path.name for path in find_images([folder])]
    (folder / "2.dcm").touch()
    with pytest.raises(UserError, match="Name one file of each slide"):
        find_images([folder])
    assert find_images([folder / "2.dcm"]) == [folder / "2.dcm"]
    assert companions(folder / "2.dcm") == [folder / "1.dcm"]
