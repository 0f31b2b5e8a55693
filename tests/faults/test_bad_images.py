"""Images and masks that are wrong in every known way: each is named, none is skipped."""

import resource
import shutil

import cv2
import numpy as np
import pytest
from PIL import Image

from data_prep.dataset import open_dataset
from data_prep.regions import cut_regions
from data_prep.views import REACH
from deeppap.io.errors import UserError
from deeppap.io.image_file import image_size, read_image
from tests.support.fault_tools import bmp, filled_bmp, leftovers

HUGE = (2**30, 2**30)


@pytest.fixture
def set_of_cells(phantom, tmp_path):
    """A copy of the phantom, and one image and mask in it."""
    root = tmp_path / "cells"
    shutil.copytree(phantom, root)
    mask = sorted((root / "light_dysplastic").glob("*-d.bmp"))[3]
    return root, mask.with_name(mask.name.replace("-d.bmp", ".BMP")), mask


def encoded(suffix, *shape, dtype=np.uint8, value=0):
    return cv2.imencode(suffix, np.full(shape, value, dtype))[1].tobytes()


WRONG_IMAGES = {
    "empty": (b"", "an empty file"),
    "cut in its header": (bmp(20, 20)[:24], "a header that cannot be read"),
    "cut in its pixels": (bmp(20, 20)[:-50], "1,204"),
    "wrong magic": (b"XX" + bmp(20, 20)[2:], "cannot be decoded"),
    "text": (b"not an image\n", "cannot be decoded"),
    "grey BMP": (bmp(20, 20, 8), "a grey image"),
    "16 bits a pixel": (bmp(20, 20, 16), "16 bits a pixel"),
    "grey PNG": (encoded(".png", 20, 20), "a grey image of 8 bits"),
    "grey TIFF": (encoded(".tiff", 20, 20), "a grey image"),
    "header of 2^30 x 2^30": (bmp(20, 20, claim=HUGE), "claims 1073741824 x 1073741824"),
    "header of height -2^31": (bmp(20, 20, claim=(20, -(2**31))), "claims"),
    "header of width -20": (bmp(20, 20, claim=(-20, 20)), "claims 4294967276"),
    "header of no pixels": (bmp(20, 20, claim=(0, 20)), "cannot be read"),
}
ALL_NUCLEUS = b"\xff"
WRONG_MASKS = {
    "empty": (lambda width, height: b"", "an empty file"),
    "cut": (lambda width, height: filled_bmp(width, height, (0, 0, 255))[:-9], "bytes"),
    "of another size": (lambda width, height: filled_bmp(31, 30, (0, 0, 255)), "31 x 30"),
    "nucleus throughout": (
        lambda width, height: bmp(width, height, pixels=ALL_NUCLEUS * ((width * 3 + 3) // 4 * 4 * height)),
        "one that fills it",
    ),
    "without nucleus": (lambda width, height: filled_bmp(width, height, (255, 0, 0)), "nucleus pixels"),
    "header of 2^30 x 2^30": (lambda width, height: bmp(20, 20, claim=HUGE), "claims 1073741824 x 1073741824"),
}


@pytest.mark.parametrize("kind", WRONG_IMAGES)
def test_a_wrong_image_is_named(set_of_cells, kind):
    root, image, _ = set_of_cells
    data, found = WRONG_IMAGES[kind]
    image.write_bytes(data)
    with pytest.raises(UserError) as caught:
        open_dataset(root)
    assert caught.value.where == str(image)
    assert found in caught.value.found
    with pytest.raises(UserError):
        read_image(image)


@pytest.mark.parametrize("kind", WRONG_MASKS)
def test_a_wrong_mask_is_named(set_of_cells, kind):
    root, image, mask = set_of_cells
    data, found = WRONG_MASKS[kind]
    height, width = image_size(image)
    mask.write_bytes(data(width, height))
    with pytest.raises(UserError) as caught:
        open_dataset(root)
    assert caught.value.where == str(mask)
    assert found in str(caught.value)


def test_a_transparent_colour_counts_only_where_a_pixel_has_it(tmp_path):
    """A PNG's tRNS chunk names one colour as transparent."""
    pixels = np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)
    image = Image.fromarray(pixels[..., ::-1].copy())
    image.save(tmp_path / "unused.png", transparency=(1, 2, 3))
    image.save(tmp_path / "used.png", transparency=image.getpixel((4, 5)))
    assert (read_image(tmp_path / "unused.png") == pixels).all()
    with pytest.raises(UserError, match="an alpha channel that is not opaque"):
        read_image(tmp_path / "used.png")


def test_a_path_without_a_file_is_named(tmp_path):
    (tmp_path / "a.png").write_bytes(b"x")
    for path in (tmp_path / "none.png", tmp_path, tmp_path / "a.png/b.png", tmp_path / ("x" * 300)):
        with pytest.raises(UserError) as caught:
            read_image(path)
        assert caught.value.where == str(path)


def test_files_too_many_or_too_few_are_named(set_of_cells):
    root, image, mask = set_of_cells

    def is_named(path):
        with pytest.raises(UserError) as caught:
            open_dataset(root)
        assert caught.value.where == str(path)

    for gone, named in ((mask, image), (image, mask)):
        gone.rename(root.parent / "aside")
        is_named(named)
        (root.parent / "aside").rename(gone)
    for name in ("148000000-148000000-999-d.bmp", "notes.txt", "148.png"):
        shutil.copy(mask, mask.with_name(name))
        is_named(mask.with_name(name))
        mask.with_name(name).unlink()
    (root / "moderate").mkdir()
    is_named(root / "moderate")
    (root / "moderate").rmdir()
    twin = root / "severe_dysplastic" / image.name  # the same stem in two class folders
    shutil.copy(image, twin)
    shutil.copy(mask, twin.with_name(mask.name))
    is_named(twin)


def test_the_tool_names_a_wrong_image_and_writes_nothing(set_of_cells, place, refused):
    root, image, _ = set_of_cells
    image.write_bytes(WRONG_IMAGES["cut in its pixels"][0])
    line = refused(place, "build_lmdb", "--fold", "0", "--profile", "smallest", herlev=root)
    assert str(image) in line
    assert not list(place.rglob("*.mdb")) and not leftovers(place)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_image_that_changed_since_it_was_read_stops_the_workers(set_of_cells, tmp_path, workers):
    root, image, _ = set_of_cells
    dataset = open_dataset(root)
    image.write_bytes(WRONG_IMAGES["cut in its pixels"][0])
    with pytest.raises(UserError) as caught, cut_regions(dataset.cells, tmp_path, workers, REACH):
        pass
    assert caught.value.where == str(image)


def test_a_sparse_file_of_a_terabyte_is_not_read(tmp_path):
    path = tmp_path / "huge.BMP"
    path.write_bytes(bmp(20, 20))
    with path.open("r+b") as file:
        file.truncate(1 << 40)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for read in (read_image, image_size):
        with pytest.raises(UserError, match="1,099,511,627,776 bytes"):
            read(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000
