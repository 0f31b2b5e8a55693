"""Images and masks that are wrong in every way known: each is named, none is skipped."""

import resource
import shutil
import struct
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from data_prep.dataset import open_dataset
from data_prep.herlev import read_herlev
from data_prep.herlev_classes import CLASSES
from data_prep.nucleus import centroid
from deeppap.io.errors import UserError
from deeppap.io.image_file import image_size, read_image
from tests.support.checkout import ROOT, run_tool
from tests.support.fault_tools import bmp, filled_bmp, leftovers

BUILD = ("--fold", "0", "--profile", "smallest", "--workers", "1")
HUGE = (2**30, 2**30)


@pytest.fixture
def set_of_cells(phantom, tmp_path):
    """A copy of the phantom and one image and mask in it."""
    root = tmp_path / "cells"
    shutil.copytree(phantom, root)
    mask = sorted((root / "light_dysplastic").glob("*-d.bmp"))[3]
    return root, mask.with_name(mask.name.replace("-d.bmp", ".BMP")), mask


def encoded(suffix, image):
    return cv2.imencode(suffix, image)[1].tobytes()


GREY16 = np.zeros((20, 20), np.uint16)
WRONG_IMAGES = {
    "empty": (b"", "an empty file"),
    "cut in its header": (bmp(20, 20)[:24], "cut short"),
    "cut in its pixels": (bmp(20, 20)[:-50], "1204"),
    "wrong magic": (b"XX" + bmp(20, 20)[2:], "cannot be decoded"),
    "text": (b"not an image\n", "cannot be decoded"),
    "palette": (bmp(20, 20, 8), "a palette image"),
    "16 bits a pixel": (bmp(20, 20, 16), "16 bits a pixel"),
    "alpha": (bmp(20, 20, 32), "32 bits a pixel"),
    "grey PNG": (encoded(".png", np.zeros((20, 20), np.uint8)), "8 bits a pixel"),
    "16-bit PNG": (encoded(".png", GREY16), "16 bits a pixel"),
    "RGBA PNG": (
        encoded(".png", np.zeros((20, 20, 4), np.uint8)),
        "32 bits a pixel, with an alpha channel that is not",
    ),
    "16-bit RGBA PNG": (encoded(".png", np.full((20, 20, 4), 65535, np.uint16)), "64 bits a pixel"),
    "RGBA TIFF": (encoded(".tiff", np.zeros((20, 20, 4), np.uint8)), "an alpha channel that is not opaque"),
    "grey TIFF": (encoded(".tiff", np.zeros((20, 20), np.uint8)), "1 channel(s)"),
    "16-bit TIFF": (encoded(".tiff", np.zeros((20, 20, 3), np.uint16)), "16 bits"),
    "header of 2^30 x 2^30": (bmp(20, 20, claim=HUGE), "claims 1073741824 x 1073741824"),
    "header of height -2^31": (bmp(20, 20, claim=(20, -(2**31))), "claims"),
    "header of width -20": (bmp(20, 20, claim=(-20, 20)), "claims -20"),
    "header of no pixels": (bmp(20, 20, claim=(0, 20)), "claims 0 x 20"),
}


@pytest.mark.parametrize("kind", WRONG_IMAGES)
def test_a_wrong_image_is_named_by_the_reader(set_of_cells, kind):
    root, image, _ = set_of_cells
    data, found = WRONG_IMAGES[kind]
    image.write_bytes(data)
    with pytest.raises(UserError) as caught:
        open_dataset(root)
    assert caught.value.where == str(image)
    assert found in caught.value.found
    with pytest.raises(UserError):
        read_image(image)


def with_alpha(alpha):
    image = np.random.default_rng(1).integers(0, 256, (20, 30, 4), np.uint8)
    image[..., 3] = alpha
    return image


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_an_alpha_channel_that_hides_nothing_is_dropped(tmp_path, suffix):
    image, path = with_alpha(255), tmp_path / f"a{suffix}"
    path.write_bytes(encoded(suffix, image))
    assert (read_image(path) == image[..., :3]).all() and read_image(path).flags["C_CONTIGUOUS"]
    assert image_size(path) == (20, 30)
    image[7, 9, 3] = 254  # one pixel, and hardly
    path.write_bytes(encoded(suffix, image))
    for read in (read_image, image_size):
        with pytest.raises(UserError, match="an alpha channel that is not opaque"):
            read(path)


