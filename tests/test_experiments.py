"""That each script in experiments/ runs on a fold, and measures what it says."""

import sys

import numpy as np
import pytest
from scipy.special import softmax

from deeppap.engines.caffe_engine import CaffeEngine
from deeppap.engines.crops import crop_views
from deeppap.engines.device import Device
from deeppap.scoring.cell_views import ViewChoice, cells_of_data_set, render_views
from deeppap.scoring.score_cells import score_cells
from deeppap.scoring.trained_model import TrainedModel
from experiments.softmax_or_fc8 import both_scores
from tests.support.checkout import ROOT, run_here, tool_environment


def run_script(name: str, *words: object, place) -> str:
    done = run_here([f"{ROOT}/experiments/{name}.py", *map(str, words)], place, tool_environment())
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_both_means_are_of_the_same_crops(trained_fold, dataset):
    model = TrainedModel.open(trained_fold)
    cells = [dataset.cells[index] for index in (0, 5, -1)]
    labels, over_softmax, over_fc8 = both_scores(model, cells, Device(), views=2)
    choice = ViewChoice(model.profile.test, 2, model.run.seed)
    engine = CaffeEngine(model.deploy, model.weights)
    scores = list(
        score_cells(engine.view_input(model.mean, model.crops()), cells_of_data_set(cells, choice), model.outputs)
    )
    assert over_softmax == pytest.approx([score.score for score in scores], abs=1e-6)
    assert labels.tolist() == [cell.label for cell in cells]
    for cell, value in zip(cells, over_fc8, strict=True):
        views = render_views(cell, [view for _, view in choice.of(cell.id)])
        engine(crop_views(views, model.mean, 227, model.crops()))
        fc8 = engine.net.blobs["fc8_t"].data.astype(np.float64)[: 2 * model.crops()]
        assert value == pytest.approx(softmax(fc8.mean(axis=0))[1], abs=1e-6)


def test_out_of_distribution_prints_every_kind(trained_fold, phantom, checkout):
    words = ["--net", trained_fold, "--cells", 2, "--views", 1, "--fields", phantom]
    rows = run_script("out_of_distribution", *words, place=checkout).splitlines()
    kinds = [row.split("  ")[0] for row in rows]
    assert len(kinds) == 12 and kinds[0] == "the fold's own test cells" and kinds[-1] == "empty places of phantom"
    # 2 cells of each kind but the last, which has at most five places of a field
    assert all(" 2 cells " in row for row in rows[:-1])


def test_heatmaps_prints_every_layer(trained_fold, checkout):
    words = ["--net", trained_fold, "--cells", 1, "--views", 2]
    rows = [row.split(" | ") for row in run_script("heatmaps", *words, place=checkout).splitlines()]
    assert [row[:2] for row in rows[1:]] == [["conv3", "1"], ["conv5", "1"]]


@pytest.fixture
def experiments(monkeypatch):
    """Scripts of experiments/ import each other by their bare names, as they do where they are run."""
    monkeypatch.syspath_prepend(str(ROOT / "experiments"))
    yield
    for name in ("adapting_study", "adapting_shares"):
        sys.modules.pop(name, None)


def test_the_gallery_s_orders_choose_what_is_labelled(experiments):
    from adapting_study import as_screened, labelled_cells

    groups = [f"field {place // 10}" for place in range(100)]
    scores = np.random.default_rng(0).permutation(100) / 100
    cells = [as_screened("a.png", place, 0, score, np.nan) for place, score in enumerate(scores)]
    keys = {"highest": -scores, "uncertain": np.abs(scores - 0.5)}
    for order, key in keys.items():
        chosen = labelled_cells(groups, 12, 1, order, cells)
        shown = {groups[place] for place in labelled_cells(groups, 80, 1, order, cells)}
        assert len(shown) == 8  # a fifth of the groups is left out
        assert chosen == sorted((place for place in range(100) if groups[place] in shown), key=lambda p: key[p])[:12]
    assert len(set(labelled_cells(groups, 30, 1, "choose", cells))) == 30
    drawn = [labelled_cells(groups, 30, seed) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2] and len(set(drawn[0])) == 30


def test_a_head_learns_and_is_mixed_behind_its_first_layer(experiments, monkeypatch):
    import adapting_shares as shares

    rng, labels = np.random.default_rng(0), np.arange(12) % 2
    monkeypatch.setattr(shares, "iterations", lambda _: 300)
    shapes = [(16, 20), (16,), (8, 16), (8,), (2, 8), (2,)]
    head = [rng.normal(0, 0.3, shape).astype(np.float32) for shape in shapes]
    inputs = (rng.random((12, shares.VIEWS, 20)) + 2 * labels[:, None, None]).astype(np.float16)
    after = shares.adapted(head, inputs, labels, 7)
    before, found = (shares.scores(one, shares.first_layer(one, inputs)) for one in (head, after))
    assert np.abs(found - labels).mean() < 0.8 * np.abs(before - labels).mean()
    # fc6_t is linear, so a mean of weights may be taken behind it
    mixed = [(first + last) / 2 for first, last in zip(head, after, strict=True)]
    behind = (shares.first_layer(head, inputs) + shares.first_layer(after, inputs)) / 2
    assert shares.scores(mixed, behind) == pytest.approx(shares.scores(mixed, shares.first_layer(mixed, inputs)))


def test_a_set_labelled_by_its_scores_misjudges_both_nets(experiments, checkout):
    """On the kept scores, as docs/experiments/adapting.md states of more seeds."""
    rows = run_script("labelling_orders", "--cells", 100, "--seeds", 4, place=checkout).splitlines()
    abnormal = {row.split(",")[0]: int(row.split()[3]) for row in rows[:4]}
    assert abnormal["highest"] > abnormal["choose"] > abnormal["random"]
    assert rows[4] == "all 561 cells: AUC 0.849 before, 0.910 after"
    before = {row.split(":")[0]: float(row.split("AUC ")[1].split()[0]) for row in rows[5:]}
    assert abs(before.pop("random") - 0.849) < 0.06
    assert list(before) == ["choose", "uncertain", "highest"] and max(before.values()) < 0.78
