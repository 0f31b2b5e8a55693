"""Names from elsewhere: refused in one printable line before any work, or quoted where a spreadsheet would run them."""

import csv
import io
import os
from pathlib import Path

import cv2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.importers.gather import gather
from data_prep.manifest import manifest_rows, read_manifest
from deeppap.cli.tool import ToolParser
from deeppap.io.errors import Mistakes, UserError
from deeppap.io.names import CsvWriter, quoted, unquoted
from deeppap.scoring.score_files import read_rows, write_rows
from deeppap.screening.nuclei.points_csv import read_points
from deeppap.screening.slides.open_slide import find_images
from tests.support.pictures import plain

FORGED = [b"a\nforged: line", b"\xff\xfe", b"\x1b[2Jcleared", b"a\rb", "\u202egnp.exe".encode(), b"a\x00b", b"\x9b1m"]
ON_DISK = [name for name in FORGED if b"\0" not in name]
FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "'=already quoted", "''=twice"]


def one_line(error):
    lines = error.lines()
    assert all(line.isprintable() for line in lines)
    return lines


@pytest.fixture
def image(tmp_path):
    def write_image(name):
        path = tmp_path / "set" / os.fsdecode(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(cv2.imencode(".png", plain((60, 60, 3), 200))[1])
        return path

    return write_image


@pytest.mark.parametrize("name", ON_DISK)
def test_images_to_screen(image, name):
    folder = image(name + b".png").parent
    for paths in ([folder], [folder / os.fsdecode(name + b".png")]):
        with pytest.raises(UserError, match="printable characters") as caught:
            find_images(paths)
        one_line(caught.value)


@pytest.mark.parametrize("column", ["image", "id", "group", "class"])
@pytest.mark.parametrize("name", ["a\nforged: line", "\x1b[2Jcleared", "\u202egnp.exe"])
def test_values_of_a_manifest(image, column, name):
    folder = image("a.png").parent
    row = {"image": "a.png", "id": "i", "group": "g", "label": "0", "class": "", "nucleus_x": "5", "nucleus_y": "5"}
    with (folder / "cells.csv").open("w", newline="") as file:
        csv.writer(file).writerows([row, {**row, column: name}.values()])
    with pytest.raises(UserError, match=r"cells\.csv, line [23]") as caught:
        read_manifest(folder / "cells.csv")
    one_line(caught.value)


@pytest.mark.parametrize("column", ["class", "group", "id"])
def test_values_of_labels(image, column):
    folder = image("a.png").parent
    row = {"image": "a.png", "class": "normal", "x": "30", "y": "30", "group": "g", "id": "i"}
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([row, {**row, column: "\x1b[2J"}.values()])
    with pytest.raises(UserError) as caught:
        gather([folder])
    one_line(caught.value)


@pytest.mark.parametrize("word", ["a\nb.png", "\udcff", "\x1b[2J"])
def test_words_on_the_command_line(word, capsys):
    parser = ToolParser("A tool.", "")
    parser.add_argument("image")
    with pytest.raises(SystemExit) as caught:
        parser.parse_args([word])
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said[:-1].isprintable()


@given(st.text() | st.sampled_from(FORMULAS))
def test_quoting_can_be_taken_back(text):
    assert unquoted(quoted(text)) == text
    shown = quoted(text)
    if shown[:1] in tuple("=+-@\t\r") and shown != "-":  # a dash alone stands for no value
        float(text)  # a number is none that a spreadsheet would compute
    assert unquoted(text) == text or text[0] == "'"


def test_numbers_and_plain_names_stay_as_they_are():
    for text in ("-0.5", "+3", "-1e-05", "", "name", "o'brien", "'tis", "Zelle-äöü"):
        assert quoted(text) == unquoted(text) == text
    file = io.StringIO()
    CsvWriter(file).writerow([Path("=a.png"), "-0.5", -0.5, None, "@x"])
    assert file.getvalue() == "'=a.png,-0.5,-0.5,,'@x\n"


@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula_as_a_name_goes_through_every_csv_and_back(image, tmp_path, name):
    path = image(f"{name.replace('/', '')}.png")
    name = path.stem
    labels = path.parent / "labels.csv"
    with labels.open("w", newline="") as file:
        CsvWriter(file).writerow(["image", "class", "x", "y", "group", "id"])
        CsvWriter(file).writerow([path.name, "normal", 30, 30, name, name])
    found = gather([path.parent])
    (one,) = found.cells
    assert (one.id, one.group) == (name, name)
    scores = tmp_path / "scores.csv"
    write_rows(scores, ["id", "score"], [[name, "-0.5"]])
    assert scores.read_text().splitlines()[1][:2] not in ("=1", "+c", "-2", "@S")
    assert read_rows(scores, ["id", "score"])[0][1] == {"id": name, "score": "-0.5"}
    with (tmp_path / "cells.csv").open("w", newline="") as file:
        CsvWriter(file).writerows([["image", "nucleus_x", "nucleus_y"], [path.name, 3, 4]])
    assert [row["image"] for _, row in manifest_rows(tmp_path / "cells.csv", Mistakes(), ["image"])] == [path.name]
    assert [point.image for point in read_points(tmp_path / "cells.csv")] == [path.name]
