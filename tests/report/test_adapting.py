"""The table and the figure of what adapting has bought, on synthetic runs of the same cells."""

import pytest

from deeppap.report.figures import adapting as figure
from deeppap.report.tables.adapting import adapting_table
from deeppap.scoring.results import load_run
from deeppap.stats.adapting import ADAPTED, BEFORE, OTHER, adapting
from deeppap.stats.metrics import binary_metrics
from tests.support.figures import texts
from tests.support.records import rewrite
from tests.support.synthetic_run import write_synthetic_run

SOURCE = {"run": "herlev-cell-paper", "fold": 0, "sha256": "b" * 64, "dataset": {"name": "herlev"}}


@pytest.fixture
def three(tmp_path):
    """Runs before, alone and adapted; scores of the adapted one are pulled towards the truth."""
    found = []
    for name, better in (("before", 0.0), ("alone", 0.1), ("adapted", 0.4)):
        folder = write_synthetic_run(tmp_path / name, cells=60, dataset="phantom-manifest", shift=False)
        external = {"trained_on": "herlev", "nets": [{"sha256": "b" * 64}], "enlarged": 1.0, "training_um": 0.2}
        if name == "before":
            rewrite(folder / "run.json", external=external, protocol="external")
        if name == "adapted":
            for model in folder.glob("fold*/model.json"):
                rewrite(model, trained={"weights": {"name": "n", "sha256": "b" * 64}, "source": SOURCE})
        run = load_run(folder)
        folds = []
        for fold in run.folds:
            scores = fold.scores + better * (fold.labels - fold.scores)
            folds.append(type(fold)(**{**vars(fold), "scores": scores}))
        found.append(type(run)(**{**vars(run), "folds": tuple(folds)}))
    return found


def test_the_three_are_told_apart_and_paired(three):
    (found,) = adapting([(run.name, run) for run in three])
    assert [(net.label, net.kind) for net in found.nets] == [
        ("before", BEFORE),
        ("alone", OTHER),
        ("adapted", ADAPTED),
    ]
    own = [binary_metrics(run.pooled("labels"), run.pooled("scores")) for run in three]
    for name, first in (("before", own[0]), ("alone", own[1])):
        value, limits = found.gains[name]["sens"]
        assert value == pytest.approx(own[2]["sens"] - first["sens"])
        assert limits is None or limits[0] <= value <= limits[1]
    assert own[2]["acc"] > own[0]["acc"]


def test_table_and_figure_show_them(three):
    table = adapting_table(three)
    assert [row[0] for row in table.rows] == [
        "before (the source net as it is)",
        "alone",
        "adapted (adapted)",
        "adapted: gain over before",
        "adapted: gain over alone",
    ]
    assert all(row[2][0] in "+-" for row in table.rows[3:])
    (plan,) = figure.plans(three)
    said = texts(plan.draw())
    assert "the source net as it is" in said and "alone" in said and "sensitivity" in said


def test_without_an_adapted_run_beside_another_there_is_neither(three):
    for runs in (three[:2], three[2:]):
        assert adapting_table(runs) is None
        assert figure.plans(runs) == []


def test_a_run_that_shares_no_cell_does_not_hide_the_others(three):
    before, alone, adapted = three
    first = type(adapted)(**{**vars(adapted), "folds": adapted.folds[:1]})
    elsewhere = type(alone)(**{**vars(alone), "folds": alone.folds[1:2]})
    (found,) = adapting([("before", before), ("elsewhere", elsewhere), ("adapted", first)])
    assert [net.label for net in found.nets] == ["before", "adapted"]
