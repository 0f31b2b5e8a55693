"""Before, from nothing, and adapted, by the tool: three runs of the same cells, and what is done again."""

import json

import pytest

from deeppap.engines.device import Device
from deeppap.io.errors import UserError
from deeppap.phantom.draw_set import make_phantom_manifest
from deeppap.scoring.results import load_run
from deeppap.stats.metrics import METRICS
from deeppap.studies.source_as_it_is import score_source
from deeppap.training.source_net import open_source
from tests.support.checkout import run_tool

CELLS = 24  # enough for five folds of whole slides


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Cells of 12 slides by another seed: none of them is a picture of the source's."""
    return make_phantom_manifest(tmp_path_factory.mktemp("mine") / "mine", CELLS, seed=3, workers=1)


@pytest.fixture(scope="module")
def words(manifest, trained_fold):
    asked = ["--data", manifest, "--profile", "smallest", "--protocol", "field", "--folds", "0,3", "--gpu", "none"]
    return [*asked, "--from", trained_fold, "--from-scratch", "--workers", "1"]


@pytest.fixture(scope="module")
def study(checkout, words):
    """(the three run folders, what was printed)."""
    printed = run_tool(checkout, "adapt_study", *words).stdout
    name, source = "mine-field-smallest-inner", "phantom-cell-smallest-fold0"
    names = [f"{name}-before-{source}", name, f"{name}-from-{source}"]
    return [checkout / "runs" / name for name in names], printed


@pytest.mark.slow
def test_three_runs_score_the_same_cells(study, trained_fold):
    runs, printed = study
    before, alone, adapted = map(load_run, runs)
    assert sorted(before.ids) == sorted(alone.ids) == sorted(adapted.ids) and len(before.ids) > 6
    assert [fold.fold for fold in adapted.folds] == [0, 3]
    assert all(fold.model["trained"]["source"]["run"] == "phantom-cell-smallest" for fold in adapted.folds)
    assert "8 iterations of 8" in printed and "2 fold(s) to do: " in printed
    # the same views of each cell: what differs is the net
    views = {cell: row for fold in adapted.folds for cell, row in zip(fold.ids, fold.views.angles, strict=True)}
    for cell, row in zip(before.folds[0].ids, before.folds[0].views.angles, strict=True):
        assert list(row) == list(views[cell])
    source = json.loads((trained_fold / "model.json").read_text())["sha256"]
    assert before.run["external"]["nets"][0]["sha256"] == source


@pytest.mark.slow
def test_one_table_and_one_figure_say_what_it_bought(study):
    runs, printed = study
    report = runs[-1] / "adapting"
    table = json.loads((report / "tables/adapting.json").read_text())
    (found,) = table["data"]["runs"].values()
    assert [net["kind"] for net in found["nets"].values()] == ["before", "other", "adapted"]
    assert set(found["gains"][runs[0].name]) == set(METRICS)
    assert "(the source net as it is)" in printed and f"gain over {runs[0].name}" in printed
    assert (report / "figures/adapting.png").is_file() and "Before and after adapting" in printed_page(report)


def printed_page(report):
    return (report / "report.html").read_text()


@pytest.mark.slow
def test_a_second_call_does_only_what_is_missing(study, checkout, words):
    runs, _ = study
    files = [path for run in runs for path in run.glob("fold*/scores.csv")]
    assert len(files) == 5
    before = {path: path.stat().st_mtime_ns for path in files}
    kept = files[1]
    kept.unlink()  # one fold of the net from nothing
    printed = run_tool(checkout, "adapt_study", *words).stdout
    assert "1 fold(s) to do: " in printed
    assert {path for path in files if path.stat().st_mtime_ns != before[path]} == {kept}


@pytest.mark.slow
def test_the_source_as_it_is_must_not_know_the_cells_either(study, tmp_path):
    runs, _ = study
    source = open_source(runs[-1] / "fold3")  # it was trained on the cells of fold 0
    with pytest.raises(UserError, match="whose image the source was trained on"):
        score_source(runs[-1], source, [0], Device(), tmp_path / "none", say=lambda _: None)
