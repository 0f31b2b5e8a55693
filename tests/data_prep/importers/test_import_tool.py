"""The tool: what it writes is a manifest; what it cannot do leaves nothing behind."""

import csv

import cv2
import numpy as np
import pytest

from data_prep.classes import CLASSES, ClassTable, known_class
from data_prep.dataset import open_dataset
from data_prep.importers.gather import gather
from deeppap.io.errors import UserError
from tests.support import label_files as files
from tests.support.checkout import run_tool


@pytest.fixture
def labels(tmp_path):
    """A table of twelve cells of one image, four of each class."""
    (tmp_path / "labels").mkdir()
    return files.write_sides(tmp_path / "labels", files.drawn(tmp_path / "labels"))


def rows_of(folder):
    with (folder / "cells.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_folder_is_a_manifest(checkout, tmp_path, labels):
    out = tmp_path / "my_cells"
    labels.write_text(labels.read_text() + "field.png,100,100,120,120,junk\n")
    words = ("--mpp", 0.25, "--find-nucleus", "--classes", "junk=-")
    done = run_tool(checkout, "import_labels", labels, "--out", out, *words)
    rows = rows_of(out)
    assert {row["centre_from"] for row in rows} == {"detector"}
    truth = files.drawn(tmp_path / "again")
    for row in rows:
        place = float(row["nucleus_x"]), float(row["nucleus_y"])
        assert np.linalg.norm(truth - place, axis=1).min() < 3
    found = open_dataset(out)
    assert (found.pixel_um, sorted(cell.label for cell in found.cells)) == (0.25, [0] * 4 + [1] * 8)
    assert {cell.group for cell in found.cells} == {"field.png"}
    assert cv2.imread(str(out / "import_check.png")).shape[0] == 3 * 116
    assert (out / "images/field.png").read_bytes() == (labels.parent / "field.png").read_bytes()
    # too few for five folds: what comes next must not be refused
    last = done.stdout.splitlines()[-1]
    assert f"--csv {out / 'cells.csv'}" in last and "cross_validate" not in last
    assert "only 4 normal" in done.stderr
    # the summary speaks of the same options as the terminal
    summary = (out / "import_summary.txt").read_text(encoding="utf-8").splitlines()
    assert set(done.stdout.splitlines()) | set(done.stderr.splitlines()) <= {*summary}


@pytest.mark.parametrize(("shift", "warned"), [(0, False), (40, True)])
def test_centres_beside_the_nuclei_are_warned_of(checkout, tmp_path, shift, warned):
    """As where a box is given by its corner and believed to be given by its middle; each place is inside the image."""
    image = np.random.default_rng(1).normal(180, 6, (*files.SIZE, 3)).clip(0, 255).astype(np.uint8)
    rows = ["image,x,y,class"]
    for x in range(80, 600, 80):
        for y in range(80, 420, 80):
            cv2.circle(image, (x, y), 14, (110, 90, 100), -1)
            rows.append(f"field.png,{x + shift},{y + shift},NILM")
    cv2.imwrite(str(tmp_path / "field.png"), image)
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    done = run_tool(checkout, "import_labels", tmp_path / "labels.csv", "--out", tmp_path / "my_cells", "--mpp", 0.25)
    assert ("darker" in done.stderr) == warned


def test_an_import_is_replaced_and_nothing_else(checkout, tmp_path, labels):
    out = tmp_path / "my_cells"
    done = run_tool(checkout, "import_labels", labels, "--out", out)
    assert "was replaced" not in done.stdout
    labels.write_text("\n".join(labels.read_text().splitlines()[:7]) + "\n")
    done = run_tool(checkout, "import_labels", labels, "--out", out)
    assert len(rows_of(out)) == 6 and "was replaced" in done.stdout
    labels.write_text(labels.read_text().replace("HSIL", "alien"))
    done = run_tool(checkout, "import_labels", labels, "--out", out, status=2)
    assert "alien" in done.stderr and "--classes" in done.stderr and len(rows_of(out)) == 6
    (out / "notes.txt").write_text("mine")
    run_tool(checkout, "import_labels", labels, "--out", out, "--classes", "alien=-", status=2)
    assert (out / "notes.txt").exists()
    run_tool(checkout, "import_labels", labels, "--out", labels.parent, status=2)
    assert not list(tmp_path.glob(".*"))


def test_what_is_found_twice_gets_names_of_its_own(checkout, tmp_path):
    """Two sources whose images and ids are called alike; an earlier import inside a source is not read."""
    for name in ("one", "two"):
        points = files.drawn(tmp_path / name)
        rows = [["field.png", *place, files.kind_of(i), i, "p1"] for i, place in enumerate(points)]
        files.write_csv(tmp_path / name / "mine.csv", "image,x,y,class,id,patient", rows)
    # other pixels: the same picture again would be the same image, labelled once more
    other = tmp_path / "two/field.png"
    cv2.imwrite(str(other), 255 - cv2.imread(str(other)))
    out = tmp_path / "one/my_cells"
    for _ in range(2):
        run_tool(checkout, "import_labels", tmp_path / "one", tmp_path / "two", "--out", out)
    rows = rows_of(out)
    assert {row["image"] for row in rows} == {"images/one/field.png", "images/two/field.png"}
    assert len({row["id"] for row in rows}) == len(rows) == 24
    assert {row["group"] for row in rows} == {"p1"}


def test_cells_of_neither_label(checkout, tmp_path, labels):
    labels.write_text(labels.read_text().replace("HSIL", "Leukocytes"))
    done = run_tool(checkout, "import_labels", labels, "--out", tmp_path / "out")
    assert [row["label"] for row in rows_of(tmp_path / "out")].count("neither") == 4
    assert "inflammatory" in done.stderr
    assert len(open_dataset(tmp_path / "out").cells) == 8


@pytest.mark.parametrize(
    ("name", "known", "label"),
    [
        ("asc_us", "ASC-US", "abnormal"),
        ("low-grade squamous intraepithelial lesion", "LSIL", "abnormal"),
        ("CIN3", "HSIL", "abnormal"),
        ("im_Superficial-Intermediate", "superficial-intermediate", "normal"),
        ("Koilocytes", "koilocytotic", "abnormal"),
        ("metaplastic", "metaplastic", "neither"),
        ("artefacts", "junk", "neither"),
        ("Superficial cells", "superficial", "normal"),
        ("LSIL/CIN1", "LSIL", "abnormal"),
        ("HSIL (CIN 2/3)", "HSIL", "abnormal"),
        ("Negative for Intraepithelial Lesion or Malignancy (NILM)", "NILM", "normal"),
        ("Candida albicans", "organism", "neither"),
    ],
)
def test_the_names_that_people_use(name, known, label):
    found = known_class(name)
    assert (found.name, found.label) == (known, label)


@pytest.mark.parametrize(
    "name", ["HSIL/SCC", "HSIL (not sure)", "not HSIL", "HSIL?", "cell", "?", "tumor", "<CIN2", "≤LSIL", "CIN2-"]
)
def test_a_name_that_may_mean_something_else_is_not_known(name):
    assert known_class(name) is None


def test_no_spelling_means_two_classes():
    for one in CLASSES:
        assert all(known_class(spelling) is one for spelling in (one.name, *one.spellings))


def test_what_a_user_says_of_classes():
    table = ClassTable("Normal = NILM, 3=-, Tumor=abnormal, metaplastic=normal, a=b=LSIL")
    found = {name: table.find(name) for name in ("normal", "3", "tumor", "metaplastic", "a=b", "HSIL")}
    assert {name: one and (one.name, one.label) for name, one in found.items()} == {
        "normal": ("NILM", "normal"),
        "3": None,
        "tumor": ("Tumor", "abnormal"),
        "metaplastic": ("metaplastic", "normal"),
        "a=b": ("LSIL", "abnormal"),
        "HSIL": ("HSIL", "abnormal"),
    }
    assert table.unused({"NORMAL": 1, "tumor": 1, "Metaplastic": 2}) == ["3", "a=b"]
    with pytest.raises(KeyError):
        table.find("alien")


@pytest.mark.parametrize("said", ["Normal", "=NILM", "Normal=", "Normal=alien"])
def test_what_says_nothing_of_classes(said):
    with pytest.raises(UserError) as caught:
        ClassTable(said)
    assert caught.value.field == "classes"


@pytest.mark.parametrize("names", ["field.png", "field", "C:\\scans\\B\\field.png"])
def test_two_different_images_of_one_name_are_refused_and_copies_are_not(checkout, tmp_path, names):
    """Labels that lie elsewhere, of two folders that both have the image: only a folder in the name tells which."""
    for name in ("A", "B"):
        files.drawn(tmp_path / name)
    labels = files.write_csv(tmp_path / "la.csv", "image,x,y,class", [[names, 100, 100, "NILM"]])
    arguments = ("import_labels", labels, "--images", tmp_path / "A", "--images", tmp_path / "B")
    run_tool(checkout, *arguments, "--out", tmp_path / "copies")
    other = tmp_path / "B/field.png"
    cv2.imwrite(str(other), 255 - cv2.imread(str(other)))
    if "B" in names:
        run_tool(checkout, *arguments, "--out", tmp_path / "out")
        assert (tmp_path / "out/images/field.png").read_bytes() == other.read_bytes()
        return
    done = run_tool(checkout, *arguments, "--out", tmp_path / "out", status=2)
    assert all(str(tmp_path / name / "field.png") in done.stderr for name in "AB") and "la.csv" in done.stderr
    assert len(done.stderr.splitlines()) == 1 and not (tmp_path / "out").exists()
    run_tool(checkout, *arguments[:2], "--images", other.parent, "--out", tmp_path / "out")
    assert (tmp_path / "out/images/field.png").read_bytes() == other.read_bytes()


def test_a_table_without_a_label_is_told_from_an_export_without_classes(tmp_path):
    for rows, wanted in (("", "none. Label cells"), ("field.png,9,9,\n", "1 .* export again")):
        (tmp_path / "labels.csv").write_text("image,x,y,class\n" + rows)
        cv2.imwrite(str(tmp_path / "field.png"), np.zeros((40, 40, 3), np.uint8))
        with pytest.raises(UserError, match=wanted):
            gather([tmp_path / "labels.csv"])
