"""The table and the figure of a learning curve, from the folders of its points."""

import csv
import json

import pytest
from msgspec.structs import replace

from deeppap.records import SplitRecord
from deeppap.report.learning_curve import curve_table, read_curve, write_curve
from tests.support.figures import texts
from tests.support.records import change_scores
from tests.support.synthetic_run import write_synthetic_run

SOURCE = "source-as-it-is"


@pytest.fixture
def home(tmp_path):
    """Two seeds of each start at one share, the source net's own scores, and a point without scores."""
    for name in ("seed1-050-alone", "seed2-050-alone", "seed1-050-adapted", "seed2-050-adapted", SOURCE):
        write_synthetic_run(tmp_path / name, folds=[0], cells=42, dataset="phantom-manifest")
    write_synthetic_run(tmp_path / "seed1-100-alone", folds=0, cells=42, dataset="phantom-manifest")
    return tmp_path


def label_of(run, cell):
    with (run / "cells.csv").open() as file:
        return next(row["label"] for row in csv.DictReader(file) if row["id"] == cell)


def test_the_points_are_read_with_the_cells_that_they_learned_from(home):
    curve = read_curve(home, SOURCE)
    assert [(p.start, p.seed, p.share) for p in curve.points] == [
        ("adapted", 1, 50),
        ("alone", 1, 50),
        ("adapted", 2, 50),
        ("alone", 2, 50),
    ]
    tested = len(curve.runs[0].folds[0].ids)
    assert {point.cells for point in curve.points} == {42 - tested}
    split = SplitRecord.read(home / "seed1-050-alone")
    left_out = split.folds[1]
    part = SplitRecord.of(split.protocol, split.seed, split.dataset_sha, split.folds, left_out)
    part.write(home / "seed1-050-alone")
    assert read_curve(home, SOURCE).points[1].cells == 42 - tested - len(left_out)
    assert replace(part) == SplitRecord.read(home / "seed1-050-alone")


def test_cells_of_neither_label_are_learned_from_but_are_not_abnormal(home):
    """A net of own classes has them in training and in its test fold; in each, one cell becomes junk."""
    point = home / "seed1-050-alone"
    before = read_curve(home, SOURCE).points[1]
    split = SplitRecord.read(point)
    junk = [next(cell for cell in split.folds[fold] if label_of(point, cell) == "1") for fold in (0, 1)]
    for path in (point / "cells.csv", point / "fold0/scores.csv"):
        header, *lines = csv.reader(path.read_text().splitlines())
        rows = [dict(zip(header, line, strict=True)) for line in lines]
        for row in rows:
            if row["id"] in junk:
                row["label"] = "2"
        path.write_text("".join(f"{','.join(row)}\n" for row in [header, *(row.values() for row in rows)]))
    change_scores(point / "fold0")
    after = read_curve(home, SOURCE).points[1]
    assert len(after.labels) == len(before.labels) - 1
    assert (after.cells, after.abnormal) == (before.cells, before.abnormal - 1)


def test_the_table_has_a_row_for_each_start_and_share_and_one_for_the_source(home):
    curve = read_curve(home, SOURCE)
    table = curve_table(curve)
    assert [row[1] for row in table.rows] == [0, 50, 50]
    assert table.data["before"].keys() == {"sens", "spec", "auc"}
    assert table.rows[1][-1].startswith("+0.000")  # adapted and alone have the same scores here
    assert curve_table(read_curve(home, "none")).rows[0][1] == 50


def test_each_note_names_the_nets_it_holds_for(home):
    change_scores(home / "seed2-050-alone/fold0", doubt="no good")
    for seed in (1, 2):
        change_scores(home / f"seed{seed}-050-adapted/fold0", doubt="as bad")
    notes = curve_table(read_curve(home, SOURCE)).of_runs
    assert any(note.startswith("seed 2, 50 %, from CaffeNet alone: ") and "no good" in note for note in notes)
    assert any(note.startswith("adapted from the source net: ") and "as bad" in note for note in notes)
    assert any(note.startswith("cell folds: ") for note in notes)


def test_the_table_and_the_figure_are_written(home, tmp_path):
    from deeppap.report.learning_curve import curve_figure

    curve = read_curve(home, SOURCE)
    table, picture = write_curve(curve, tmp_path / "curve")
    assert json.loads((tmp_path / "curve/learning_curve.json").read_text())["title"] == table.title
    assert picture == tmp_path / "curve/learning_curve.png"
    assert picture.is_file()
    said = texts(curve_figure.draw(curve))
    for start in ("adapted from the source net", "from CaffeNet alone", "the source net as it is"):
        assert start in said
