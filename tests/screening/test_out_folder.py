"""The folder of results: one call's alone, and nothing in it that we did not write is touched."""

import json
import re

import cv2
import numpy as np
import pytest

from deeppap.io.errors import UserError
from deeppap.screening.out_folder import require_nothing_overwritten
from deeppap.screening.screen_images import screen_images
from tests.support.screening import MPP, settings_for, write_tiff

pytest.importorskip("pyarrow.parquet", reason="make slides")


@pytest.fixture
def settings(trained_fold):
    return settings_for(trained_fold)


@pytest.fixture
def images(tmp_path):
    """Three fields without a nucleus, each another shade."""
    paths = [tmp_path / f"{name}.png" for name in "abc"]
    for shade, path in enumerate(paths):
        cv2.imwrite(str(path), np.full((300, 300, 3), 225 + shade, np.uint8))
    return paths


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


def test_files_of_ones_own_stay(settings, images, tmp_path):
    """Results beside the images, in a folder with a `parts` of somebody's own."""
    (tmp_path / "parts/older_nuclei").mkdir(parents=True)
    mine = [tmp_path / "parts/thesis.docx", tmp_path / "parts/older_nuclei/notes.txt", tmp_path / "a/cells.txt"]
    mine[2].parent.mkdir()
    for path in mine:
        path.write_text("mine")
    orphan = tmp_path / f"parts/a_{'0' * 16}_x0_y0.parquet"
    orphan.write_text("left by an older call")
    screen_images(images[:1], tmp_path, settings, MPP)
    # a part of other options waits for its call: what is finished is not done again
    assert all(path.read_text() == "mine" for path in mine) and orphan.exists()
    assert len(list((tmp_path / "parts").glob("*.parquet"))) == 1


def test_no_older_result_stands_beside_a_new_one(settings, images, tmp_path):
    out = tmp_path / "out"
    screen_images(images, out, settings, MPP, packed=True)
    assert {"a/cells.geojson.gz", "b/gallery.html", "summary.html"} <= files(out)
    (out / "b/mine.txt").touch()
    screen_images(images, out, settings, MPP)
    assert "a/cells.geojson" in files(out) and "b/mine.txt" in files(out)
    assert not [name for name in files(out) if name.endswith(".gz")]


def test_no_image_of_an_older_call_is_lost(settings, images, tmp_path):
    out = tmp_path / "out"
    screen_images(images[:2], out, settings, MPP)
    before = files(out)
    for fewer in (images[:1], images[1:]):
        with pytest.raises(UserError, match="found results of [ab].png, another image"):
            screen_images(fewer, out, settings, MPP)
    assert files(out) == before
    screen_images(images, out, settings, MPP)
    assert before < files(out)


def test_results_of_other_images_are_not_replaced(settings, images, tmp_path):
    out = tmp_path / "out"
    screen_images(images[:2], out, settings, MPP)
    before = (out / "screen.json").read_bytes()
    with pytest.raises(UserError, match="found results of a.png, another image"):
        screen_images(images[2:], out, settings, MPP)
    assert (out / "screen.json").read_bytes() == before
    cv2.imwrite(str(images[0]), np.full((300, 300, 3), 201, np.uint8))  # another picture of the same name
    with pytest.raises(UserError, match="another image"):
        screen_images(images[:1], out, settings, MPP)
    screen_images(images, out, settings, MPP)  # one of them is the same
    found = json.loads((out / "screen.json").read_text())["images"]
    assert [image["image"] for image in found] == ["a.png", "b.png", "c.png"]


@pytest.mark.parametrize("name", ["cells.csv", "gallery.html"])
def test_a_file_of_that_name_that_no_screening_wrote_is_refused(settings, images, tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(UserError, match="a file without screen.json"):
        screen_images(images[:1], tmp_path, settings, MPP)
    assert (tmp_path / name).read_text() == "mine"


@pytest.mark.parametrize("name", ["cells.csv", "a/cells.geojson"])
def test_no_result_replaces_what_is_read(settings, images, tmp_path, name):
    out = tmp_path / "out"
    screen_images(images[:1], out, settings, MPP)
    before = (out / name).read_bytes()
    with pytest.raises(UserError, match=re.escape("one of the results in")):
        screen_images(images[:1], out, settings, MPP, nuclei=out / name)
    assert (out / name).read_bytes() == before


def test_a_call_that_was_cut_off_while_it_wrote_goes_on(settings, images, tmp_path):
    out = tmp_path / "out"
    screen_images(images[:1], out, settings, MPP, keep_parts=True)
    (out / "screen.json").unlink()
    screen_images(images[:1], out, settings, MPP)
    assert (out / "screen.json").exists() and not (out / "parts").exists()


def test_given_nuclei_are_named_in_every_place(settings, images, tmp_path):
    (tmp_path / "mine.csv").write_text("x,y\n150,150\n")
    (result,) = screen_images(images[:1], tmp_path / "out", settings, MPP, tmp_path / "mine.csv")
    assert result.lines()[0].startswith("a.png: 1 cells at the nuclei of mine.csv, ")
    record = json.loads((tmp_path / "out/screen.json").read_text())
    assert record["settings"]["detector"] is None
    given = record["images"][0]["given_nuclei"]
    assert given["file"] == "mine.csv" and len(given["sha256"]) == 60
    assert "at the nuclei of mine.csv, none detected here" in (tmp_path / "out/gallery.html").read_text()
    (result,) = screen_images(images[:1], tmp_path / "detected", settings, MPP)
    record = json.loads((tmp_path / "detected/screen.json").read_text())
    assert (record["settings"]["detector"], record["images"][0]["given_nuclei"]) == ("threshold", None)


def test_results_do_not_go_among_a_slides_own_data(tmp_path):
    (tmp_path / "slide.mrxs").touch()
    with pytest.raises(UserError, match="found the slide's own data"):
        require_nothing_overwritten(tmp_path, [tmp_path / "slide.mrxs"], None)
    require_nothing_overwritten(tmp_path / "out", [tmp_path / "slide.mrxs"], None)


def test_a_pixel_size_that_contradicts_a_file_is_told_or_refused(settings, tmp_path):
    said, slides = [], [tmp_path / f"{name}.tif" for name in "ab"]
    for path in slides:
        write_tiff(path, np.full((300, 300, 3), 225, np.uint8), mpp=0.5)
    screen_images(slides[:1], tmp_path / "one", settings, MPP, say=said.append)
    assert said == [f"!! {slides[0]}: the file states 0.5 um a pixel; --mpp 0.201 takes its place !!"]
    with pytest.raises(UserError, match="--mpp: expected the pixel size that each file states"):
        screen_images(slides, tmp_path / "both", settings, MPP)
    screen_images(slides, tmp_path / "both", settings, 0.501)
