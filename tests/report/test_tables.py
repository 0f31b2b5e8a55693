"""Every table on synthetic runs: its figures counted again by hand, its notes, its files."""

import csv
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from msgspec.structs import replace as changed
from sklearn.metrics import accuracy_score, confusion_matrix, roc_auc_score

from data_prep.classes import CellClass
from deeppap.records import ModelRecord, SetRecord, ThresholdRecord
from deeppap.report.runs import BY_CELL, BY_GROUP, named
from deeppap.report.table import Table, range_text, with_interval, with_notes_once
from deeppap.report.tables import all_tables
from deeppap.report.tables.architecture import architecture_tables
from deeppap.report.tables.classes import confusion_tables, own_classes
from deeppap.report.tables.comparison import against_baselines, by_set, chance
from deeppap.report.tables.performance import table3
from deeppap.scoring.results import load_run
from deeppap.stats.compare import compare
from deeppap.stats.intervals import TOO_FEW, interval, share_interval
from tests.support.checkout import ROOT
from tests.support.records import change
from tests.support.sources import source_record
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


def tables_of(*runs):
    return {table.name: table for table in all_tables(named(runs))}


@pytest.fixture(scope="module")
def tables(runs):
    return tables_of(*runs.values())


def row(table, start):
    """The one row whose first entries begin so."""
    found = [line for line in table.rows if " | ".join(map(str, line[:2])).startswith(start)]
    assert len(found) == 1, [line[:2] for line in table.rows]
    return found[0]


def entry(table, start, column):
    return row(table, start)[table.columns.index(column)]


def test_table3_pooled_and_mean_are_those_of_the_scores(runs, tables):
    run, table = runs["cell"], tables["table3"]
    labels, scores = run.pooled("labels"), run.pooled("scores")
    acc = accuracy_score(labels, scores >= 0.5)
    assert row(table, "cell: pooled, 5 folds")[1] == 70
    assert entry(table, "cell: pooled, 5 folds", "Acc (%)") == f"{100 * acc:.1f}"
    assert entry(table, "cell: pooled, 5 folds", "AUC") == f"{roc_auc_score(labels, scores):.3f}"
    each = [accuracy_score(fold.labels, fold.scores >= 0.5) for fold in run.folds]
    spread = f"{100 * np.mean(each):.1f} ± {100 * np.std(each, ddof=1):.1f}"
    assert entry(table, "cell: mean ± std, 5 folds", "Acc (%)") == spread
    shifted = accuracy_score(labels, run.pooled("shift10") >= 0.5)
    assert entry(table, "cell, centres shifted by up to 10 px: pooled, 5", "Acc (%)") == f"{100 * shifted:.1f}"
    data = table.data["runs"]["cell"]["shift0"]
    assert data["pooled"]["acc"] == pytest.approx(acc, abs=1e-12)
    assert (data["cells"], [fold["fold"] for fold in data["folds"]]) == (70, [0, 1, 2, 3, 4])


def test_table3_stands_beside_the_paper(tables):
    table = tables["table3"]
    assert row(table, "paper: ConvNet-T (cited)")[2:] == ["98.2", "98.3", "98.3", "98.3", "98.8", "0.998"]
    assert row(table, "paper: ConvNet-T, centres")[4] == "97.8"
    assert row(table, "ANN")[5] == "98.2"
    assert any("97.2-98.9" in note for note in table.notes)


def test_a_metric_that_a_fold_lacks_is_a_mean_over_the_others(runs):
    first, *others = runs["field"].folds
    normal = first.labels == 0
    arrays = {name: getattr(first, name)[normal] for name in ("labels", "scores", "probs", "kinds")}
    ids = tuple(cell for cell, is_normal in zip(first.ids, normal, strict=True) if is_normal)
    one = replace(first, ids=ids, shift5=None, shift10=None, **arrays)
    table = table3(named([replace(runs["field"], folds=(one, others[0]))]))
    assert entry(table, "field: mean", "Sens (%)").endswith("(of 1)")
    table = table3(named([replace(runs["field"], folds=(one,))]))
    assert entry(table, "field: pooled, fold 0", "Sens (%)") == "-"


