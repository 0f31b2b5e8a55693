"""Several rounds of labels: the later one counts, people's agreement is told, a net's own calls are no labels."""

import json
import shutil

import cv2
import numpy as np
import pytest

from data_prep.image_hashes import image_key
from data_prep.importers.gather import gather
from data_prep.importers.rounds import cohens_kappa
from data_prep.importers.write import summary
from deeppap.cli.tool import ToolParser, with_options
from deeppap.io.errors import UserError
from deeppap.io.files import sha256_file
from deeppap.screening.outputs.geojson import feature
from tests.support import label_files as files
from tests.support.pictures import plain
from tests.support.screening import cell_at, write_tiff

HEADER = "id,image,x,y,pixel_um,class,labelled_by,labelled_at,p_abnormal"


def round_of(path, points, kinds, by, at):
    rows = [[f"c{k}", "field.png", *points[k], 0.25, kind, by, at, 0.9] for k, kind in kinds.items()]
    return files.write_csv(path, HEADER, rows)


def kinds_of(found):
    return {tuple(one.centre): one.known.name for one in found.cells}


def test_the_later_label_counts_in_whatever_order_the_files_are_given(tmp_path):
    points = files.drawn(tmp_path)
    first = round_of(tmp_path / "a.csv", points, dict.fromkeys(range(4), "normal"), "Ann", "2026-01-01T10:00:00Z")
    later = {0: "normal", 1: "abnormal", 2: "HSIL", 5: "junk"}
    second = round_of(tmp_path / "b.csv", points, later, "Bo", "2026-02-01T10:00:00Z")
    expected = {tuple(points[k]): kind for k, kind in {**later, 3: "normal"}.items()}
    for order in ([first, second], [second, first]):
        found = gather(order)
        assert kinds_of(found) == expected
        assert len(found.left_out["labels that a later one replaces"]) == 2
        assert len(found.left_out["repeats of the same cell and class"]) == 1
        assert found.warnings[-1].startswith("Ann and Bo labelled 3 cells both, 1 alike")


@pytest.mark.parametrize(
    ("away", "mpp", "merged"), [(5.6, 0.25, 12), (15.9, 0.25, 12), (16.1, 0.25, 0), (5.6, None, 0), (1.9, None, 12)]
)
def test_a_nucleus_that_two_sources_have_is_one_cell(tmp_path, away, mpp, merged):
    """A gallery has the detector's centre, QuPath the outline's centroid: they differ by about a micrometre."""
    points = files.drawn(tmp_path / "a")
    files.drawn(tmp_path / "b")
    outlines = files.write_qupath_cells(tmp_path / "a", points)
    turns = np.linspace(0, 6, len(points))
    rows = [
        [f"c{k}", "field.png", x + away * np.cos(turns[k]), y + away * np.sin(turns[k]), mpp or "", "NILM"]
        for k, (x, y) in enumerate(points)
    ]
    marks = files.write_csv(tmp_path / "b/labels.csv", "id,image,x,y,pixel_um,class", rows)
    found = gather([outlines, marks], [tmp_path / "a"], mpp=mpp)
    assert len(found.cells) == 2 * len(points) - merged
    assert found.in_two_sources == merged
    against = sum(files.kind_of(k) != "NILM" for k in range(len(points)))
    assert found.of_two_labels == (against if merged else 0)
    if merged:
        assert {one.known.name for one in found.cells} == {"NILM"}
        assert [line for line in summary(found, tmp_path) if f"{merged}, {against} of them" in line]


def test_near_nuclei_of_one_source_stay_two_and_a_mark_between_them_is_of_the_nearer(tmp_path):
    files.drawn(tmp_path)
    columns = "image,x,y,pixel_um,class"
    clump = [["field.png", 100, 100, 0.25, "NILM"], ["field.png", 108, 100, 0.25, "NILM"]]
    first = files.write_csv(tmp_path / "a.csv", columns, clump)
    second = files.write_csv(tmp_path / "b.csv", columns, [["field.png", 105, 100, 0.25, "HSIL"]])
    assert len(gather([first]).cells) == 2
    for order in ([first, second], [second, first]):
        found = gather(order)
        later = (105, 100) if order[1] == second else (108, 100)
        assert {one.centre for one in found.cells} == {(100, 100), later}


def test_a_former_import_is_joined_by_the_bytes_of_its_images(tmp_path):
    """Its copies of the images are those images; its groups stay; the source that is named last counts."""
    points = files.drawn(tmp_path / "new")
    old = tmp_path / "old"
    (old / "images").mkdir(parents=True)
    shutil.copy(tmp_path / "new/field.png", old / "images/field.png")
    rows = [["images/field.png", *points[k], "NILM", "patient 1"] for k in (0, 1)]
    files.write_csv(old / "cells.csv", "image,nucleus_x,nucleus_y,class,group", rows)
    (old / "import_summary.txt").touch()
    new = round_of(tmp_path / "new/labels.csv", points, {1: "HSIL", 2: "LSIL"}, "Ann", "")
    found = gather([old, new])
    assert kinds_of(found) == {tuple(points[0]): "NILM", tuple(points[1]): "HSIL", tuple(points[2]): "LSIL"}
    assert {one.group for one in found.cells} == {"patient 1"}
    assert set(found.names.values()) == {"field.png"}  # it will lie in images/, not in images/images/
    assert kinds_of(gather([new, old]))[tuple(points[1])] == "NILM"