def test_a_transparent_colour_is_an_alpha_channel(tmp_path):
    """A PNG's tRNS names one colour as transparent: harmless where no pixel has it."""
    image = Image.fromarray(with_alpha(255)[..., :3][..., ::-1].copy())
    image.save(tmp_path / "unused.png", transparency=(1, 2, 3))
    image.save(tmp_path / "used.png", transparency=image.getpixel((4, 5)))
    assert (read_image(tmp_path / "unused.png") == with_alpha(255)[..., :3]).all()
    with pytest.raises(UserError, match="an alpha channel that is not opaque"):
        read_image(tmp_path / "used.png")


def test_the_fourth_channel_of_cmyk_is_no_alpha(tmp_path):
    """OpenCV makes colours of CMYK by a rule of thumb, and an opaque alpha channel."""
    Image.fromarray(with_alpha(255)[..., :3].copy()).convert("CMYK").save(tmp_path / "a.tiff")
    assert (cv2.imread(str(tmp_path / "a.tiff"), cv2.IMREAD_UNCHANGED)[..., 3] == 255).all()
    with pytest.raises(UserError, match=r"found 4 channel\(s\) of 8 bits"):
        read_image(tmp_path / "a.tiff")


def test_a_missing_file_is_a_matter_of_its_path(tmp_path):
    (tmp_path / "a.png").write_bytes(b"x")
    for path in (tmp_path / "none.png", tmp_path, tmp_path / "a.png/b.png", tmp_path / ("x" * 300)):
        with pytest.raises(UserError, match=r"Check the path\.$"):
            read_image(path)