def test_table5_is_for_sets_without_the_seven_classes(runs, tables):
    table = tables["table5"]
    assert not any("cited" in line[0] for line in table.rows)
    data = changed(runs["mine"].record.dataset, name="HEMLBC-1")
    theirs = tables_of(replace(runs["mine"], record=changed(runs["mine"].record, dataset=data)))["table5"]
    assert row(theirs, "paper")[4] == "98.6"
    assert row(table, "mine: pooled, 5 folds")[1] == 70
    assert not any("mine" in line[0] for line in tables["table3"].rows)
    assert not any("shifted" in line[0] for line in table.rows)


def test_the_confusion_matrix_counts_the_calls(runs, tables):
    run = runs["cell"]
    truth, called = run.pooled("labels"), run.pooled("scores") >= 0.5
    line = row(tables["called"], "cell, 5 folds | abnormal")
    assert line[2:4] == [(~called & (truth == 1)).sum(), (called & (truth == 1)).sum()]
    assert line[4].startswith(f"{100 * called[truth == 1].mean():.1f} (")


def test_table4_counts(runs, tables):
    table, run = tables["table4"], runs["seven"]
    right = (run.pooled("scores") >= 0.5) == run.pooled("labels")
    columnar = run.pooled("kinds") == 2
    own = entry(table, "columnar", "seven, folds 0,2 of 5")
    limits = share_interval(right[columnar], run.groups()[columnar])
    assert own.startswith(f"{(right & columnar).sum()}/{columnar.sum()} ")
    assert own.endswith(f", {range_text(limits)})")
    assert row(table, "columnar")[1] == "94/98 (95.9 %)"
    assert row(table, "all")[1] == "901/917 (98.3 %)"
    assert row(table, "95 %")[1] == "97.2-98.9 %"


def test_seven_classes_and_their_confusion(runs, tables):
    run = runs["seven"]
    found, kinds = run.pooled("probs").argmax(axis=1), run.pooled("kinds")
    data = tables["seven_classes"].data["runs"]["seven"]["pooled"]
    assert data["each_class"] == pytest.approx(1 - accuracy_score(kinds, found))
    assert data["collapsed"] == pytest.approx(1 - accuracy_score(kinds > 2, found > 2))
    assert tables["confusion"].data["counts"] == confusion_matrix(kinds, found, labels=range(7)).tolist()
    assert row(tables["seven_classes"], "paper")[2].startswith("1.6")


def test_every_table_says_what_must_be_known_of_its_runs(tables):
    for table in tables.values():
        label = "mine" if table.name == "table5" else "seven"
        assert any(f"{label}: " in note for note in table.of_runs), table.name
        assert len({*table.notes, *table.of_runs}) == len(table.notes) + len(table.of_runs)
    assert row(tables["calibration"], "seven")[0] == "seven, folds 0,2 of 5"


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


@pytest.fixture(scope="module")
def tables_by_cell(runs):
    """The same tables if nobody knows which cells were captured together."""
    cells = {name: {cell: row._replace(group=None) for cell, row in run.cells.items()} for name, run in runs.items()}
    return tables_of(*[replace(run, cells=cells[name]) for name, run in runs.items()])


@pytest.mark.parametrize("name", FIGURES)
def test_every_table_gives_intervals_by_group(name, tables, tables_by_cell):
    by_group, by_cell = (
        [text for line in found[name].rows for text in line[FIGURES[name]] if isinstance(text, str) and "-" in text[1:]]
        for found in (tables, tables_by_cell)
    )
    assert len(by_cell) > 1
    assert set(by_group) != set(by_cell)
    for found, note in ((tables, BY_GROUP), (tables_by_cell, BY_CELL)):
        assert any(note in line for line in found[name].notes)


BETHESDA = ("NILM", "ASC-US", "LSIL", "ASC-H", "HSIL", "SCC", "junk")
GRADE_OF = np.array([0, 1, 1, 2, 2, 2, 3])  # of each of these: NILM, low, high, none


