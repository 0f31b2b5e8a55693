"""The net that the project delivers, models/herlev_cric: a release, which scores without a run beside it."""

import re
import shlex

import cv2
import pytest
from sklearn.metrics import roc_auc_score

from data_prep.dataset import open_dataset
from deeppap.cli.options import add_data_options, add_source_options
from deeppap.cli.tool import ToolParser
from deeppap.engines.device import resolve
from deeppap.io.html import render
from deeppap.scoring.open_nets import open_nets
from deeppap.scoring.trained_model import TrainedModel
from deeppap.training.source import open_source
from tests.support.checkout import ROOT, run_tool
from tests.support.pictures import plain

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


@pytest.mark.parametrize("page", ["readme.md", "fold0/readme.md"])
def test_its_pages_have_the_limits_that_a_release_writes_now(model, page):
    written = render("report/templates/limits.md", record=model.run, look_up="in the table above").strip()
    limits = (NET / page).read_text(encoding="utf-8").partition("## Limits\n\n")[2].partition("\n\n## ")[0]
    assert limits.strip().endswith(written)  # a doubt stands before


def test_it_is_opened_and_adapted_by_its_name(model):
    assert TrainedModel.open(str(NET)).weights_sha == model.weights_sha
    assert open_source(NET).origin == open_source(NET / "fold0").origin


def test_it_orders_herlevs_cells_that_it_has_not_seen(model, herlev):
    test = {cell.partition(":")[2] for cell in model.split.folds[model.record.fold] if cell.startswith("herlev:")}
    cells = [cell for cell in open_dataset(herlev).cells if cell.id in test][::4]
    engine = model.engine(resolve("none"))
    scores = [model.score(cell.image, [cell.centre], 1, 2, engine, 0.201)[0].score for cell in cells]
    assert len(cells) > 40
    assert roc_auc_score([cell.label for cell in cells], scores) > 0.93


@pytest.mark.parametrize("stated", [True, False])
def test_what_follows_a_validation_is_not_refused(checkout, tmp_path, quick_reports, stated):
    """A net is adapted from its fold's folder, and to cells whose pixel size the manifest states."""
    folder = tmp_path / "two cells"
    folder.mkdir()
    size = (",pixel_um", ",0.25") if stated else ("", "")
    rows = [f"image,nucleus_x,nucleus_y,label{size[0]}"]
    for number, name in enumerate("ab"):
        cv2.imwrite(str(folder / f"{name}.png"), plain((215, 215, 3), 150 + number))
        rows.append(f"{name}.png,107,107,{number}{size[1]}")
    manifest = folder / "cells.csv"
    manifest.write_text("\n".join(rows), encoding="utf-8")
    words = ["--views", "1", "--crops", "1", "--gpu", "none", "--run", f"two{stated}"]
    words += [] if stated else ["--mpp", "0.25"]
    last = run_tool(checkout, "validate", manifest, "--net", NET, *words).stdout.splitlines()[-1]
    following = shlex.split(last.removeprefix("Next: ").partition(", which")[0])
    if not stated:
        assert following == ["tools/screen.py", "IMAGES", "--net", str(NET), "--mpp", "0.25"]
        return
    parser = ToolParser("", "")
    add_data_options(parser, default_profile="quick")
    add_source_options(parser, required=True)
    given = parser.parse_args(following[1:])
    assert given.data == [str(manifest)] and open_source(given.source)
