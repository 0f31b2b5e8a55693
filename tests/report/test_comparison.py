"""Runs compared: in the report of several, and by tools/compare.py; the same cells alone, groups kept whole."""

import json

import numpy as np
import pytest

from deeppap.report.tables.comparison import comparison_table
from deeppap.scoring.results import load_run
from deeppap.stats.compare import compare, paired
from tests.support.checkout import ROOT, run_tool
from tests.support.synthetic_run import write_synthetic_run


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two runs of the same cells, of which the second lacks folds, and a run of another set."""
    root = tmp_path_factory.mktemp("runs")
    one = write_synthetic_run(root / "one", cells=70, shift=False)
    two = write_synthetic_run(root / "two", cells=70, shift=False, folds=[0, 2])
    rng = np.random.default_rng(3)
    for fold in (0, 2):  # as good in the mean, but other cells are wrong
        lines = (two / f"fold{fold}/scores.csv").read_text().splitlines()
        for number in rng.integers(1, len(lines), 4):
            name, class7, label, _, spread, *_ = lines[number].split(",")
            lines[number] = ",".join([name, class7, label, str(0.9 - 0.8 * int(label)), spread])
            lines[number] += f",{0.1 + 0.8 * int(label)},{0.9 - 0.8 * int(label)}"
        (two / f"fold{fold}/scores.csv").write_text("\n".join(lines) + "\n")
    other = write_synthetic_run(root / "other", cells=70, shift=False)
    record = json.loads((other / "run.json").read_text())
    record["dataset"]["fingerprint"] = "e" * 64
    (other / "run.json").write_text(json.dumps(record))
    return [one, two, other]


def test_the_table_holds_both_tests_of_the_cells_in_common(folders):
    one, two, _ = runs = [load_run(folder) for folder in folders]
    table = comparison_table(runs)
    assert [row[0] for row in table.rows] == ["one | two"]  # the third is of another set
    cells = paired(one, two)
    assert cells.ids == tuple(sorted(two.ids))
    assert cells.first.tolist() == [dict(zip(one.ids, one.pooled("scores"), strict=True))[cell] for cell in cells.ids]
    found = compare(cells.labels, cells.first, cells.second, [two.cells[cell].group for cell in cells.ids])
    assert table.data["runs"]["one | two"] == found
    assert found["only_first"] > 0
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert (row["cells"], row["groups"]) == (28, len({two.cells[cell].group for cell in cells.ids}))
    assert row["P"] == f"{found['p_right']:.3f}"
    assert any("groups kept whole" in note for note in table.notes)


def test_the_tool_prints_it(folders):
    done = run_tool(ROOT, "compare", *folders[:2])
    assert "one | two" in done.stdout and "DeLong" in done.stdout
    assert "cells that" in run_tool(ROOT, "compare", folders[0], folders[2], status=2).stderr
    assert "two runs or more" in run_tool(ROOT, "compare", folders[0], status=2).stderr