@pytest.fixture
def bethesda(rng):
    """A net of Bethesda's classes and junk, on 200 cells, 180 or so of them normal or abnormal."""
    classes = tuple(CellClass(name, {"NILM": "normal", "junk": "neither"}.get(name, "abnormal")) for name in BETHESDA)
    every = SimpleNamespace(probs=rng.dirichlet(np.ones(7), 200), kinds=rng.integers(0, 7, 200), ids=("a",) * 200)
    run = SimpleNamespace(folds=[1], says_classes=True, classes=classes, every=every, every_group=None, groups=None)
    run.kinds = every.kinds[every.kinds < 6]
    run.labels, run.scores = (run.kinds > 0).astype(int), rng.random(len(run.kinds))
    run.title, run.label, run.notes = "own", "own", []
    return run


def test_bethesda_classes_are_counted_by_grade_too(bethesda):
    table = own_classes([bethesda])
    counts = {line[1]: line[3:5] for line in table.rows}
    assert list(counts) == [*BETHESDA[:-1], "low grade (ASC-US, LSIL)", "high grade (ASC-H, HSIL, SCC)"]
    for grade in (BETHESDA[1:3], BETHESDA[3:6]):
        (name,) = (name for name in counts if name.endswith(f"grade ({', '.join(grade)})"))
        assert counts[name] == [sum(counts[one][k] for one in grade) for k in (0, 1)]
    bethesda.classes = tuple(CellClass(f"my {one.name}", one.label) for one in bethesda.classes)
    assert len(own_classes([bethesda]).rows) == 6


def test_a_grades_probability_is_the_sum_over_its_classes(bethesda):
    probs, kinds = bethesda.every.probs, bethesda.every.kinds
    six, grades = confusion_tables([bethesda])
    assert (six.name, grades.name) == ("confusion", "grades")
    sums = [probs[:, grade == GRADE_OF].sum(axis=1) for grade in range(4)]
    said = np.argmax(sums, axis=0)
    assert (said != GRADE_OF[probs.argmax(axis=1)]).any()  # not the grade of the likeliest class
    expected = confusion_matrix(GRADE_OF[kinds], said)
    assert grades.columns[1:-1] == ["NILM", "low", "high", "other"]
    assert grades.data["counts"] == expected.tolist() == [line[1:-1] for line in grades.rows]
    assert grades.rows[2][-1].startswith(f"{100 * expected[2, 2] / expected[2].sum():.1f} (")


def test_few_groups_are_named_in_place_of_an_interval(runs):
    """29 HSIL cells of a few fields had the interval 50.0-52.2."""
    run = runs["mine"]
    few = {
        cell: row._replace(group=row.group[-6] + row.group[-4], class_name=f"kind {row.label}")
        for cell, row in run.cells.items()
    }
    groups = [len({row.group for row in few.values() if row.label == label}) for label in (0, 1)]
    few = few if max(groups) < 5 else {cell: row._replace(group=str(row.label)) for cell, row in few.items()}
    table = tables_of(replace(run, cells=few))
    assert {line[table["own_classes"].columns.index("95 %")] for line in table["own_classes"].rows} == {TOO_FEW}
    assert row(table["table5"], "mine: pooled, 95 %")[2:] == [TOO_FEW] * 6
    assert TOO_FEW in row(table["calibration"], "mine")[2]
    assert TOO_FEW in table["table5"].text()
    assert entry(table["against_baselines"], "mine, 5 folds | nucleus area", "P (AUC)") is None


@pytest.mark.parametrize(
    ("limits", "text"), [((0.9, 0.95), "92.5 (90.0-95.0)"), (TOO_FEW, f"92.5 ({TOO_FEW})"), (None, "92.5")]
)
def test_a_figure_with_its_interval(limits, text):
    assert with_interval(0.925, limits) == text
    assert with_interval(None, limits) == "-"


def test_baselines_are_counted_on_the_scored_cells(runs, tables):
    run = runs["seven"]
    answers = run.baselines["nucleus_area"]["predictions"]
    right = np.mean([answers[cell][0] == label for cell, label in zip(run.ids, run.pooled("labels"), strict=True)])
    found = row(tables["baselines"], "seven, folds 0,2 of 5 | nucleus area")
    assert found[2].split(" ")[0] == f"{100 * right:.1f}"
    assert entry(tables["baselines"], "cell, 5 folds | nearest file name, first", "AUC") == "-"  # no chances


