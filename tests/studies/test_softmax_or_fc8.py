"""The mean over softmax's outputs, and over fc8's, of the very same crops of a trained net."""

import numpy as np
import pytest
from scipy.special import softmax

from deeppap.engines.caffe_engine import CaffeEngine
from deeppap.engines.crops import crop_views
from deeppap.engines.device import Device
from deeppap.report.tables.means import means_table
from deeppap.scoring.cell_views import ViewChoice, cells_of_data_set, render_views
from deeppap.scoring.score_cells import score_cells
from deeppap.scoring.trained_model import TrainedModel
from deeppap.studies.softmax_or_fc8 import BothScores, both_scores


def test_both_means_are_of_the_same_crops(trained_fold, dataset):
    model = TrainedModel.open(trained_fold)
    cells = [dataset.cells[index] for index in (0, 5, -1)]
    found = both_scores(model, cells, Device(), views=2)
    choice = ViewChoice(model.profile.test, 2, model.run.seed)
    engine = CaffeEngine(model.deploy, model.weights)
    scores = list(score_cells(engine.view_input(model.mean, model.crops()), cells_of_data_set(cells, choice)))
    assert found.over_softmax == pytest.approx([score.score for score in scores], abs=1e-6)
    assert found.labels.tolist() == [cell.label for cell in cells]
    for cell, value in zip(cells, found.over_fc8, strict=True):
        views = render_views(cell, [view for _, view in choice.of(cell.id)])
        engine(crop_views(views, model.mean, 227, model.crops()))
        fc8 = engine.net.blobs["fc8_t"].data.astype(np.float64)[: 2 * model.crops()]
        assert value == pytest.approx(softmax(fc8.mean(axis=0))[1], abs=1e-6)


def test_the_table_counts_who_changes_sides():
    both = BothScores(np.array([0, 1, 1]), np.array([0.2, 0.6, 0.9]), np.array([0.1, 0.4, 0.95]))
    table = means_table(both)
    assert table.notes == ["1 cell(s) change sides of 0.5", "largest change of a score: 0.200"]
    assert [row[2] for row in table.rows] == ["100.0", "50.0"]
