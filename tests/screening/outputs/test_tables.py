"""cells.csv and cells.parquet hold the same rows; neither is ever half there."""

import csv

import pytest

from deeppap.screening.outputs import tables
from deeppap.screening.outputs.tables import COLUMNS, TableWriter
from tests.support.screening import cell_at

parquet = pytest.importorskip("pyarrow.parquet", reason="make slides")
CELLS = [cell_at(10.254, 20, 0.123456789, unlike=1.5), cell_at(3, 4, 0.9, image='a,"b"\n.png', area_um2=float("nan"))]


@pytest.mark.parametrize("at_once", [1, 50_000])
def test_both_tables_hold_every_cell(tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(tables, "AT_ONCE", at_once)
    with TableWriter(tmp_path, "caffe float32", "ab" * 32) as writer:
        for cell in CELLS:
            writer.write(cell)
    with (tmp_path / "cells.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    first = dict(zip(COLUMNS, ("field.png", "10.25", "20.00", "40.250000", "0.900000"), strict=False))
    assert rows[0] == first | {
        "p_abnormal": "0.123457",
        "spread": "0.050000",
        "unlike_training": "yes",
        "engine": "caffe float32",
        "model_sha256": "ab" * 32,
    }
    assert (rows[1]["image"], rows[1]["area_um2"]) == ('a,"b"\n.png', "")
    table = parquet.read_table(tmp_path / "cells.parquet").to_pylist()
    assert [list(row) for row in table] == [list(COLUMNS)] * 2
    assert [row["unlike_training"] for row in rows] == ["yes", ""]
    assert [row["unlike_training"] for row in table] == ["yes", None]
    assert (table[0]["p_abnormal"], table[0]["x"], table[1]["area_um2"]) == (0.123456789, 10.254, None)


def test_no_cells_are_tables_with_a_header(tmp_path):
    with TableWriter(tmp_path, "caffe float32", "ab"):
        pass
    assert (tmp_path / "cells.csv").read_text() == ",".join(COLUMNS) + "\n"
    assert parquet.read_table(tmp_path / "cells.parquet").column_names == list(COLUMNS)


def test_an_interruption_leaves_neither(tmp_path):
    with pytest.raises(KeyboardInterrupt), TableWriter(tmp_path, "caffe float32", "ab") as writer:
        writer.write(CELLS[0])
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