def test_the_net_is_tested_against_each_baseline_on_the_same_cells(runs, tables):
    run, table = runs["cell"], tables["against_baselines"]
    truth, net = run.pooled("labels"), run.pooled("scores")
    area = np.array([run.baselines["nucleus_area"]["chances"][name] for name in run.ids])
    net_right, area_right = (net >= 0.5) == truth, (area >= 0.5) == truth
    found = compare(truth, net, area, run.groups())
    line = row(table, "cell, 5 folds | nucleus area")
    counted = [(net_right & ~area_right).sum(), (area_right & ~net_right).sum()]
    places = [table.columns.index(name) for name in ("right: the net only", "the other only", "P", "P (AUC)")]
    assert [line[place] for place in places] == [*counted, chance(found["p_right"]), chance(found["p_auc"])]
    assert counted[0] != counted[1]
    assert entry(table, "cell, 5 folds | nearest file name, first", "P (AUC)") is None  # answers alone have no AUC


def test_a_run_without_baselines_is_tested_against_none(runs):
    bare = replace(runs["cell"], baselines=None)
    assert against_baselines(named([bare])) is None
    assert {line[0] for line in against_baselines(named([bare, runs["field"]])).rows} == {"field, 5 folds"}


def test_one_fold_has_no_mean_over_folds_and_its_notes_are_printed_once(runs):
    run = replace(runs["cell"], folds=runs["cell"].folds[:1])
    tables = tables_of(run)
    assert [row[0].partition(": ")[2] for row in tables["table3"].rows if row[0].startswith("cell: ")] == [
        "pooled, fold 0 of 5",
        "pooled, 95 % interval",
    ]
    notes = [note for one in with_notes_once(tables.values()) for note in (*one.notes, *one.of_runs)]
    every = [note for one in tables.values() for note in (*one.notes, *one.of_runs)]
    assert len(notes) < len(every) and sorted(notes) == sorted(set(every))


def test_each_fold_is_judged_at_the_threshold_of_its_own_inner_cells(runs, tables):
    assert "thresholds_for_use" not in tables  # none of these runs has held cells back
    run, limits, folds = runs["cell"], [0.1, 0.2, 0.3, 0.4, 0.9], []
    for fold, limit in zip(run.folds, limits, strict=True):
        facts = {"sensitivity": 0.95, "specificity": 0.5, "abnormal": 40 + fold.fold, "normal": 9}
        made = changed(fold.made[0], thresholds=(ThresholdRecord(threshold=limit, **facts),))
        folds.append(replace(fold, made=fold.made | {0: made}))
    table = tables_of(replace(run, folds=tuple(folds)))["thresholds_for_use"]
    paper, chosen = table.data["runs"]["cell"]
    labels, scores = run.pooled("labels"), run.pooled("scores")
    assert paper["sens"] == pytest.approx((scores >= 0.5)[labels == 1].mean())
    called = np.concatenate([fold.scores >= limit for fold, limit in zip(run.folds, limits, strict=True)])
    assert (chosen["sens"], chosen["spec"]) == pytest.approx(
        (called[labels == 1].mean(), (~called)[labels == 0].mean())
    )
    assert [line[2] for line in table.rows] == ["0.5", "0.1 to 0.9"]
    assert table.rows[1][-1] == "40 abnormal cells or more a net, uncertain"


def test_a_threshold_that_the_test_cells_chose_is_shown_without_intervals(runs):
    run = runs["cell"]
    fold = run.folds[0]

    def chosen_by(abnormal):
        facts = {"sensitivity": 0.95, "specificity": 0.5, "abnormal": abnormal, "normal": 9, "by": "test"}
        made = changed(fold.made[0], thresholds=(ThresholdRecord(threshold=0.2, **facts),))
        return tables_of(replace(run, folds=(replace(fold, made=fold.made | {0: made}),)))

    assert "thresholds_for_use" not in chosen_by(19)
    paper, chosen = chosen_by(20)["thresholds_for_use"].rows
    sens = 100 * (fold.scores >= 0.2)[fold.labels == 1].mean()
    assert (chosen[2], chosen[3]) == ("0.2", f"{sens:.1f}")
    assert "(" in paper[3] and "(" not in chosen[3] + chosen[4]
    assert chosen[-1] == "20 abnormal test cells, uncertain" and paper[-1] is None


