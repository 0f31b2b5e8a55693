"""tools/screen.py as a user runs it: everything it writes, what it refuses, and how it goes on where it was cut off."""

import csv
import json
import re
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from deeppap.io.errors import UserError
from deeppap.phantom.field import field_of
from deeppap.scoring.trained_model import TrainedModel
from deeppap.screening.screen_images import run_here, screen_images
from deeppap.screening.slides.open_slide import OURS
from tests.support.checkout import run_tool, tool_environment
from tests.support.screening import MPP, settings_for, spoil_segment, write_tiff

parquet = pytest.importorskip("pyarrow.parquet", reason="make slides")
CONFIDENCE = 0.2
FILES = {"cells.geojson", "worst.geojson", "overlay.png"}


@pytest.fixture(scope="module")
def pixels():
    return field_of(7, 0, 14, (520, 700))[0][..., ::-1].copy()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, pixels):
    """A field, and a bare one, in which there is no nucleus."""
    where = tmp_path_factory.mktemp("fields") / "fields"
    where.mkdir()
    cv2.imwrite(str(where / "field.png"), pixels)
    cv2.imwrite(str(where / "bare.png"), np.full((300, 300, 3), 230, np.uint8))
    return where


@pytest.fixture(scope="module")
def options(evaluated_fold):
    words = ["--net", evaluated_fold, "--training-mpp", MPP, "--gpu", "none", "--views", 1, "--tile", 256]
    return [*words, "--confidence", CONFIDENCE]


@pytest.fixture(scope="module")
def screened(checkout, folder, options):
    done = run_tool(checkout, "screen", folder, "--mpp", MPP, *options, "--out", "screen/all")
    return checkout / "screen/all", done