@pytest.mark.parametrize(("mpp", "warned"), [(0.25, False), (0.5, True)])
def test_a_pixel_size_that_the_lines_contradict_is_said(tmp_path, mpp, warned):
    labels = round_of(tmp_path / "a.csv", files.drawn(tmp_path), {0: "normal", 1: "HSIL"}, "Ann", "")
    found = gather([labels], mpp=mpp)
    assert {one.pixel_um for one in found.cells} == {0.25}
    assert any("0.25 um a pixel" in line for line in found.warnings) == warned


@pytest.mark.parametrize(("mpp", "warned"), [(0.25, True), (0.5, False), (None, False)])
def test_a_pixel_size_that_the_image_contradicts_is_said(tmp_path, mpp, warned):
    write_tiff(tmp_path / "field.tif", plain((60, 80, 3), 200), 0.5)
    source = files.write_csv(tmp_path / "labels.csv", "image,x,y,class", [["field.tif", 30, 20, "NILM"]])
    found = gather([source], mpp=mpp)
    assert any("0.5 um a pixel" in line for line in found.warnings) == warned


@pytest.mark.parametrize("later", ["2026-11-30T09:00:00+01:00", "2026-11-30 08:00"])
def test_times_are_compared_as_times(tmp_path, later):
    points = files.drawn(tmp_path)
    old = round_of(tmp_path / "old.csv", points, {0: "HSIL"}, "Ann", "2026-11-30T08:30:00Z")
    new = round_of(tmp_path / "new.csv", points, {0: "NILM"}, "Ann", later)
    assert list(kinds_of(gather([old, new])).values()) == ["HSIL"]


def test_a_time_that_a_spreadsheet_changed_is_refused(tmp_path):
    points = files.drawn(tmp_path)
    source = round_of(tmp_path / "a.csv", points, {0: "HSIL"}, "Ann", "30.11.2026 09:00")
    with pytest.raises(UserError, match=r"line 2: expected labelled_at .* found 30.11.2026 09:00"):
        gather([source])


def test_labels_of_another_image_of_the_same_name_are_refused(tmp_path):
    points = files.drawn(tmp_path / "a")
    (tmp_path / "b").mkdir()
    write_tiff(tmp_path / "b/field.tif", plain((480, 640, 3), 200)).rename(tmp_path / "b/field.png")
    key = image_key(sha256_file(tmp_path / "a/field.png"))
    rows = [["field.png", *place, "NILM", key] for place in points]
    source = files.write_csv(tmp_path / "labels.csv", "image,x,y,class,image_key", rows)
    assert len(gather([source], [tmp_path / "a"]).cells) == len(points)
    with pytest.raises(UserError, match=r"expected field.png as it was screened, found another content") as caught:
        gather([source], [tmp_path / "b"])
    assert len(caught.value.lines()) == 1


def test_the_nets_own_call_is_known_by_the_threshold_that_it_was_made_at(tmp_path):
    files.drawn(tmp_path)
    cells = [cell_at(50 + 40 * k, 60, score, outline=None, threshold=0.3) for k, score in enumerate((0.35, 0.2, 0.4))]
    features = [feature(cell) for cell in cells]
    assert [one["properties"]["classification"]["name"] for one in features] == ["Abnormal", "Normal", "Abnormal"]
    features[2]["properties"]["classification"] = {"name": "Normal"}  # a person's correction
    source = tmp_path / "field.png.geojson"
    source.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    assert [(one.centre, one.known.name) for one in gather([source]).cells] == [((130, 60), "normal")]


@pytest.mark.parametrize("listed", [False, True])
def test_what_the_net_said_is_no_label_unless_a_person_reviewed_it(tmp_path, listed):
    files.drawn(tmp_path)
    features = [feature(cell_at(50 + 40 * k, 60, score, outline=None)) for k, score in enumerate((0.9, 0.2, 0.8))]
    features[2]["properties"]["classification"] = {"name": "Normal"}  # a person's correction
    if listed:  # as QuPath 0.2 wrote measurements
        for one in features:
            numbers = one["properties"]["measurements"]
            one["properties"]["measurements"] = [{"name": name, "value": numbers[name]} for name in numbers]
    source = tmp_path / "field.png.geojson"
    source.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    assert [(one.centre, one.known.name) for one in gather([source]).cells] == [((130, 60), "normal")]
    assert [one.known.name for one in gather([source], reviewed=True).cells] == ["abnormal", "normal", "normal"]