def test_views_and_angles_are_those_of_the_view_scores(runs, tables):
    run = runs["cell"]
    rows = [line for line in tables["views"].rows if line[0].startswith("cell")]
    assert [line[1] for line in rows] == [1, 5, 10, 25, 50, 100, 1, 100]
    assert [line[2] for line in rows] == ["all"] * 6 + ["centre"] * 2
    acc = accuracy_score(run.pooled("labels"), run.pooled("scores") >= 0.5)
    assert rows[5][3].startswith(f"{100 * acc:.1f} (")
    angles = [line for line in tables["angles"].rows if line[0].startswith("cell")]
    assert [line[1] for line in angles] == [f"{36 * k}" for k in range(10)]
    at = np.concatenate([fold.views.scores[:, 30:40].mean(axis=1) for fold in run.folds])
    limits = interval(run.pooled("labels"), at, "acc", run.groups())
    assert angles[3][-1] == with_interval(accuracy_score(run.pooled("labels"), at >= 0.5), limits)


def test_runs_without_scores_make_no_table(tmp_path):
    assert tables_of(load_run(write_synthetic_run(tmp_path / "r", folds=0, cells=35))) == {}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """As many cells as Herlev has."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    return load_run(write_synthetic_run(folder, cells=917, dataset="herlev", shift=False))


def placed(run):
    """What Table 3 says of a run's place in the paper's interval."""
    return [note for note in table3(named([run])).notes if note.startswith("run: pooled Acc")]


@pytest.mark.parametrize(("wrong", "acc", "place"), [(17, "98.1", "inside"), (87, "90.5", "outside")])
def test_a_complete_herlev_run_is_placed_in_the_papers_interval(whole, wrong, acc, place):
    folds = []
    for number, fold in enumerate(whole.folds):  # so many cells wrong, dealt out over the folds
        scores = np.where(fold.labels == 1, 0.9, 0.1)
        mine = len(range(number, wrong, len(whole.folds)))
        scores[:mine] = 1 - scores[:mine]
        folds.append(replace(fold, scores=scores))
    (note,) = placed(replace(whole, folds=tuple(folds)))
    assert note.startswith(f"run: pooled Acc {acc} lies {place} it; the paper's 98.3 lies {place} ours, ")
    low, high = map(float, note.rsplit(" ", 1)[1].split("-"))
    assert (low <= 98.3 <= high) == (place == "inside")
    assert low < float(acc) < high


def test_only_what_repeats_the_papers_run_is_placed_in_its_interval(whole):
    """Not a control, a part of the set, a manifest of that name, other folds, or a net that began as another."""
    record, first = whole.record, whole.folds[0]
    recipe = changed(first.model.recipe, source=source_record())
    adapted = replace(first, model=changed(first.model, recipe=recipe))
    others = [
        replace(whole, record=changed(record, control="shuffle")),
        replace(whole, record=changed(record, protocol="field")),
        replace(whole, record=changed(record, dataset=changed(record.dataset, paper=None))),
        replace(whole, folds=whole.folds[:4]),
        replace(whole, folds=(adapted, *whole.folds[1:])),
    ]
    assert [len(placed(run)) for run in (whole, *others)] == [1, *[0] * len(others)]


@pytest.mark.parametrize("classes", [2, 7])
def test_table2_has_the_rates_of_the_projects_net(tmp_path, classes):
    run = write_synthetic_run(tmp_path / "r", folds=1, classes=classes, cells=35)
    (run / "fold0/train_val.prototxt").unlink()
    (table,) = architecture_tables(named([load_run(run)]))
    assert entry(table, "conv1", "lr_mult") == "0.1 / 0.2"
    assert entry(table, "conv1", "output") == "96 x 55 x 55"
    last = row(table, "fc8")
    assert (last[table.columns.index("lr_mult")], last[table.columns.index("output")]) == ("1 / 2", str(classes))


def test_table2_of_an_adapted_run_has_the_rates_of_its_own_prototxt(tmp_path):
    """It stated 0.1 / 0.2 where the run's train_val.prototxt says 1 / 2."""
    adapted, plain = (write_synthetic_run(tmp_path / name, folds=1, cells=35) for name in ("adapted", "plain"))
    text = (ROOT / "prototxt/adapt/train_val.prototxt").read_text(encoding="utf-8")
    (adapted / "fold0/train_val.prototxt").write_text(text, encoding="utf-8")
    (plain / "fold0/train_val.prototxt").unlink()
    model = ModelRecord.read(adapted / "fold0")
    change(ModelRecord, adapted / "fold0", recipe=changed(model.recipe, source=source_record()))
    tables = architecture_tables(named([load_run(plain), load_run(adapted)]))
    assert [entry(table, "conv1", "lr_mult") for table in tables] == ["0.1 / 0.2", "0 / 0"]
    assert len({table.name for table in tables}) == 2
    (adapted / "fold0/train_val.prototxt").unlink()
    assert entry(architecture_tables(named([load_run(adapted)]))[0], "conv1", "lr_mult") == "0 / 0"


