"""cells.csv and cells.parquet hold the same rows; neither is ever half there. The highest scores of a stream."""

import csv
import random

import pytest

from deeppap.screening.outputs import tables
from deeppap.screening.outputs.tables import COLUMNS, Choice, highest, most_uncertain, writing_tables
from tests.support.screening import cell_at

parquet = pytest.importorskip("pyarrow.parquet", reason="make slides")
CELLS = [
    cell_at(10.254, 20, 0.123456789, ood_score=1.5),
    cell_at(3, 4, 0.9, image='a,"b"\n.png', area_um2=float("nan")),
]


@pytest.mark.parametrize("at_once", [1, 50_000])
def test_both_tables_hold_every_cell(tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(tables, "AT_ONCE", at_once)
    with writing_tables(tmp_path, "caffe float32", "ab" * 32) as write:
        for cell in CELLS:
            write(cell)
    with (tmp_path / "cells.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == COLUMNS
    numbers = ["10.25", "20.00", "40.250000", "0.900000", "0.123457", "0.050000"]
    assert rows[0] == ["field.png", *numbers, "yes", "caffe float32", "ab" * 32, CELLS[0].id]
    assert (rows[1][0], rows[1][3], rows[1][7]) == ('a,"b"\n.png', "", "")
    first, second = parquet.read_table(tmp_path / "cells.parquet").to_pylist()
    assert list(first) == list(COLUMNS)
    assert (first["p_abnormal"], first["x"], first["out_of_distribution"]) == (0.123456789, 10.254, "yes")
    assert (second["area_um2"], second["out_of_distribution"]) == (None, None)


def test_a_threshold_of_the_users_own_is_in_the_tables(tmp_path):
    with writing_tables(tmp_path, "caffe float32", "ab" * 32, with_threshold=True) as write:
        for threshold in (0.25, 0.7, 0.75):
            write(cell_at(3, 4, 0.7, threshold=threshold))
    rows = list(csv.DictReader((tmp_path / "cells.csv").open(newline="", encoding="utf-8")))
    called = [(row["called"], row["threshold"]) for row in rows]
    assert called == [("abnormal", "0.25"), ("abnormal", "0.7"), ("normal", "0.75")]
    table = parquet.read_table(tmp_path / "cells.parquet").to_pylist()
    assert [row["threshold"] for row in table] == [0.25, 0.7, 0.75]


def test_highest_scores_and_of_equal_ones_the_first_by_place():
    cells = [cell_at(x, y, round(score / 10, 1)) for x in range(5) for y in range(5) for score in (x, 9, y)]
    expected = sorted(cells, key=lambda c: (-c.score, c.image, c.y, c.x))
    for most in (30, 500):
        for seed in range(3):
            random.Random(seed).shuffle(cells)
            kept = highest(most)
            for cell in cells:
                kept.add(cell)
            assert [(c.score, c.y, c.x) for c in kept.cells()] == [(c.score, c.y, c.x) for c in expected[:most]]


def test_choice_holds_uncertain_cells_those_out_of_distribution_and_all_scores():
    cells = [cell_at(x, 0, x / 1000, ood_score=2.0 if x % 100 == 7 else 0.5) for x in range(1000)]
    chosen = []
    for order in (cells, cells[::-1]):
        choice, nearest = Choice(30), most_uncertain(10)
        for cell in order:
            choice.add(cell)
            nearest.add(cell)
        chosen.append([cell.id for cell in choice.cells()])
        assert {cell.id for cell in nearest.cells()} <= set(chosen[-1])
    assert chosen[0] == chosen[1]
    picked = [cell for cell in cells if cell.id in set(chosen[0])]
    assert len(picked) == len(chosen[0]) == 30
    assert sum(cell.out_of_distribution for cell in picked) >= 9
    assert {int(10 * cell.score) for cell in picked} == set(range(10))
