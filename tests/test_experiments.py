"""That each script in experiments/ runs on a fold, and measures what it says."""

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
