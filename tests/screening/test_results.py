"""The folder of results: one call's alone, and nothing in it that we did not write is touched."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from data_prep.image_hashes import IMAGES, SOURCE_IMAGES, pixel_sha256
from deeppap.io.errors import UserError
from deeppap.screening import results, screen_tile
from deeppap.screening import screen_images as screen_images_module
from deeppap.screening.outputs.pages import trained_text
from deeppap.screening.results import Outputs, ScreenRecord, require_nothing_overwritten, write_results
from deeppap.screening.screen_images import plan_images, run_here, screen_images
from tests.support.pictures import plain
from tests.support.screening import MPP, settings_for, write_tiff

pytest.importorskip("pyarrow.parquet", reason="make slides")


@pytest.fixture(scope="module")
def settings(trained_fold):
    return settings_for(trained_fold)


@pytest.fixture
def images(tmp_path):
    """Three fields without a nucleus, of another shade each."""
    paths = [tmp_path / f"{name}.png" for name in "abc"]
    for shade, path in enumerate(paths):
        cv2.imwrite(str(path), plain((300, 300, 3), 225 + shade))
    return paths


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name[0] != "."}


def test_files_of_the_user_stay(settings, images, tmp_path):
    """Results beside the images, in a folder with a `parts` of somebody's own."""
    (tmp_path / "parts/older_nuclei").mkdir(parents=True)
    mine = [tmp_path / "parts/thesis.docx", tmp_path / "parts/older_nuclei/notes.txt", tmp_path / "a/cells.txt"]
    mine[2].parent.mkdir()
    for path in mine:
        path.write_text("mine")
    orphan = tmp_path / f"parts/a_{'0' * 16}_x0_y0.parquet"
    orphan.write_text("of other settings, whose call may go on later")
    screen_images(images[:1], tmp_path, settings, MPP)
    assert all(path.read_text() == "mine" for path in mine) and orphan.exists()
    assert len(list((tmp_path / "parts").glob("*.parquet"))) == 1


def test_older_results_are_removed(settings, images, tmp_path):
    out = tmp_path / "out"
    screen_images(images, out, settings, MPP, outputs=Outputs(gzipped=True))
    assert {"a/cells.geojson.gz", "b/gallery.html", "summary.html"} <= files(out)
    (out / "b/mine.txt").touch()
    screen_images(images, out, settings, MPP)
    assert {"a/cells.geojson", "b/mine.txt"} <= files(out)
    assert not [name for name in files(out) if name.endswith(".gz")]


def test_each_gallery_leads_to_the_pages_of_all_images_and_back(settings, images, tmp_path):
    screen_images(images[:2], tmp_path, settings, MPP)
    leads = {"gallery.html": ["summary.html"], "summary.html": ["gallery.html", "a/gallery.html", "b/gallery.html"]}
    for name in ("a", "b"):
        leads[f"{name}/gallery.html"] = ["../summary.html", "../gallery.html"]
    for page, links in leads.items():
        assert re.findall('<a href="(.*?)"', (tmp_path / page).read_text()) == links
        assert all((tmp_path / page).parent.joinpath(link).is_file() for link in links)
    screen_images(images[:1], tmp_path / "one", settings, MPP)
    assert "<a href" not in (tmp_path / "one/gallery.html").read_text()


def test_results_of_other_images_are_not_lost(settings, images, tmp_path):
    out = tmp_path / "out"
    screen_images(images[:2], out, settings, MPP)
    before = (out / "screen.json").read_bytes()
    for others in (images[:1], images[1:2], images[2:]):
        with pytest.raises(UserError, match="found results of [ab].png, another image"):
            screen_images(others, out, settings, MPP)
    cv2.imwrite(str(images[0]), plain((300, 300, 3), 201))  # another picture of the same name
    with pytest.raises(UserError, match="another image"):
        screen_images(images[:1], out, settings, MPP)
    assert (out / "screen.json").read_bytes() == before
    screen_images(images, out, settings, MPP)  # one of them is the same
    assert [result.image for result in ScreenRecord.read(out).images] == ["a.png", "b.png", "c.png"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"weights_sha": "0" * 64}, f"net {'0' * 12}, found .* net "),
        ({"confidence": 0.9}, "another detector, confidence or list"),
        ({"threshold": 0.9}, "results at threshold 0.9"),
        ({"threshold": 0.339997}, "results at threshold 0.34,"),
        ({"threshold": 0.500001}, "results at threshold 0.500001, found those at threshold 0.5"),
    ],
)
def test_results_of_other_settings_are_replaced_only_if_asked(settings, images, tmp_path, changed, said):
    out, other = tmp_path / "out", replace(settings, **changed)
    screen_images(images[:1], out, settings, MPP)
    before = files(out), (out / "screen.json").read_bytes()
    with pytest.raises(UserError, match=f"{said}.*`overwrite`"):
        screen_images(images[:1], out, other, MPP)
    assert (files(out), (out / "screen.json").read_bytes()) == before
    screen_images(images[:1], out, other, MPP, overwrite=True)
    assert ScreenRecord.read(out).settings == other


