"""A run folder read back, and everything that can be wrong in it."""

import numpy as np
import pytest

from data_prep.classes import PLAIN
from deeppap.io.errors import UserError
from deeppap.records import RunRecord, SplitRecord
from deeppap.scoring.results import load_run
from tests.support.records import change, change_scores
from tests.support.synthetic_run import write_synthetic_run


@pytest.fixture
def run(tmp_path):
    return write_synthetic_run(tmp_path / "run", cells=35)


def edit(path, change):
    lines = path.read_text(encoding="utf-8").split("\n")
    change(lines)
    path.write_text("\n".join(lines), encoding="utf-8")


def set_value(path, line, column, value):
    def change(lines):
        place = lines[0].split(",").index(column)
        values = lines[line].split(",")
        values[place] = value
        lines[line] = ",".join(values)

    edit(path, change)


def refused(folder, *words):
    with pytest.raises(UserError) as caught:
        load_run(folder)
    text = str(caught.value)
    assert "\n" not in text
    for word in words:
        assert word in text


def test_a_whole_run(run):
    found = load_run(run)
    assert (found.name, found.n_folds, found.outputs, found.missing_folds) == ("run", 5, PLAIN, ())
    assert found.has_seven
    assert found.fold_text() == "5 folds"
    assert len(found.ids) == len(set(found.ids)) == 35
    assert found.pooled("scores").shape == (35,)
    assert found.pooled("shift10").shape == (35,)
    fold = found.folds[3]
    assert list(fold.ids) == found.split.folds[3]
    assert fold.views.scores.shape == (7, 100)
    np.testing.assert_allclose(fold.views.scores.mean(axis=1), fold.scores, atol=1e-8)
    np.testing.assert_allclose(fold.views.scores.std(axis=1), fold.spread, atol=1e-8)
    np.testing.assert_allclose(fold.probs.sum(axis=1), 1, atol=1e-6)
    assert [found.cells[cell].label for cell in fold.ids] == fold.labels.tolist()
    assert fold.model.epoch == 3
    assert len(found.baselines["majority"]["predictions"]) == 35


def test_missing_folds_are_listed(tmp_path):
    found = load_run(write_synthetic_run(tmp_path / "r", folds=[0, 2], cells=35))
    assert found.missing_folds == (1, 3, 4)
    assert found.fold_text() == "folds 0,2 of 5"
    assert load_run(write_synthetic_run(tmp_path / "s", folds=1, cells=35)).fold_text() == "fold 0 of 5"
    none = load_run(write_synthetic_run(tmp_path / "t", folds=0, cells=35))
    assert (none.folds, none.missing_folds) == ((), (0, 1, 2, 3, 4))


def test_optional_files_may_be_absent(run):
    for name in ("view_scores.csv", "scores_shift5.csv", "model.json"):
        (run / "fold1" / name).unlink()
    (run / "baselines.json").unlink()
    found = load_run(run)
    assert found.folds[1].views is None
    assert found.folds[1].shift5 is None
    assert found.baselines is None
    assert [fold.fold for fold in found.folds_with("shift5")] == [0, 2, 3, 4]
    assert found.fold_text(found.folds_with("shift5")) == "folds 0,2,3,4 of 5"


@pytest.mark.parametrize("name", ["scores.csv", "scores_shift5.csv"])
def test_scores_that_were_changed_are_refused(run, name):
    set_value(run / "fold2" / name, 3, "score", "0.5")
    refused(run, name, "a record of other scores")


def test_a_value_that_is_no_number_is_refused(run):
    set_value(run / "fold0/scores.csv", 3, "score", "nan")
    change_scores(run / "fold0")
    refused(run, "scores.csv:4", "finite")


def test_a_label_other_than_the_data_sets_is_refused(run):
    path = run / "fold0/scores.csv"
    label = path.read_text().split("\n")[1].split(",")[2]
    set_value(path, 1, "label", str(1 - int(label)))
    change_scores(run / "fold0")
    refused(run, "as in cells.csv")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda lines: lines.pop(2), "the 7 cells"),
        (lambda lines: lines.__setitem__(0, lines[0].replace("score", "points", 1)), "columns id,class7"),
        (lambda lines: lines.__setitem__(2, lines[2] + ",1"), "7 values"),
        (lambda lines: lines.__setitem__(2, '"'), "CSV"),
        (lambda lines: lines.clear(), "columns"),
    ],
)
def test_a_malformed_file_is_refused(run, change, word):
    edit(run / "fold0/scores.csv", change)
    change_scores(run / "fold0")
    refused(run, "scores.csv", word)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda lines: lines.pop(50), "views"),
        (lambda lines: lines.__setitem__(50, lines[49]), "views"),
        (lambda lines: lines.__setitem__(50, "stranger" + lines[50][lines[50].index(",") :]), "cell of this fold"),
        (lambda lines: lines.__setitem__(slice(1, None), [""]), "views"),
    ],
)
def test_malformed_view_scores_are_refused(run, change, word):
    edit(run / "fold0/view_scores.csv", change)
    refused(run, "view_scores.csv", word)


def test_a_split_of_other_cells_is_refused(run):
    SplitRecord.of("cell", 1, "f" * 64, [["stranger"]]).write(run)
    refused(run, "split.json", "stranger")


def test_no_run_is_refused(tmp_path):
    refused(tmp_path / "nothing", "no such folder")
    refused(tmp_path, "run.json", "no such file")


def test_seven_class_scores_need_seven_probabilities(tmp_path):
    folder = write_synthetic_run(tmp_path / "r", classes=7, cells=35)
    found = load_run(folder)
    np.testing.assert_allclose(found.pooled("probs")[:, 3:].sum(axis=1), found.pooled("scores"), atol=1e-7)
    change(RunRecord, folder, classes=2)
    refused(folder, "scores.csv", "columns")


def test_a_fold_given_for_its_run_is_told_the_run(run):
    (run / "fold0/fold.json").write_text("{}")
    refused(run / "fold0", "a run's folder, found a fold of one", f"Give {run}")