@pytest.mark.parametrize("threshold", [0.5, 0.3])
def test_what_the_net_said_is_no_label_in_a_measurement_table(tmp_path, threshold):
    """QuPath's table has a line an object, and columns of all measurements; those that one lacks are empty."""
    files.drawn(tmp_path)
    scores, given = (0.9, 0.2, 0.8, 0.7), ("", "", "", "HSIL")
    cells = [
        cell_at(50 + 40 * k, 60, score, outline=None, threshold=threshold, given=kind)
        for k, (score, kind) in enumerate(zip(scores, given, strict=True))
    ]
    objects = [feature(cell)["properties"] for cell in cells]
    objects[2]["classification"] = {"name": "Normal"}  # a person's correction
    names = list(dict.fromkeys(name for one in objects for name in one["measurements"]))
    rows = [
        ["field.png", one["classification"]["name"], cell.x + 0.5, cell.y + 0.5]
        + [one["measurements"].get(name, "") for name in names]
        for one, cell in zip(objects, cells, strict=True)
    ]
    header = ",".join(["Image", "Class", "Centroid X px", "Centroid Y px", *names])
    source = files.write_csv(tmp_path / "measurements.csv", header, rows)
    found = gather([source])
    assert [(one.centre, one.known.name) for one in found.cells] == [((130, 60), "normal"), ((170, 60), "HSIL")]
    assert sum(map(len, found.left_out.values())) == 2
    assert len(gather([source], reviewed=True).cells) == 4


def test_kappa():
    # four of six alike; by chance half: (4/6 - 1/2) / (1 - 1/2)
    pairs = [("a", "a"), ("a", "a"), ("b", "b"), ("b", "b"), ("a", "b"), ("b", "a")]
    assert cohens_kappa(pairs) == pytest.approx(1 / 3)
    assert cohens_kappa([("a", "a")] * 3) is None


def test_what_an_import_wrote_is_read_again_with_its_own_names_and_sizes(tmp_path):
    points = files.drawn(tmp_path)
    shutil.copy(tmp_path / "field.png", tmp_path / "other.png")
    rows = [["field.png", *points[0], "Tumor", "abnormal", 0.201], ["other.png", *points[1], "NILM", "normal", ""]]
    source = files.write_csv(tmp_path / "cells.csv", "image,x,y,class,label,pixel_um", rows)
    first, second = gather([source], mpp=0.247).cells
    assert (first.known.name, first.known.label, first.pixel_um) == ("Tumor", "abnormal", 0.201)
    assert (second.known.name, second.pixel_um) == ("NILM", 0.247)


@pytest.mark.parametrize(
    ("cells", "images", "abnormal", "um", "missing"),
    [
        (100, 5, 5, 0.25, ""),
        (100, 5, 5, "", "--mpp"),
        (99, 5, 5, 0.25, "label 1 more cell or"),
        (100, 4, 5, 0.25, "label 1 more image or"),
        (100, 5, 3, 0.25, "label 2 more abnormal cells or"),
        (40, 3, 5, 0.25, "label 60 more cells, 2 more images or"),
    ],
)
def test_what_comes_next_is_adapting_or_how_much_to_label(tmp_path, monkeypatch, cells, images, abnormal, um, missing):
    rows = []
    for k in range(images):
        cv2.imwrite(str(tmp_path / f"{k}.png"), plain((600, 900, 3), 150 + k))
    for k in range(cells):
        place = (20 + 30 * (k // images), 50)
        rows.append([f"{k % images}.png", *place, um, "HSIL" if k < abnormal else "NILM"])
    found = gather([files.write_csv(tmp_path / "cells.csv", "image,x,y,pixel_um,class", rows)])
    assert len(found.cells) == cells
    monkeypatch.setattr(ToolParser, "options", {"mpp": "--mpp"})
    last = with_options(summary(found, tmp_path / "out")[-1])
    adapt = f"tools/train.py --from models/herlev_cric/fold0 --data {tmp_path / 'out'}"
    assert (last == f"Next: {adapt}") is (not missing)
    assert missing in last and "quick" not in last
    assert (adapt in last) is ("label" not in missing)


def test_two_pixel_sizes_of_one_image_are_refused(tmp_path):
    """Also of two rounds, whose copies of the image are one image."""
    sizes = {"one": 0.247, "two": 0.5}
    rounds = []
    for name, size in sizes.items():
        points = files.drawn(tmp_path / name)
        rows = [["field.png", *points[len(rounds)], size, "NILM"]]
        rounds.append(files.write_csv(tmp_path / name / "a.csv", "image,x,y,pixel_um,class", rows))
        assert len(gather(rounds[-1:]).cells) == 1
    with pytest.raises(UserError, match=r"0\.247 um .*0\.5 um") as refused:
        gather(rounds)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("alike", [True, False])
def test_copies_under_two_names_are_told(tmp_path, alike):
    """A picture in two class folders has two labels that contradict each other."""
    files.pictures(tmp_path, "HSIL/a.png", "NILM/b.png")
    if alike:
        shutil.copy(tmp_path / "HSIL/a.png", tmp_path / "NILM/b.png")
    assert any("copies of others" in line for line in gather([tmp_path]).warnings) == alike