@pytest.mark.parametrize("name", ["cells.csv", "a/cells.geojson"])
def test_file_that_is_read_is_not_replaced(settings, images, tmp_path, name):
    out = tmp_path / "out"
    screen_images(images[:1], out, settings, MPP)
    before = (out / name).read_bytes()
    with pytest.raises(UserError, match="one of the results in"):
        screen_images(images[:1], out, settings, MPP, nuclei=out / name)
    assert (out / name).read_bytes() == before


def test_results_do_not_go_among_a_slides_own_data(tmp_path):
    (tmp_path / "slide.mrxs").touch()
    with pytest.raises(UserError, match="the slide's own data"):
        require_nothing_overwritten(tmp_path, [tmp_path / "slide.mrxs"], None)
    require_nothing_overwritten(tmp_path / "out", [tmp_path / "slide.mrxs"], None)


def test_given_nuclei_are_named(settings, images, tmp_path):
    (tmp_path / "mine.csv").write_text("x,y\n150,150\n")
    (result,) = screen_images(images[:1], tmp_path / "out", settings, MPP, tmp_path / "mine.csv")
    assert " at the nuclei of mine.csv: 1 cells" in result.line()
    assert "at the nuclei of mine.csv" in (tmp_path / "out/gallery.html").read_text()
    assert ScreenRecord.read(tmp_path / "out").images[0].given_nuclei == "mine.csv"
    assert not (tmp_path / "out/parts").exists()


def test_images_that_the_net_learned_from_are_named(settings, images, tmp_path):
    """By their pixels, whatever the file is called; those of the net that it was adapted from count too."""
    fold = tmp_path / "run/fold0"
    fold.mkdir(parents=True)
    again = tmp_path / "again.tif"
    write_tiff(again, cv2.imread(str(images[1])))
    for path, image in ((fold.parent / IMAGES, images[1]), (fold / SOURCE_IMAGES, images[2])):
        path.write_text(f"{pixel_sha256(cv2.imread(str(image)))}\n")
    said, known = [], replace(settings, folds=(str(fold),))
    work = plan_images([images[0], again, images[2]], tmp_path / "out", known, MPP, say=said.append)
    assert "2 of 3 images (again.tif, c.png)" in said.pop()
    assert [plan.trained for plan, _ in work] == [False, True, True]
    screen_images([again], tmp_path / "out", settings, MPP, say=said.append)
    line = trained_text(["a.png"], 1)[1:]
    assert line not in (tmp_path / "out/gallery.html").read_text() and line not in " ".join(said)
    plan, tiles = work[1]
    write_results(tmp_path / "out", [(plan, tiles)], failed=dict.fromkeys([(plan, tile) for tile in tiles], "-"))
    assert line in (tmp_path / "out/gallery.html").read_text()
    none = {(plan, tile): "-" for plan, tiles in work for tile in tiles}
    write_results(tmp_path / "all", work, failed=none)
    rows = (tmp_path / "all/summary.html").read_text().split("<tr>")[2:]
    assert ["the net learned from this image" in row for row in rows] == [False, True, True]


def test_pixel_size_that_contradicts_a_file(settings, tmp_path):
    said, slides = [], [tmp_path / f"{name}.tif" for name in "ab"]
    for path in slides:
        write_tiff(path, plain((300, 300, 3), 225), mpp=0.5)
    screen_images(slides[:1], tmp_path / "one", settings, MPP, say=said.append)
    assert "0.5 um" in said[0] and "0.201" in said[0]
    with pytest.raises(UserError, match="`mpp` 0.201, found 0.5 um"):
        screen_images(slides, tmp_path / "both", settings, MPP)
    screen_images(slides, tmp_path / "both", settings, 0.501)