def test_files_and_text(tables, tmp_path):
    for table in tables.values():
        table.write(tmp_path)
        with (tmp_path / f"{table.name}.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        assert rows[0] == table.columns
        assert len(rows) == len(table.rows) + 1
        read = json.loads((tmp_path / f"{table.name}.json").read_text(encoding="utf-8"))
        assert (read["notes"], read["of_runs"]) == (table.notes, table.of_runs)
        assert "NaN" not in (tmp_path / f"{table.name}.json").read_text(encoding="utf-8")
        assert table.title in table.text()
    assert not list(tmp_path.glob(".*"))


def test_text_is_aligned_and_cannot_move_the_cursor():
    table = Table("t", "A title", ["name", "n"], [["a\x1b[2J", 1], ["b", None]], ["a\nnote"])
    lines = ["A title", "", "name      n", "--------  -", "a\\x1b[2J  1", "b         -", "  * a\\nnote", ""]
    assert table.text().split("\n") == lines


def test_a_run_of_several_sets_has_a_row_for_each(tmp_path):
    one = load_run(write_synthetic_run(tmp_path / "one", dataset="phantom-manifest", shift=False))
    assert by_set(named([one])) is None

    def name_of(cell):
        return f"{'ab'[int(cell[-1]) < 5]}:{cell}"

    sets = tuple(SetRecord(name=name, path=name, cells=42, labels=(20, 22)) for name in "ab")
    record = changed(one.record, dataset=changed(one.record.dataset, sets=sets))
    cells = {name_of(cell): row for cell, row in one.cells.items()}
    folds = tuple(replace(fold, ids=tuple(map(name_of, fold.ids))) for fold in one.folds)
    answers = {key: {name_of(cell): value for cell, value in one.baselines["nucleus_area"][key].items()}
               for key in ("predictions", "chances")}  # fmt: skip
    baselines = dict.fromkeys(one.baselines, {"skipped": "here"}) | {"nucleus_area": answers}
    run = replace(one, record=record, cells=cells, folds=folds, baselines=baselines)
    table = by_set(named([run]))
    of = np.array([cell[0] for cell in run.ids])
    labels, scores = run.pooled("labels"), run.pooled("scores")
    for row, wanted in zip(table.rows, (of == "a", of == "b", of != ""), strict=True):
        *_, cells, abnormal = row[:4]
        figures = row[4:]
        assert (cells, abnormal) == (wanted.sum(), labels[wanted].sum())
        assert figures[3].startswith(f"{roc_auc_score(labels[wanted], scores[wanted]):.3f}")
        assert figures[4:6] == [None, None] and 0 <= float(figures[6]) <= 1
