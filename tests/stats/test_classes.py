"""A set of normal and abnormal cells whose rows name finer kinds, as a manifest of Bethesda classes does."""

from deeppap.scoring.results import load_run
from deeppap.stats.classes import CellClass, classes_of
from tests.support.checkout import ROOT


def test_all_abnormal_cells_are_not_called_by_one_of_their_kinds():
    run = load_run(ROOT / "results/cric-field-quick-inner-folds0-4")
    assert len({row.class_name for row in run.cells.values() if row.label == 1}) == 4
    assert classes_of(run) == [CellClass(0, "normal", 0), CellClass(1, "abnormal", 1)]