def test_tiles_that_were_given_up_are_named_and_tried_again(settings, images, tmp_path):
    """All missing tiles of all images go to `run` at once."""
    seen = []

    def run(pairs, done):
        seen.append(len(pairs))
        run_here(pairs[1:], done)
        return {pairs[0]: "its worker died"}

    first, second = screen_images(images[:2], tmp_path / "out", settings, MPP, run=run)
    assert [tile.reason for tile in first.not_screened] == ["its worker died"]
    assert not second.not_screened
    assert "its worker died" in " ".join(first.warnings())
    record = json.loads((tmp_path / "out/screen.json").read_text())
    assert record["images"][0]["not_screened"][0]["box"] == [0, 0, 300, 300]
    again = screen_images(
        images[:2], tmp_path / "out", settings, MPP, run=lambda p, d: seen.append(len(p)) or run_here(p, d)
    )
    assert seen == [2, 1]
    assert not any(result.not_screened for result in again)
    assert not (tmp_path / "out/parts").exists()


def test_a_tile_without_end_is_named_and_all_else_is_done(settings, images, tmp_path, monkeypatch):
    monkeypatch.setattr("deeppap.screening.plan.SECONDS", 4)  # the other tiles need less on a busy machine too
    monkeypatch.setattr("deeppap.screening.plan.SECONDS_A_CROP", 0)
    real = screen_tile.cells_of

    def cells_of(plan, tile):
        while plan.name == "b.png":
            pass
        return real(plan, tile)

    monkeypatch.setattr(screen_tile, "cells_of", cells_of)
    results = screen_images(images, tmp_path / "out", settings, MPP)
    assert [len(result.not_screened) for result in results] == [0, 1, 0]
    assert "not done after 4 s" in results[1].not_screened[0].reason
    monkeypatch.undo()
    assert not any(result.not_screened for result in screen_images(images, tmp_path / "out", settings, MPP))


@pytest.mark.parametrize("moment", ["before", "during", "after", "between results"])
def test_an_image_that_is_replaced_meanwhile_is_refused_and_nothing_is_mixed(
    settings, images, tmp_path, monkeypatch, moment
):
    """Another picture of the same size under the same name, as a scanner's second export."""
    path, other = images[0], tmp_path / "other.png"
    cv2.imwrite(str(other), plain((300, 300, 3), 90))

    def after(function):
        def called(*words, **options):
            found = function(*words, **options)
            if other.exists():
                os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
                other.replace(path)
            return found

        return called

    where = {
        "before": (screen_images_module, "require_same_call"),
        "during": (screen_tile, "_score"),
        "after": (screen_tile, "write_part"),
        "between results": (results, "write_summary"),
    }[moment]
    monkeypatch.setattr(*where, after(getattr(*where)))
    (tmp_path / "nuclei.csv").write_text("x,y\n150,150\n")
    nuclei, names = (None, images) if moment == "between results" else (tmp_path / "nuclei.csv", images[:1])
    with pytest.raises(UserError, match="a.png: expected the file as it was when the screening was planned"):
        screen_images(names, tmp_path / "out", settings, MPP, nuclei)
    assert not other.exists()
    assert not [name for name in files(tmp_path / "out") if not name.startswith("parts/")]


def test_an_image_that_was_only_touched_is_the_same(settings, images, tmp_path, monkeypatch):
    real = screen_tile.cells_of

    def cells_of(plan, tile):
        images[0].touch()
        return real(plan, tile)

    monkeypatch.setattr(screen_tile, "cells_of", cells_of)
    assert screen_images(images[:1], tmp_path / "out", settings, MPP)


def test_nuclei_of_another_call_are_refused(settings, images, tmp_path, monkeypatch):
    """A worker may go on for a driver that has died while the next one writes its own nuclei."""
    (tmp_path / "nuclei.csv").write_text("x,y\n150,150\n")

    def cells_of(plan, tile, inner=screen_tile.cells_of):
        path = Path(plan.nuclei)
        path.write_bytes(path.read_bytes() + b" ")
        return inner(plan, tile)

    monkeypatch.setattr(screen_tile, "cells_of", cells_of)
    with pytest.raises(UserError, match="a_nuclei.parquet: .*as it was"):
        screen_images(images[:1], tmp_path / "out", settings, MPP, tmp_path / "nuclei.csv")
