"""Every table on synthetic runs: its figures counted again by hand, its notes, its files."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from deeppap.io.errors import UserError
from deeppap.report.notes import run_notes
from deeppap.report.tables.against_baselines import against_baselines_table
from deeppap.report.tables.all_tables import all_tables
from deeppap.report.tables.beside_paper import beside_the_papers_interval
from deeppap.report.tables.comparison import chance
from deeppap.report.tables.ranges import BY_CELL, BY_GROUP
from deeppap.report.tables.table import Table
from deeppap.report.tables.views import views_table
from deeppap.scoring.results import load_run
from deeppap.stats.baseline_metrics import baseline_metrics
from deeppap.stats.by_class import confusion, seven_errors
from deeppap.stats.by_view import accuracy_by_views, centre_crop_accuracy, metrics_by_angle
from deeppap.stats.compare import compare
from deeppap.stats.intervals import interval
from deeppap.stats.performance import summary
from deeppap.stats.resampling import share_interval
from tests.support.synthetic_run import write_synthetic_run


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    kinds = {
        "cell": {},
        "field": {"protocol": "field", "dataset": "herlev"},
        "seven": {"classes": 7, "folds": [0, 2], "seed": 4},
        "mine": {"dataset": "mine", "shift": False},
    }
    return {name: load_run(write_synthetic_run(root / name, cells=70, **kind)) for name, kind in kinds.items()}


@pytest.fixture(scope="module")
def tables(runs):
    return {table.name: table for table in all_tables(list(runs.values()))}


def row(table, start):
    found = [line for line in table.rows if line[0].startswith(start)]
    assert len(found) == 1, [line[0] for line in table.rows]
    return found[0]


def edited(run, **change):
    path = run.folder / "run.json"
    before = path.read_text()
    path.write_text(json.dumps(json.loads(before) | change))
    try:
        return load_run(run.folder)
    finally:
        path.write_text(before)


def test_all_tables_are_there(tables):
    assert list(tables) == [
        *["table3", "table4", "table5", "seven_classes", "confusion", "comparison", "baselines"],
        "against_baselines",
        *["operating_point", "calibration", "views", "angles", "speed"],
    ]


def test_table3_pooled_and_mean_are_those_of_the_scores(runs, tables):
    run, table = runs["cell"], tables["table3"]
    right = (run.pooled("scores") >= 0.5) == run.pooled("labels")
    pooled = row(table, "cell: pooled, 5 folds")
    assert pooled[1] == 70
    assert pooled[4] == f"{100 * right.mean():.1f}"
    assert pooled[7] == f"{roc_auc_score(run.pooled('labels'), run.pooled('scores')):.3f}"
    each = [accuracy_score(fold.labels, fold.scores >= 0.5) for fold in run.folds]
    spread = f"{100 * np.mean(each):.1f} ± {100 * np.std(each, ddof=1):.1f}"
    assert row(table, "cell: mean ± std, 5 folds")[4] == spread
    shifted = accuracy_score(run.pooled("labels"), run.pooled("shift10") >= 0.5)
    assert row(table, "cell, centres shifted by up to 10 px: pooled, 5")[4] == f"{100 * shifted:.1f}"
    assert table.data["runs"]["cell"]["shift0"]["pooled"]["acc"] == pytest.approx(right.mean(), abs=1e-12)


def test_table3_stands_beside_the_paper(tables):
    table = tables["table3"]
    assert row(table, "paper: ConvNet-T (cited)")[2:] == ["98.2", "98.3", "98.3", "98.3", "98.8", "0.998"]
    assert row(table, "paper: ConvNet-T, centres")[4] == "97.8"
    assert row(table, "ANN")[5] == "98.2"
    assert any("not measured by us" in note for note in table.notes)
    assert any("97.2-98.9" in note for note in table.notes)


def test_table5_is_for_sets_of_ones_own(tables):
    table = tables["table5"]
    assert row(table, "paper")[4] == "98.6"
    assert row(table, "mine: pooled, 5 folds")[1] == 70
    assert not any("mine" in line[0] for line in tables["table3"].rows)
    assert not any("shifted" in line[0] for line in table.rows)


def test_table4_counts(runs, tables):
    table, run = tables["table4"], runs["seven"]
    right = (run.pooled("scores") >= 0.5) == run.pooled("labels")
    columnar = run.pooled("class7") == 2
    wanted = f"{(right & columnar).sum()}/{columnar.sum()} "
    assert row(table, "columnar")[table.columns.index("seven, folds 0,2 of 5")].startswith(wanted)
    assert row(table, "columnar")[1] == "94/98 (95.9 %)"
    assert row(table, "all")[1] == "901/917 (98.3 %)"
    assert row(table, "95 %")[1] == "97.2-98.9 %"


def test_seven_classes(runs, tables):
    run = runs["seven"]
    found, class7 = run.pooled("probs").argmax(axis=1), run.pooled("class7")
    errors = seven_errors(run)
    assert errors["seven_way"] == pytest.approx(1 - accuracy_score(class7, found))
    assert errors["collapsed"] == pytest.approx(1 - accuracy_score(class7 > 2, found > 2))
    assert 0 <= errors["collapsed"] < errors["seven_way"] < 1
    counts = confusion(run)
    assert counts.shape == (7, 7)
    assert counts.sum() == len(class7)
    assert counts[4, 3] == ((class7 == 4) & (found == 3)).sum()
    assert np.trace(counts) == pytest.approx((1 - errors["seven_way"]) * len(class7))
    assert any("collaps" in note and "1.6 %" in note for note in tables["seven_classes"].notes)
    assert row(tables["seven_classes"], "paper")[2].startswith("1.6")


def test_missing_folds_are_said_on_every_table(tables):
    for table in tables.values():
        if table.name not in ("table5",):
            assert any("seven: only folds 0,2 of 5" in note for note in table.notes), table.name
    assert row(tables["calibration"], "seven")[0] == "seven, folds 0,2 of 5"


def test_every_table_of_a_phantom_says_that_it_is_a_drawing(runs):
    for table in all_tables([runs["cell"], runs["seven"]]):
        assert any("drawing (phantom)" in note for note in table.notes), table.name
    for table in all_tables([runs["field"]]):
        assert not any("phantom" in note for note in table.notes), table.name


def test_no_note_is_said_twice_under_a_table(tables):
    assert [table.name for table in tables.values() if len(set(table.notes)) < len(table.notes)] == []


def test_notes_follow_the_run(runs):
    herlev = edited(runs["field"], profile="paper")
    assert not any("profile" in note or "weights" in note for note in run_notes(herlev))
    assert any("no test cell has a cell of its field" in note for note in run_notes(herlev))
    assert any("profile quick" in note for note in run_notes(runs["field"]))
    other = edited(runs["field"], weights={"name": "alexnet.caffemodel"}, control="shuffled labels")
    assert any("weights alexnet.caffemodel" in note for note in run_notes(other))
    assert any("control run (shuffled labels)" in note for note in run_notes(other))
    assert any("Gaussian" in note for note in run_notes(edited(runs["field"], weights=None)))
    flagged = edited(runs["mine"], dataset={"name": "mine", "phantom": True})
    assert any("drawing (phantom)" in note for note in run_notes(flagged))


def with_wrong(run, number):
    """The run with so many cells wrong, dealt out over its folds; the others right."""
    for place, fold in enumerate(run.folds):
        fold.scores[:] = np.where(fold.labels == 1, 0.9, 0.1)
        mine = range(place, number, len(run.folds))
        fold.scores[: len(mine)] = 1 - fold.scores[: len(mine)]
    return run


@pytest.fixture
def whole(tmp_path):
    """As many cells as Herlev has."""
    return load_run(write_synthetic_run(tmp_path / "run", cells=917, dataset="herlev", shift=False))


@pytest.mark.parametrize(
    ("wrong", "acc", "ours", "papers"), [(17, "98.1", "inside", "inside"), (87, "90.5", "outside", "outside")]
)
def test_a_complete_herlev_run_is_placed_in_the_papers_interval(whole, wrong, acc, ours, papers):
    """Both sides, so that neither can be exchanged for the other unnoticed."""
    placed = beside_the_papers_interval([with_wrong(whole, wrong)])[1:]
    assert len(placed) == 1
    wanted = f"run: pooled Acc {acc} lies {ours} it; the paper's 98.3 lies {papers} ours, "
    assert placed[0].startswith(wanted)
    low, high = map(float, placed[0].removeprefix(wanted).split("-"))
    assert (low <= 98.3 <= high) == (papers == "inside") and low < float(acc) < high


def test_only_what_repeats_the_papers_run_is_placed_in_its_interval(whole):
    """Not a control, a part of the set, a manifest of that name, other folds, or a net that began as another."""
    adapted = {"trained": {"source": {"run": "r", "sha256": "a" * 64}}}
    others = [
        edited(whole, control="shuffle"),
        edited(whole, protocol="field"),
        edited(whole, dataset={"name": "herlev", "paper": None}),
        replace(whole, folds=whole.folds[:4], missing_folds=(4,)),
        replace(
            whole,
            folds=tuple(
                replace(fold, ids=fold.ids[1:], labels=fold.labels[1:], scores=fold.scores[1:]) for fold in whole.folds
            ),
        ),
        replace(whole, folds=(replace(whole.folds[0], model=adapted), *whole.folds[1:])),
    ]
    assert [len(beside_the_papers_interval([run])) for run in (whole, *others)] == [2, *[1] * len(others)]


@pytest.fixture(scope="module")
def tables_by_cell(runs, tmp_path_factory):
    """The same tables where nobody knows which cells were captured together."""
    found = []
    for run in runs.values():
        folder = shutil.copytree(run.folder, tmp_path_factory.mktemp("ungrouped") / run.name)
        rows = [line.split(",") for line in (folder / "cells.csv").read_text().splitlines()]
        at = rows[0].index("group")
        cells = [",".join([*row[:at], "" if number else "group", *row[at + 1 :]]) for number, row in enumerate(rows)]
        (folder / "cells.csv").write_text("\n".join(cells) + "\n")
        found.append(load_run(folder))
    return {table.name: table for table in all_tables(found)}


FIGURES = {
    "table4": slice(2, None),
    "seven_classes": slice(3, None),
    "confusion": slice(8, None),
    "baselines": slice(2, None),
    "operating_point": slice(2, 4),
    "calibration": slice(2, None),
    "views": slice(3, 4),
    "angles": slice(3, None),
}


def test_no_table_is_forgotten(tables):
    """Table 3 and 5 give them in rows of their own; times and tests of two runs are no shares of cells."""
    others = {"table3", "table5", "comparison", "against_baselines", "speed"}
    assert FIGURES.keys() | others == tables.keys()


@pytest.mark.parametrize("name", FIGURES)
def test_every_table_gives_intervals_by_group(name, tables, tables_by_cell):
    by_group, by_cell = (
        [text for line in found[name].rows for text in line[FIGURES[name]] if isinstance(text, str) and "-" in text[1:]]
        for found in (tables, tables_by_cell)
    )
    assert len(by_group) == len(by_cell) > 1
    different = sum(one != two for one, two in zip(by_group, by_cell, strict=True))
    # where a class's cells are of as many groups and all are right, both ways are Wilson's of them
    assert different >= {"table4": 5, "confusion": 2}.get(name, len(by_group))
    for found, note in ((tables, BY_GROUP), (tables_by_cell, BY_CELL)):
        assert any(note in line for line in found[name].notes)


def test_every_figure_of_a_class_and_of_a_baseline_has_its_interval(runs, tables):
    run = runs["seven"]
    is_right = (run.pooled("scores") >= 0.5) == run.pooled("labels")
    of = run.pooled("class7") == 2
    low, high = share_interval(is_right[of], run.groups()[of])
    place = tables["table4"].columns.index("seven, folds 0,2 of 5")
    assert row(tables["table4"], "columnar")[place].endswith(f" %, {100 * low:.1f}-{100 * high:.1f})")
    (area,) = [line for line in tables["baselines"].rows if line[0].startswith("cell") and "area" in line[1]]
    cell = runs["cell"]
    chances = [cell.baselines["nucleus_area"]["chances"][name] for name in cell.ids]
    low, high = interval(cell.pooled("labels"), chances, "auc", cell.groups())
    auc = roc_auc_score(cell.pooled("labels"), chances)
    assert area[tables["baselines"].columns.index("AUC")] == f"{auc:.3f} ({low:.3f}-{high:.3f})"
    (named,) = [line for line in tables["baselines"].rows if line[0].startswith("cell") and "first number" in line[1]]
    assert named[tables["baselines"].columns.index("AUC")] == "-"  # it gives answers and no chances


def test_the_net_is_tested_against_each_baseline_on_the_same_cells(runs, tables):
    run, table = runs["cell"], tables["against_baselines"]
    entry = run.baselines["nucleus_area"]
    truth, net = run.pooled("labels"), run.pooled("scores")
    area = np.array([entry["chances"][name] for name in run.ids])
    net_right, area_right = (net >= 0.5) == truth, (area >= 0.5) == truth
    found = compare(truth, net, area, run.groups())
    assert found["auc"][0] == pytest.approx(roc_auc_score(truth, net))

    def of(method):
        (line,) = [line for line in table.rows if line[0].startswith("cell") and method in line[1]]
        return [line[table.columns.index(name)] for name in ("right: the net only", "the other only", "P", "P (AUC)")]

    counted = [(net_right & ~area_right).sum(), (area_right & ~net_right).sum()]
    assert of("area") == [*counted, chance(found["p_right"]), chance(found["p_auc"])]
    assert counted[0] != counted[1]
    assert of("first number")[2:] == [of("first number")[2], None]  # answers alone have no AUC to compare


def test_a_run_without_baselines_is_tested_against_none(runs):
    assert against_baselines_table([replace(runs["cell"], baselines=None)]) is None
    both = against_baselines_table([replace(runs["cell"], baselines=None), runs["field"]])
    assert {line[0] for line in both.rows} == {"field, 5 folds"}


def test_a_baselines_chance_of_one_half_is_abnormal_as_the_nets_is(runs):
    run = runs["cell"]
    entry = run.baselines["nucleus_area"]
    cell = next(name for name in run.ids if run.cells[name].label == 1)

    def sensitivity(chance):
        normal = {"predictions": entry["predictions"] | {cell: [0, None]}}  # what the forest itself answers at a tie
        changed = entry | normal | {"chances": entry["chances"] | {cell: chance}}
        return baseline_metrics(replace(run, baselines={"nucleus_area": changed}), "nucleus_area")["sens"]

    assert sensitivity(0.5) - sensitivity(0.4999) == pytest.approx(1 / run.pooled("labels").sum())


def _first_views(fold, count):
    """A fold scored by fewer views."""
    return replace(fold, views=type(fold.views)(*(values[:, :count] for values in fold.views)))


def test_views(runs):
    run = runs["cell"]
    found = accuracy_by_views(run)
    assert [item["views"] for item in found] == [1, 5, 10, 25, 50, 100]
    assert found[-1]["acc"] == pytest.approx(accuracy_score(run.pooled("labels"), run.pooled("scores") >= 0.5))
    assert found == accuracy_by_views(run)
    assert found != accuracy_by_views(run, seed=1)
    single = np.concatenate([((f.views.scores >= 0.5) == f.labels[:, None]).mean(1) for f in run.folds]).mean()
    assert accuracy_by_views(run, counts=(1,), draws=2000)[0]["acc"] == pytest.approx(single, abs=0.005)
    fewer = replace(run, folds=tuple(_first_views(fold, 7) for fold in run.folds))
    assert [item["views"] for item in accuracy_by_views(fewer)] == [1, 5, 7]
    assert [row[1] for row in views_table([fewer]).rows] == [1, 5, 7, 1, 7]
    centre = centre_crop_accuracy(run)
    assert 0.5 < centre["one_view"] <= 1
    assert 0.5 < centre["all_views"] <= 1


def test_angles_find_a_net_that_learnt_the_angle(runs):
    run = runs["mine"]
    fair = metrics_by_angle(run)
    assert [item["angle"] for item in fair] == [36.0 * k for k in range(10)]
    assert all(item["views"] == 700 for item in fair)
    for fold in run.folds:
        fold.views.scores[fold.views.angles == 72] = 0
    fooled = metrics_by_angle(run)
    assert fooled[2]["sens"] == 0.0
    assert fooled[2]["spec"] == 1.0
    assert fooled[3] == fair[3]


def test_baselines_are_counted_on_the_scored_cells(runs, tables):
    run = runs["seven"]
    named = run.baselines["nucleus_area"]["predictions"]
    right = np.mean([named[cell][0] == label for cell, label in zip(run.ids, run.pooled("labels"), strict=True)])
    found = [line for line in tables["baselines"].rows if line[0].startswith("seven") and "area" in line[1]]
    assert found[0][2].split(" ")[0] == f"{100 * right:.1f}"
    broken = load_run(run.folder)
    broken.baselines["majority"]["predictions"].pop(run.ids[0])
    with pytest.raises(UserError, match="prediction for every cell"):
        all_tables([broken])


def test_operating_point_from_other_folds(runs, tables):
    data = tables["operating_point"].data["runs"]["cell"]
    assert data["pooled"]["sens"] >= 0.99
    run = runs["cell"]
    called = []
    for fold in run.folds:
        rest = np.concatenate([o.scores[o.labels == 1] for o in run.folds if o is not fold])
        called.append(fold.scores >= np.sort(rest)[::-1][int(np.ceil(0.99 * len(rest))) - 1])
    abnormal = run.pooled("labels") == 1
    assert data["cross_fitted"]["sens"] == pytest.approx(np.concatenate(called)[abnormal].mean())


def test_speed(tables):
    assert row(tables["speed"], "paper")[1:] == ["GTX TITAN Z", 1000, "3.5", "286"]
    assert row(tables["speed"], "cell")[1:] == ["CPU, synthetic", "1000", "40", "25"]


def test_a_fold_of_one_class_leaves_a_dash(runs):
    fold = runs["cell"].folds[0]
    normal = np.flatnonzero(fold.labels == 0)
    one = type(fold)(**{**fold.__dict__, "labels": fold.labels[normal], "scores": fold.scores[normal]})
    found = summary([one])
    assert found["pooled"]["sens"] is None
    assert found["interval"]["sens"] is None
    both = summary([one, runs["cell"].folds[1]])
    assert both["over_folds"]["sens"].folds == 1


def test_runs_without_scores_make_no_table(tmp_path):
    run = load_run(write_synthetic_run(tmp_path / "r", folds=0, cells=35))
    assert all_tables([run]) == []


def test_runs_of_one_name_stay_apart(runs):
    table = all_tables([runs["cell"], runs["cell"]])[0]
    assert row(table, "cell (1): pooled, 5 folds")[2:] == row(table, "cell (2): pooled, 5 folds")[2:]


def test_files_and_text(tables, tmp_path):
    for table in tables.values():
        table.write(tmp_path)
        with (tmp_path / f"{table.name}.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        assert rows[0] == table.columns
        assert len(rows) == len(table.rows) + 1
        read = json.loads((tmp_path / f"{table.name}.json").read_text(encoding="utf-8"))
        assert read["notes"] == table.notes
        assert "NaN" not in (tmp_path / f"{table.name}.json").read_text(encoding="utf-8")
        assert table.title in table.text()
    assert not list(tmp_path.glob(".*"))


def test_text_is_aligned_and_cannot_move_the_cursor():
    table = Table("t", "A title", ["name", "n"], [["a\x1b[2J", 1], ["b", None]], ["a\nnote"])
    lines = ["A title", "", "name      n", "--------  -", "a\\x1b[2J  1", "b         -", "  * a\\nnote", ""]
    assert table.text().split("\n") == lines
    with pytest.raises(ValueError, match="row of 1"):
        Table("t", "A title", ["a", "b"], [["x"]])
