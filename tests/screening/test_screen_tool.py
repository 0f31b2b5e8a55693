"""tools/screen.py as a user runs it: everything it writes, what it refuses, how a killed call is continued."""

import csv
import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from deeppap.io.errors import FieldError, ListError, UserError
from deeppap.io.own_files import LIST
from deeppap.phantom.field import field_of
from deeppap.records import ThresholdRecord
from deeppap.scoring.thresholds import short
from deeppap.scoring.trained_model import TrainedModel
from deeppap.screening.results import ScreenRecord
from deeppap.screening.screen_images import screen_images
from deeppap.screening.slides.open_slide import RESULTS
from tests.support.checkout import run_tool, tool_environment
from tests.support.pictures import plain
from tests.support.records import change_scores
from tests.support.screening import MPP, settings_for, spoil_segment, write_tiff

parquet = pytest.importorskip("pyarrow.parquet", reason="make slides")
CONFIDENCE = 0.2
FILES = {"cells.geojson", "worst.geojson", "uncertain.geojson", "overlay.png", "gallery.html"}
OOD = "Out of distribution (1: the limit)"


@pytest.fixture(scope="module")
def pixels():
    return field_of(7, 0, 14, (520, 700))[0][..., ::-1].copy()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, pixels):
    """A field, and a bare one without a nucleus."""
    where = tmp_path_factory.mktemp("fields") / "fields"
    where.mkdir()
    cv2.imwrite(str(where / "field.png"), pixels)
    cv2.imwrite(str(where / "bare.png"), plain((300, 300, 3), 230))
    return where


@pytest.fixture(scope="module")
def options():
    words = ["--training-mpp", MPP, "--gpu", "none", "--views", 1, "--tile", 256]
    return [*words, "--confidence", CONFIDENCE]


@pytest.fixture(scope="module")
def by_net(evaluated_fold, options):
    return ["--net", evaluated_fold, *options]


@pytest.fixture(scope="module")
def screened(checkout, folder, by_net):
    done = run_tool(checkout, "screen", folder, "--mpp", MPP, *by_net, "--out", "screen/all")
    return checkout / "screen/all", done