def rows_of(out):
    with (out / "cells.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_everything_is_written_and_nothing_else(screened):
    out, done = screened
    assert {path.name for path in out.iterdir()} == {*OURS, ".lock", "field", "bare"} - {"parts"}
    assert {path.name for path in (out / "field").iterdir()} == FILES | {"gallery.html"}
    assert "not a medical device; every cell, sorted by score: screen/all/gallery.html" in done.stdout
    rows = rows_of(out)
    assert f"field.png: {len(rows)} cells" in done.stdout
    assert "bare.png: 0 cells, 0 with" in done.stdout


def test_every_file_tells_of_the_same_cells(screened, pixels):
    out, _ = screened
    rows = rows_of(out)
    assert 5 < len(rows) < 25
    assert {row["image"] for row in rows} == {"field.png"}
    assert len({(row["x"], row["y"]) for row in rows}) == len(rows)
    table = parquet.read_table(out / "cells.parquet").to_pylist()
    assert [f"{row['p_abnormal']:.6f}" for row in table] == [row["p_abnormal"] for row in rows]
    detections = json.loads((out / "field/cells.geojson").read_text())["features"]
    scores = [feature["properties"]["measurements"]["P(abnormal)"] for feature in detections]
    assert scores == pytest.approx([float(row["p_abnormal"]) for row in rows], abs=1e-6)
    assert {f["properties"]["objectType"] for f in detections} == {"detection"}
    worst = json.loads((out / "field/worst.geojson").read_text())["features"]
    assert {f["properties"]["objectType"] for f in worst} == {"annotation"}
    assert [f["properties"]["measurements"]["P(abnormal)"] for f in worst] == sorted(scores, reverse=True)
    assert json.loads((out / "bare/cells.geojson").read_text())["features"] == []
    record = json.loads((out / "screen.json").read_text())
    assert [(image["image"], image["cells"]) for image in record["images"]] == [
        ("bare.png", 0),
        ("field.png", len(rows)),
    ]
    assert record["settings"]["device"]["engine"] == "caffe"
    assert cv2.imread(str(out / "field/overlay.png")).shape[1] == pixels.shape[1]


def test_cells_unlike_the_training_cells_are_marked_everywhere(screened, pixels, evaluated_fold):
    out, done = screened
    rows = rows_of(out)
    marked = [(row["x"], row["y"]) for row in rows if row["unlike_training"] == "yes"]
    assert {row["unlike_training"] for row in rows} <= {"yes", "no"}
    assert f"{len(marked)} of {len(rows)} cells" in done.stdout and "are unlike the net's training cells" in done.stdout
    table = parquet.read_table(out / "cells.parquet").to_pylist()
    assert [row["unlike_training"] for row in table] == [row["unlike_training"] for row in rows]
    detections = json.loads((out / "field/cells.geojson").read_text())["features"]
    apart = [feature["properties"]["measurements"]["Unlike training (1: the limit)"] for feature in detections]
    assert [value > 1 for value in apart] == [row["unlike_training"] == "yes" for row in rows]
    assert {i["image"]: i["unlike_training"] for i in json.loads((out / "screen.json").read_text())["images"]} == {
        "bare.png": None,
        "field.png": len(marked),
    }
    # the same places and views by the library, from whole pixels
    model = TrainedModel.open(evaluated_fold)
    inside = [k for k, r in enumerate(rows) if 65 < float(r["x"]) < 635 and 65 < float(r["y"]) < 455]
    alone = model.score(pixels, [(float(rows[k]["x"]), float(rows[k]["y"])) for k in inside], views=1, crops=1)
    assert inside and [s.unlike for s in alone] == pytest.approx([apart[k] for k in inside], abs=0.02)


def test_a_screening_that_cannot_compare_says_so(copy_of, evaluated_fold, folder, options):
    place, fold = copy_of(evaluated_fold, "known_cells.npz")
    words = [fold if word == evaluated_fold else word for word in options]
    done = run_tool(place, "screen", folder / "field.png", "--mpp", MPP, *words, "--out", "screen/out")
    assert "unlike_training: not told, since" in done.stderr and "unlike the net's" not in done.stdout
    assert {row["unlike_training"] for row in rows_of(place / "screen/out")} == {""}


def test_corrections_come_back(checkout, screened, folder, options):
    """What QuPath would hand back, with one nucleus moved and one removed, is scored in place of the detector's."""
    out, _ = screened
    corrected = json.loads((out / "field/cells.geojson").read_text())
    corrected["features"] = corrected["features"][1:]
    corrected["features"][0]["geometry"] = {"type": "Point", "coordinates": [100.5, 120.5]}
    path = checkout / "corrected.geojson"
    path.write_text(json.dumps(corrected))
    words = ("--mpp", MPP, "--nuclei", path, "--out", "screen/corrected")
    run_tool(checkout, "screen", folder / "field.png", *words, *options)
    found = {(row["x"], row["y"]): row for row in rows_of(checkout / "screen/corrected")}
    before = {(row["x"], row["y"]): row for row in rows_of(out)}
    assert len(found) == len(before) - 1
    assert found["100.00", "120.00"]["confidence"] == ""
    close = [np.hypot(float(x) - float(a), float(y) - float(b)) < 1.5 for x, y in found for a, b in before]
    assert sum(close) >= len(found) - 1
    csv_words = ("--mpp", MPP, "--nuclei", out / "cells.csv", "--out", "screen/again")
    run_tool(checkout, "screen", folder / "field.png", *csv_words, *options)
    again = {(row["x"], row["y"]): float(row["p_abnormal"]) for row in rows_of(checkout / "screen/again")}
    assert again == pytest.approx({place: float(row["p_abnormal"]) for place, row in before.items()}, abs=2e-5)


def test_the_same_command_gives_the_same_bytes(checkout, screened, folder, options):
    out, _ = screened
    run_tool(checkout, "screen", folder, "--mpp", MPP, *options, "--out", "screen/twice", "--gz")
    for name in ("cells.csv", "gallery.html", "field/overlay.png"):
        assert (checkout / "screen/twice" / name).read_bytes() == (out / name).read_bytes()
    assert (checkout / "screen/twice/field/cells.geojson.gz").exists()


def test_a_killed_call_is_continued(checkout, screened, folder, options, tmp_path):
    """SIGKILL once a part is there: no result has its name, and the same command does what is missing alone."""
    words = ["tools/screen.py", folder, "--mpp", MPP, *options, "--keep-parts", "--out", tmp_path / "out"]
    command = [sys.executable, *map(str, words)]
    process = subprocess.Popen(command, cwd=checkout, env=tool_environment(), stderr=subprocess.DEVNULL)
    parts = tmp_path / "out/parts"
    while process.poll() is None and not any(parts.glob("*.parquet")):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done_before = {path.name: path.stat().st_mtime_ns for path in parts.glob("*.parquet")}
    assert done_before
    assert not (tmp_path / "out/screen.json").exists()
    run_tool(checkout, "screen", *words[1:])
    kept = {path.name: path.stat().st_mtime_ns for path in parts.glob("*.parquet")}
    assert kept.items() >= done_before.items()
    assert (tmp_path / "out/cells.csv").read_bytes() == (screened[0] / "cells.csv").read_bytes()


def test_a_corrupt_tile_is_named_the_rest_kept_and_the_exit_status_says_so(
    checkout, screened, pixels, options, tmp_path
):
    path = write_tiff(tmp_path / "field.tif", pixels, tile=(128, 128), compression="deflate")
    spoil_segment(path, 0, 8)
    done = run_tool(checkout, "screen", path, *options, "--out", tmp_path / "out", status=3)
    assert "!! field.tif:" in done.stderr
    assert "256, 128" in done.stderr
    (image,) = json.loads((tmp_path / "out/screen.json").read_text())["images"]
    assert [(lost["x"], lost["y"]) for lost in image["unreadable"]] == [(256, 128)]
    assert 'class="warning">field.tif' in (tmp_path / "out/gallery.html").read_text()
    whole = {(row["x"], row["y"]) for row in rows_of(screened[0])}
    found = {(row["x"], row["y"]) for row in rows_of(tmp_path / "out")}
    far = {(x, y) for x, y in whole if not (100 < float(x) < 540 and float(y) < 410)}
    assert far <= found
    assert not any(256 <= float(x) < 384 and 128 <= float(y) < 256 for x, y in found)


def grey(folder):
    cv2.imwrite(str(folder / "bad.png"), np.full((300, 300), 200, np.uint8))


def small(folder):
    cv2.imwrite(str(folder / "bad.png"), np.full((100, 300, 3), 200, np.uint8))


def alpha(folder):
    cv2.imwrite(str(folder / "bad.png"), np.full((300, 300, 4), 200, np.uint8))


def empty(folder):
    (folder / "bad.png").touch()


def good(folder):
    cv2.imwrite(str(folder / "bad.png"), np.full((300, 300, 3), 200, np.uint8))


def outside(folder):
    good(folder)
    (folder / "n.csv").write_text("x,y\n5,5\n400,5\n")


@pytest.mark.parametrize(
    ("make", "given", "said"),
    [
        (good, {}, "an image that states its pixel size, found none. Give it with --mpp"),
        (good, {"mpp": 7}, "--mpp: expected 0.05 to 2 micrometres a pixel, found 7"),
        (grey, {"mpp": MPP}, "a colour image for a net of colour, found a grey one"),
        (small, {"mpp": MPP}, "a field of at least 128 x 128 pixels of 0.201 um, found 300 x 100"),
        (alpha, {"mpp": MPP}, "one of them transparency"),
        (empty, {"mpp": MPP}, "0 bytes that cannot be decoded"),
        (outside, {"mpp": MPP, "nuclei": "n.csv"}, "line 3: expected a nucleus inside the image of 300 x 300"),
        (good, {"mpp": MPP, "nuclei": "none.geojson"}, "No such file"),
    ],
)
def test_an_image_that_cannot_be_screened_leaves_nothing(trained_fold, tmp_path, make, given, said):
    make(tmp_path)
    nuclei = tmp_path / given["nuclei"] if "nuclei" in given else None
    settings = settings_for(trained_fold)
    with pytest.raises(UserError, match=re.escape(said)):
        screen_images([tmp_path / "bad.png"], tmp_path / "out", settings, given.get("mpp"), nuclei)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"detector": "magic"}, "one of threshold, fcn, found magic"),
        ({"detector": "fcn"}, "the nucleus net's .caffemodel, found none"),
        ({"confidence": 1.5}, "a number from 0 to 1"),
        ({"views": 0}, "--views: expected 1 to 100"),
        ({"crops": 11}, "--crops: expected 1 to 10"),
        ({"training_mpp": 9}, "--training-mpp: expected 0.05 to 2"),
        ({"training_mpp": None}, "Give it with --training-mpp"),
    ],
)
def test_settings_that_make_no_sense_are_refused(trained_fold, given, said):
    with pytest.raises(UserError, match=re.escape(said)):
        settings_for(trained_fold, **given)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--mpp", MPP, "--tile", 10], "--tile: expected 256 to 4096"),
        (["--mpp", MPP, "--shown", 0], "--shown: expected 1 to 5000"),
        ([], "Give it with --mpp"),
    ],
)
def test_the_tool_says_it_in_one_line(checkout, options, tmp_path, words, said):
    good(tmp_path)
    done = run_tool(checkout, "screen", tmp_path / "bad.png", *options, *words, "--out", tmp_path / "out", status=2)
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_grey_is_scored_where_that_is_asked_for(trained_fold, pixels, tmp_path):
    cv2.imwrite(str(tmp_path / "grey.png"), cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY))
    settings = settings_for(trained_fold, confidence=CONFIDENCE, grey_as_colour=True)
    (result,) = screen_images([tmp_path / "grey.png"], tmp_path / "out", settings, MPP)
    assert result.cells == len(rows_of(tmp_path / "out")) > 0


def test_what_runs_tiles_may_give_some_up(trained_fold, pixels, tmp_path):
    """The hook that runs them elsewhere: all missing tiles of all images at once, and those given up are named."""
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), pixels)
    images, settings = [tmp_path / "a.png", tmp_path / "b.png"], settings_for(trained_fold, tile=256)
    seen = []

    def run(pairs, done):
        seen.append(len(pairs))
        run_here(pairs[1:], done)
        return {pairs[0]: "its worker died"}

    first, second = screen_images(images, tmp_path / "out", settings, MPP, run=run)
    assert list(first.undone.values()) == ["its worker died"]
    assert not second.undone
    assert "were not screened: its worker died; the same command tries again" in " ".join(first.lines())
    first, _ = screen_images(
        images, tmp_path / "out", settings, MPP, run=lambda p, d: seen.append(len(p)) or run_here(p, d)
    )
    assert seen == [18, 1]
    assert (first.undone, first.cells) == ({}, second.cells)
    assert not (tmp_path / "out/parts").exists()