WRONG_MASKS = {
    "empty": (b"", "an empty file"),
    "cut": (lambda width, height: filled_bmp(width, height, (0, 0, 255))[:-9], "bytes of a"),
    "of another size": (filled_bmp(31, 30, (0, 0, 255)), "31 x 30"),
    "nucleus throughout": (
        lambda width, height: bmp(width, height, pixels=b"\xff" * ((width * 3 + 3) // 4 * 4 * height)),
        "one that fills it",
    ),
    "without nucleus": (lambda width, height: filled_bmp(width, height, (255, 0, 0)), "nucleus pixels"),
    "header of 2^30 x 2^30": (bmp(20, 20, claim=HUGE), "claims 1073741824 x 1073741824"),
}


@pytest.mark.parametrize("kind", WRONG_MASKS)
def test_a_wrong_mask_is_named(set_of_cells, kind):
    root, image, mask = set_of_cells
    data, found = WRONG_MASKS[kind]
    height, width = image_size(image)
    mask.write_bytes(data(width, height) if callable(data) else data)
    with pytest.raises(UserError) as caught:
        open_dataset(root)
    assert caught.value.where == str(mask)
    assert found in str(caught.value)


def test_files_too_many_or_too_few_are_named(set_of_cells):
    root, image, mask = set_of_cells
    aside = root.parent / "aside"

    def says(where, words):
        with pytest.raises(UserError) as caught:
            open_dataset(root)
        assert caught.value.where == str(where) and words in str(caught.value)

    mask.rename(aside)
    says(image, "its mask")
    aside.rename(mask)
    image.rename(aside)
    says(mask, "its image")
    aside.rename(image)
    extra = mask.with_name("148000000-148000000-999-d.bmp")
    shutil.copy(mask, extra)
    says(extra, "its image")
    extra.unlink()
    for name in ("notes.txt", "148.png"):
        (image.parent / name).write_bytes(b"x")
        says(image.parent / name, "Move it away")
        (image.parent / name).unlink()
    (root / "moderate").mkdir()
    says(root / "moderate", "only the class folders")
    (root / "moderate").rmdir()
    twin = root / "severe_dysplastic" / image.name
    shutil.copy(image, twin), shutil.copy(mask, twin.with_name(mask.name))
    says(twin, "a stem of its own")
    for path in (twin, twin.with_name(mask.name)):
        path.unlink()
    assert len(open_dataset(root).cells) == 40


@pytest.fixture(scope="module")
def full_set(tmp_path_factory):
    """917 cells of 6 x 6 pixels in Herlev's shape, and no word that it is a drawing."""
    root = tmp_path_factory.mktemp("full") / "herlev"
    image, mask = bmp(6, 6), filled_bmp(6, 6, (0, 0, 255))
    for number, known in enumerate(CLASSES):
        (root / known.folder).mkdir(parents=True)
        for index in range(known.count):
            stem = root / known.folder / f"{number}{index // 3:03d}-{index:03d}-001"
            stem.with_name(f"{stem.name}.BMP").write_bytes(image)
            stem.with_name(f"{stem.name}-d.bmp").write_bytes(mask)
    return root


@pytest.mark.parametrize("change", [-1, 0, 1])
def test_917_cells_and_no_other_number(full_set, tmp_path, change):
    root = tmp_path / "herlev"
    shutil.copytree(full_set, root)
    folder = root / "carcinoma_in_situ"
    pair = sorted(folder.iterdir())[:2]
    for path in pair:
        if change < 0:
            path.unlink()
        if change > 0:
            shutil.copy(path, folder / f"9-{path.name}")
    if not change:
        assert len(read_herlev(root).cells) == 917
        folder.rename(tmp_path / "aside")
        with pytest.raises(UserError, match="class folders carcinoma_in_situ"):
            read_herlev(root)
        return
    with pytest.raises(UserError) as caught:
        read_herlev(root)
    assert caught.value.where == str(folder)
    assert f"{150 + change} (1 {'missing' if change < 0 else 'too many'})" in str(caught.value)
    assert len(read_herlev(root, allow_partial=True).cells) == 917 + change


@pytest.mark.parametrize("kind", ["cut in its pixels", "header of 2^30 x 2^30"])
def test_the_tool_says_so_in_one_line_and_then_works(set_of_cells, place, refused, kind):
    root, image, _ = set_of_cells
    whole = image.read_bytes()
    image.write_bytes(WRONG_IMAGES[kind][0])
    line = refused(place, "build_lmdb", *BUILD, herlev=root)
    assert str(image) in line
    assert not list(place.rglob("*.mdb")) and not leftovers(place)
    image.write_bytes(whole)
    run_tool(place, "build_lmdb", *BUILD, herlev=root)


def test_an_image_that_goes_bad_after_it_was_read_stops_the_workers(set_of_cells, place, monkeypatch):
    """Rendered in another process: its error arrives in ours, by name."""
    root, image, _ = set_of_cells
    dataset = open_dataset(root)
    image.write_bytes(bmp(20, 20)[:-50])
    from data_prep.patch_lmdb import Source, write_patch_lmdb
    from data_prep.views import Grid

    grids = dict.fromkeys((0, 1), Grid(1, 1))
    labels = [cell.label for cell in dataset.cells]
    source = Source(dataset.cells, labels, "train", grids, dict.fromkeys((0, 1), range(1)), 1, "raw")
    for workers in (1, 2):
        with pytest.raises(UserError) as caught:
            write_patch_lmdb(place / f"lmdb{workers}", source, True, workers)
        assert caught.value.where == str(image)


BOMB = """
import resource, sys
from pathlib import Path
from deeppap.io.errors import UserError
from deeppap.io.image_file import read_image
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_image(Path(sys.argv[1]))
except UserError as error:
    print(error)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("suffix", [".jpg", ".tiff", ".png", ".BMP"])
def test_an_absurd_size_takes_no_memory(tmp_path, suffix):
    path = tmp_path / f"bomb{suffix}"
    data = bytearray(encoded(suffix.lower(), np.zeros((20, 20, 3), np.uint8)))
    if suffix == ".jpg":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", 30_000, 30_000)
    elif suffix == ".png":
        data[16:24] = struct.pack(">II", *HUGE)
    elif suffix == ".BMP":
        data[18:26] = struct.pack("<ii", *HUGE)
    else:
        directory = struct.unpack_from("<I", data, 4)[0]
        for entry in range(directory + 2, len(data) - 12, 12):
            if struct.unpack_from("<H", data, entry)[0] in (256, 257):  # width, height
                struct.pack_into("<HHII", data, entry, struct.unpack_from("<H", data, entry)[0], 4, 1, 30_000)
    path.write_bytes(data)
    done = subprocess.run([sys.executable, "-c", BOMB, path], cwd=ROOT, capture_output=True, text=True)
    line, grown = done.stdout.splitlines()
    assert str(path) in line
    assert int(grown) < 50_000, "kB of memory taken for a damaged header"


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


def test_a_centre_needs_a_mask_of_its_images_size(tmp_path):
    (tmp_path / "m.bmp").write_bytes(filled_bmp(30, 20, (0, 0, 255)))
    assert centroid(tmp_path / "m.bmp", (20, 30)) == (14.5, 10)
    with pytest.raises(UserError, match="its image's size 20 x 30, found 30 x 20"):
        centroid(tmp_path / "m.bmp", (30, 20))