def rows_of(out):
    with (out / "cells.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def features_of(path):
    return [feature["properties"] for feature in json.loads(path.read_text())["features"]]


def test_everything_is_written_and_nothing_else(screened):
    out, done = screened
    assert {path.name for path in out.iterdir()} == {*RESULTS, LIST, ".lock", "field", "bare"}
    assert {path.name for path in (out / "field").iterdir()} == FILES
    assert "screen/all/gallery.html" in done.stdout and "not a medical device" in done.stdout
    count = len(rows_of(out))
    lines = [line.split(",")[0] for line in done.stdout.splitlines()]
    assert lines[:3] == ["bare.png: 0 cells", f"field.png: {count} cells", f"total of 2 images: {count} cells"]


def test_every_file_holds_the_same_cells(screened, pixels):
    out, _ = screened
    rows = rows_of(out)
    assert 5 < len(rows) < 25
    assert {row["image"] for row in rows} == {"field.png"}
    assert len({(row["x"], row["y"]) for row in rows}) == len(rows)
    table = parquet.read_table(out / "cells.parquet").to_pylist()
    assert [f"{row['p_abnormal']:.6f}" for row in table] == [row["p_abnormal"] for row in rows]
    detections = features_of(out / "field/cells.geojson")
    scores = [one["measurements"]["P(abnormal)"] for one in detections]
    assert scores == pytest.approx([float(row["p_abnormal"]) for row in rows], abs=1e-6)
    assert {one["objectType"] for one in detections} == {"detection"}
    worst = features_of(out / "field/worst.geojson")
    assert {one["objectType"] for one in worst} == {"annotation"}
    assert [one["measurements"]["P(abnormal)"] for one in worst] == sorted(scores, reverse=True)
    assert features_of(out / "bare/cells.geojson") == []
    record = ScreenRecord.read(out)
    assert [(image.image, image.cells) for image in record.images] == [("bare.png", 0), ("field.png", len(rows))]
    assert record.settings.device.engine == "caffe"
    assert {row["weights_sha"] for row in rows} == {record.settings.weights_sha}
    assert cv2.imread(str(out / "field/overlay.png")).shape[1] == pixels.shape[1]


def test_a_threshold_of_the_nets_own_is_used_and_shown_everywhere(checkout, folder, copy_of, evaluated_fold, options):
    """The net of the smallest profile scores all cells alike: a threshold among its scores calls some abnormal."""
    _, fold = copy_of(evaluated_fold, "train_lmdb", "val_lmdb")
    scores = sorted(float(row["p_abnormal"]) for row in rows_of(checkout / "screen/all"))
    middle = round(scores[len(scores) // 2] - 1e-6, 6)
    facts = {"sensitivity": 0.95, "specificity": 0.8, "abnormal": 40, "normal": 50}
    change_scores(fold, thresholds=(ThresholdRecord(threshold=middle, **facts),))
    words = [folder / "field.png", "--mpp", MPP, "--net", fold, *options, "--out", "screen/sens95"]
    done = run_tool(checkout, "screen", *words, "--threshold", "sens95")
    doubt = "(uncertain: too few abnormal inner cells)"
    calls = "calls at least 38 of 40 abnormal inner cells abnormal, 10 of 50 normal ones"
    line = f"threshold {short(middle)} {doubt} {calls}"
    assert line in done.stderr
    out, above = checkout / "screen/sens95", sum(score >= middle for score in scores)
    assert 0 < above < len(scores)
    assert f" {above} abnormal" in done.stdout and f"is {short(middle)} or more" in done.stdout
    assert sum(row["called"] == "abnormal" for row in rows_of(out)) == above
    detections = features_of(out / "field/cells.geojson")
    assert sum(one["classification"]["name"] == "Abnormal" for one in detections) == above
    page = (out / "gallery.html").read_text()
    assert line in page and page.count('"called":"abnormal"') == above
    assert f"abnormal from {short(middle)}, uncertain" in page
    assert f'"threshold":{middle}' in page


def test_cells_out_of_distribution_are_marked_everywhere(screened, pixels, evaluated_fold):
    out, done = screened
    rows = rows_of(out)
    marks = [row["out_of_distribution"] for row in rows]
    assert set(marks) <= {"yes", "no"}
    assert f"{marks.count('yes')} out of distribution" in done.stdout
    assert [row["out_of_distribution"] for row in parquet.read_table(out / "cells.parquet").to_pylist()] == marks
    apart = [one["measurements"][OOD] for one in features_of(out / "field/cells.geojson")]
    assert ["yes" if value > 1 else "no" for value in apart] == marks
    assert [i.out_of_distribution for i in ScreenRecord.read(out).images] == [None, marks.count("yes")]
    # the same places and views by the library, from whole pixels
    model = TrainedModel.open(evaluated_fold)
    inside = [k for k, r in enumerate(rows) if 65 < float(r["x"]) < 635 and 65 < float(r["y"]) < 455]
    alone = model.score(pixels, [(float(rows[k]["x"]), float(rows[k]["y"])) for k in inside], views=1, crops=1)
    assert inside and [s.ood_score for s in alone] == pytest.approx([apart[k] for k in inside], abs=0.02)


def test_without_training_cells_nothing_is_marked(copy_of, evaluated_fold, folder, options, tmp_path):
    place, fold = copy_of(evaluated_fold, "ood_reference.npz")
    words = ["--net", fold, *options]
    # of two folders that hold images of the same names, an image each
    other = shutil.copytree(folder, tmp_path / "more images")
    done = run_tool(place, "screen", folder / "field.png", other / "bare.png", "--mpp", MPP, *words, "--out", "out")
    assert "ood_reference.npz" in done.stderr
    assert {row["out_of_distribution"] for row in rows_of(place / "out")} == {""}
    labels = [f"{name},9,9,NILM" for name in ("field.png", "bare.png")]
    (place / "labels.csv").write_text("\n".join(["image,x,y,class", *labels]))
    (following,) = re.findall(r"tools/import_labels.py (.*)", done.stdout)
    words = following.replace("~/Downloads/", "")  # where a browser saves them
    run_tool(place, "import_labels", *shlex.split(words), "--mpp", MPP)
    summary = (place / "my_cells/import_summary.txt").read_text()
    assert "2 cells in 2 images" in summary


def test_corrections_come_back(checkout, screened, folder, by_net):
    """QuPath's export with one nucleus moved and one removed is scored instead of the detector's nuclei."""
    out, _ = screened
    corrected = json.loads((out / "field/cells.geojson").read_text())
    corrected["features"] = corrected["features"][1:]
    corrected["features"][0]["geometry"] = {"type": "Point", "coordinates": [100.5, 120.5]}
    path = checkout / "corrected.geojson"
    path.write_text(json.dumps(corrected))
    found = {}
    for name, nuclei in (("corrected", path), ("again", out / "cells.csv")):
        words = ("--mpp", MPP, "--nuclei", nuclei, "--out", f"screen/{name}")
        run_tool(checkout, "screen", folder / "field.png", *words, *by_net)
        found[name] = {(row["x"], row["y"]): row for row in rows_of(checkout / f"screen/{name}")}
    before = {(row["x"], row["y"]): float(row["p_abnormal"]) for row in rows_of(out)}
    assert len(found["corrected"]) == len(before) - 1
    assert found["corrected"]["100.00", "120.00"]["confidence"] == ""
    again = {place: float(row["p_abnormal"]) for place, row in found["again"].items()}
    assert again == pytest.approx(before, abs=2e-5)


def test_killed_call_is_continued(checkout, screened, folder, by_net, tmp_path):
    words = ["tools/screen.py", folder, "--mpp", MPP, *by_net, "--keep-parts", "--gz", "--out", tmp_path / "out"]
    command = [sys.executable, *map(str, words)]
    process = subprocess.Popen(command, cwd=checkout, env=tool_environment(), stderr=subprocess.DEVNULL)
    parts = tmp_path / "out/parts"
    while process.poll() is None and not any(parts.glob("*.parquet")):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = {path.name: path.stat().st_mtime_ns for path in parts.glob("*.parquet")}
    assert before
    assert not (tmp_path / "out/screen.json").exists()
    run_tool(checkout, "screen", *words[1:])
    after = {path.name: path.stat().st_mtime_ns for path in parts.glob("*.parquet")}
    assert after.items() >= before.items()  # what was finished is not done again
    for name in ("cells.csv", "gallery.html", "field/overlay.png"):  # the same bytes as undisturbed
        assert (tmp_path / "out" / name).read_bytes() == (screened[0] / name).read_bytes()
    assert (tmp_path / "out/field/cells.geojson.gz").exists()


def test_corrupt_tile_is_reported_and_the_rest_is_screened(checkout, screened, pixels, by_net, tmp_path):
    path = write_tiff(tmp_path / "field.tif", pixels, tile=(128, 128), compression="deflate")
    spoil_segment(path, 0, 8)
    done = run_tool(checkout, "screen", path, *by_net, "--out", tmp_path / "out", status=3)
    assert "!! field.tif: 128 x 128 pixels at 256, 128" in done.stderr
    (image,) = ScreenRecord.read(tmp_path / "out").images
    assert [damage.box[:2] for damage in image.unreadable] == [(256, 128)]
    assert 'class="warning">field.tif' in (tmp_path / "out/gallery.html").read_text()
    whole, found = (
        [(float(row["x"]), float(row["y"])) for row in rows_of(out)] for out in (screened[0], tmp_path / "out")
    )
    assert not any(256 <= x < 384 and 128 <= y < 256 for x, y in found)
    # the detector's net sees far, so the damage may move a nucleus beyond it by a hundredth of a pixel
    far = [place for place in whole if not (100 < place[0] < 540 and place[1] < 410)]
    assert far and all(np.abs(np.array(found) - place).max(axis=1).min() < 0.05 for place in far)


def write(folder, shape, value=200):
    cv2.imwrite(str(folder / "bad.png"), plain(shape, value))


@pytest.mark.parametrize(
    ("shape", "given", "said"),
    [
        ((300, 300, 3), {}, "states a microscope's pixel size, found none"),
        ((300, 300, 3), {"mpp": 7}, "mpp: .* found 7"),
        ((300, 300), {"mpp": MPP}, "found a grey one"),
        ((100, 300, 3), {"mpp": MPP}, "128 x 128 pixels of 0.201 um, found 300 x 100"),
        ((300, 300, 4), {"mpp": MPP}, "opaque"),
        ((300, 300, 3), {"mpp": MPP, "nuclei": "x,y\n5,5\n400,5\n"}, "line 3: .* 300 x 300"),
        ((300, 300, 3), {"mpp": MPP, "nuclei": None}, "n.csv"),
    ],
)
def test_image_that_cannot_be_screened_leaves_nothing(trained_fold, tmp_path, shape, given, said):
    write(tmp_path, shape)
    if given.get("nuclei"):
        (tmp_path / "n.csv").write_text(given["nuclei"])
    nuclei = tmp_path / "n.csv" if "nuclei" in given else None
    with pytest.raises(UserError, match=said):
        screen_images([tmp_path / "bad.png"], tmp_path / "out", settings_for(trained_fold), given.get("mpp"), nuclei)
    assert not (tmp_path / "out").exists()


def test_all_unusable_images_are_named_before_any_is_screened(trained_fold, folder, tmp_path):
    """Those with one mistake share a line; a mistake of the call stops it at once."""
    images, settings = [folder / "field.png"], settings_for(trained_fold)
    for name, pixels in (("grey", plain((300, 300), 225)), ("grey2", plain((300, 300), 225)), ("cut", None)):
        images.append(tmp_path / f"{name}.png")
        if pixels is None:
            images[-1].write_bytes((folder / "field.png").read_bytes()[:5000])
        else:
            cv2.imwrite(str(images[-1]), pixels)
    ran = []
    with pytest.raises(ListError) as caught:
        screen_images(images, tmp_path / "out", settings, MPP, run=lambda pairs, done: ran.append(pairs))
    grey, cut, total = caught.value.lines()
    assert grey.startswith(f"{images[1]}, {images[2]}: expected") and "colour" in grey
    assert cut.startswith(f"{images[3]}: expected")
    assert total.startswith("4 images: ") and "found 3 that" in total
    assert not ran and not (tmp_path / "out").exists()
    with pytest.raises(UserError) as caught:  # one option is missing for all of them
        screen_images(images[1:3], tmp_path / "out", settings)
    (line,) = caught.value.lines()
    assert line.startswith("all 2 images: expected") and "`mpp`" in line
    with pytest.raises(FieldError, match="mpp: .* found 7"):
        screen_images(images, tmp_path / "out", settings, 7)


def test_grey_is_scored_if_asked(trained_fold, pixels, tmp_path):
    cv2.imwrite(str(tmp_path / "grey.png"), cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY))
    settings = settings_for(trained_fold, confidence=CONFIDENCE, grey_as_colour=True)
    (result,) = screen_images([tmp_path / "grey.png"], tmp_path / "out", settings, MPP)
    assert result.cells == len(rows_of(tmp_path / "out")) > 0
