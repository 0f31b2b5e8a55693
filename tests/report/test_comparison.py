"""Runs on the same cells: tests of two, gains of an adapted one, and a data set's baselines alone."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec.structs import replace as changed

from data_prep.cells import Cell, Dataset
from data_prep.classes import LABELS
from deeppap.records import ExternalRecord, NetRecord, RunRecord, SplitRecord
from deeppap.report.figures import all_figures, curves
from deeppap.report.runs import BY_GROUP, common_cells, named
from deeppap.report.table import with_interval
from deeppap.report.tables.comparison import ADAPTED, BEFORE, OTHER, adapted_runs, adapting, baselines_alone, comparison
from deeppap.scoring.results import load_run
from deeppap.stats.baselines import all_baselines
from deeppap.stats.compare import compare
from deeppap.stats.intervals import interval
from deeppap.stats.metrics import binary_metrics
from tests.support.checkout import ROOT, run_tool
from tests.support.figures import texts
from tests.support.records import change
from tests.support.sources import source_record
from tests.support.synthetic_run import write_synthetic_run


def better(result, name, share):
    """The run with scores pulled so far towards the truth."""
    folds = tuple(replace(fold, scores=fold.scores + share * (fold.labels - fold.scores)) for fold in result.folds)
    return replace(result, name=name, folds=folds)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "one"
    return load_run(write_synthetic_run(folder, cells=70, shift=False, dataset="phantom-manifest"))


@pytest.fixture
def three(result):
    """The source net as it is, one trained without it, and the adapted net."""
    nets = [NetRecord(folder="x", weights_sha="b" * 64, fold_sha="c" * 64)]
    parts = {"trained_on": "herlev", "source": None, "training_um": 0.2, "out_of_distribution": None}
    before = replace(result, name="before", record=changed(result.record, external=ExternalRecord(nets=nets, **parts)))
    adapted = better(result, "adapted", 0.4)
    folds = []
    for fold in adapted.folds:
        recipe = changed(fold.model.recipe, source=source_record())
        folds.append(replace(fold, model=changed(fold.model, recipe=recipe)))
    return [before, better(result, "alone", 0.1), replace(adapted, folds=tuple(folds))]


def test_common_cells_are_those_that_all_have_scored(result):
    part = replace(result, folds=result.folds[1:3])
    found = common_cells([result, part])
    ids = sorted(part.ids)
    whole = dict(zip(result.ids, result.pooled("scores"), strict=True))
    assert found.scores[0].tolist() == found.scores[1].tolist() == [whole[cell] for cell in ids]
    assert found.labels.tolist() == [result.cells[cell].label for cell in ids]
    assert found.groups.tolist() == [result.cells[cell].group for cell in ids]


def test_runs_without_common_cells_have_none(result):
    data = changed(result.record.dataset, dataset_sha="e" * 64)
    other = replace(result, record=changed(result.record, dataset=data))
    parts = [replace(result, folds=result.folds[:1]), replace(result, folds=result.folds[1:])]
    for runs in ([result, other], parts, [result, replace(result, folds=())]):
        assert common_cells(runs) is None
        assert comparison(named(runs)) is None


def test_the_table_holds_both_tests(result):
    second = better(result, "two", 0.3)
    table = comparison(named([replace(result, name="one"), second]))
    cells = common_cells([result, second])
    found = compare(cells.labels, *cells.scores, cells.groups)
    assert table.data["runs"] == {"one | two": found}
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert (row["runs"], row["cells"], row["groups"]) == ("one | two", 70, len(set(cells.groups)))
    assert (row["right: first only"], row["second only"]) == (found["only_first"], found["only_second"])
    assert row["P"] == f"{found['p_right']:.3f}"


def test_the_tool_prints_it(tmp_path, result):
    other = write_synthetic_run(tmp_path / "the other", cells=70, shift=False, dataset="phantom-manifest", folds=[0, 2])
    strange = write_synthetic_run(tmp_path / "strange", cells=35, shift=False)
    record = RunRecord.read(strange)
    change(RunRecord, strange, dataset=changed(record.dataset, dataset_sha="e" * 64))
    split = SplitRecord.read(strange)
    SplitRecord.of(split.protocol, split.seed, "e" * 64, split.folds).write(strange)
    done = run_tool(ROOT, "compare", result.folder, other)
    assert "one | the other" in done.stdout
    following = shlex.split(done.stdout.splitlines()[-1].removeprefix("Next: "))
    assert following == ["tools/report.py", str(result.folder), str(other)]
    for runs in ((other, tmp_path / "none"), (tmp_path / "none", other)):
        assert f"{tmp_path / 'none'}: " in run_tool(ROOT, "compare", *runs, status=2).stderr
    assert "cells that" in run_tool(ROOT, "compare", result.folder, strange, status=2).stderr
    assert run_tool(ROOT, "compare", result.folder, status=2).stderr.count("\n") >= 1


def test_adapting_tells_the_three_apart_and_pairs_them(three):
    (found,) = adapted_runs(named(three))
    assert [(net.label, net.kind) for net in found.nets] == [("before", BEFORE), ("alone", OTHER), ("adapted", ADAPTED)]
    own = [binary_metrics(run.pooled("labels"), run.pooled("scores")) for run in three]
    for name, first in (("before", own[0]), ("alone", own[1])):
        value, limits = found.gains[name]["sens"]
        assert value == pytest.approx(own[2]["sens"] - first["sens"])
        assert limits is None or limits[0] <= value <= limits[1]
    assert own[2]["acc"] > own[0]["acc"]


def test_the_table_and_the_figure_of_adapting_show_them(three):
    table = adapting(named(three))
    assert [row[0] for row in table.rows] == [
        f"before ({BEFORE})",
        "alone",
        f"adapted ({ADAPTED})",
        "adapted: gain over before",
        "adapted: gain over alone",
    ]
    assert all(row[2][0] in "+-" for row in table.rows[3:])
    (plot,) = [plot for plot in all_figures(named(three)) if plot.name == curves.adapting.name]
    said = texts(plot.draw())
    assert BEFORE in said
    assert "alone" in said


def test_without_an_adapted_run_beside_another_there_is_neither(three):
    for runs in (three[:2], three[2:]):
        assert adapting(named(runs)) is None
        assert not [plot for plot in all_figures(named(runs)) if plot.name.startswith("adapting")]


def test_a_run_that_shares_no_cell_does_not_hide_the_others(three):
    before, alone, adapted = three
    first = replace(adapted, folds=adapted.folds[:1])
    elsewhere = replace(alone, folds=alone.folds[1:2])
    (found,) = adapted_runs(named([before, elsewhere, first]))
    assert [net.label for net in found.nets] == ["before", "adapted"]


def test_a_data_sets_baselines_have_intervals_by_group():
    place = Path("none")
    cells = [Cell(f"{i:02d}-1", place, i % 2, LABELS[i % 2], (0.0, 0.0), str(i // 4)) for i in range(40)]
    dataset = Dataset("made", place, tuple(cells))
    areas = {c.id: 100 + 60 * c.label + 7 * (i * 31 % 17) for i, c in enumerate(cells)}
    found = all_baselines(dataset, [[c.id for c in cells[k::5]] for k in range(5)], areas)
    table, chances = baselines_alone(dataset, found, "cell"), found["nucleus_area"]["chances"]
    (area,) = [row for row in table.rows if row[0].startswith("nucleus area")]
    truth, groups = ([getattr(dataset.by_id()[name], field) for name in chances] for field in ("label", "group"))
    scores = list(chances.values())
    for column, name, digits in ((1, "acc", None), (2, "sens", None), (3, "spec", None), (4, "auc", 3)):
        value = binary_metrics(truth, scores)[name]
        assert area[column] == with_interval(value, interval(truth, scores, name, groups), digits)
    assert BY_GROUP in table.notes
    assert [row[4] for row in table.rows if "file name" in row[0]] == ["-", "-"]  # answers and no chances
