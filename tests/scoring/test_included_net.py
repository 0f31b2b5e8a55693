"""The net that the project delivers, models/herlev_cric: a release, which scores without a run beside it."""

import re

import pytest
from sklearn.metrics import roc_auc_score

from data_prep.dataset import open_dataset
from deeppap.engines.device import resolve
from deeppap.scoring.open_nets import open_nets
from tests.support.checkout import ROOT

NET = ROOT / "models/herlev_cric"


@pytest.fixture(scope="module")
def model():
    doubts = []
    [model] = open_nets(NET, doubts.append)
    assert not doubts
    return model


def test_it_has_what_a_user_asks_of_it(model):
    assert model.run.dataset.pixel_um == 0.201
    assert [one.sensitivity for one in model.thresholds] == [0.95, 0.99]
    assert model.ood_reference()
    # no path of the machine that trained it
    assert not re.findall(r"(?<![\w.<>])/\w+/", (NET / "run.json").read_text(encoding="utf-8"))


def test_it_orders_herlevs_cells_that_it_has_not_seen(model, herlev):
    test = {cell.partition(":")[2] for cell in model.split.folds[model.record.fold] if cell.startswith("herlev:")}
    cells = [cell for cell in open_dataset(herlev).cells if cell.id in test][::4]
    engine = model.engine(resolve("none"))
    scores = [model.score(cell.image, [cell.centre], views=1, crops=2, engine=engine)[0].score for cell in cells]
    assert len(cells) > 40
    assert roc_auc_score([cell.label for cell in cells], scores) > 0.93
