"""What the pages of a release say holds of a release: its own paths, whose figures they are, how they were made."""

import re

import pytest

from deeppap.records.request import CLASSIFY_VIEWS
from deeppap.report.model_card import card
from deeppap.report.model_card_text import CARD, RELEASED
from deeppap.report.release_text import release_text
from deeppap.scoring.results import load_run
from deeppap.stats.metrics import binary_metrics
from tests.support.checkout import ROOT
from tests.support.synthetic_run import write_records, write_synthetic_run

PROJECT_PATHS = re.compile(r"\b(runs|models)/")


@pytest.fixture
def run(tmp_path):
    folder = write_synthetic_run(tmp_path / "r", cells=35, dataset="herlev", shift=False)
    write_records(folder, views=10, engine="openvino", precision="bfloat16")
    for fold in range(5):
        weights = folder / f"fold{fold}/snapshots/convnet_t_iter_60.caffemodel"
        weights.parent.mkdir()
        weights.write_bytes(b"weights")
    return load_run(folder)


def test_whose_the_figures_are_is_said(run):
    auc = binary_metrics(run.pooled("labels"), run.pooled("scores"))["auc"]
    for folds, said in (
        ([0], "The figures are of the nets of 5 folds, of which fold 1, 2, 3, 4 are not here."),
        ([0, 1, 3, 4], "The figures are of the nets of 5 folds, of which fold 2 is not here."),
        (range(5), "The figures are of the nets of 5 folds.\n"),
    ):
        text = release_text(run, folds, "net", onnx=False)
        assert said in text and "| 35 | " in text and f"{auc:.3f} |" in text
        assert f"{len(folds)} net(s) of one study" in text
    assert "--net net/fold2`" in release_text(run, [2, 3], "net", onnx=False)


def test_how_the_figures_were_scored_is_said(run):
    made = "10 views x 10 crops by openvino in bfloat16"
    page = release_text(run, [0], "net", onnx=False)
    assert f"means over views and crops: {made}." in page
    assert f"takes {CLASSIFY_VIEWS} views of each cell, and with `--views N` N. The figures have 10." in page
    assert f"views and crops: {made}; at 0.5" in card(run, run.folds[0], "net", RELEASED)


def test_no_page_of_a_release_sends_its_reader_elsewhere(run):
    page, own = release_text(run, [0], "net", onnx=True), card(run, run.folds[0], "net", RELEASED)
    for text in (page, own):
        assert not PROJECT_PATHS.search(text), PROJECT_PATHS.search(text)
        assert "not in this folder" not in text and "No weights are published" not in text
        assert "The weights come with no licence of their own." in text
    assert "in the table above" not in page and "without pixels, is in each net's card" in page
    assert "without pixels, is in the table above" in own
    assert "`snapshots/convnet_t_iter_60.caffemodel` in this folder" in own and "--net net/fold0" in own
    assert PROJECT_PATHS.search(card(run, run.folds[0], "net", CARD))  # the pattern can fail


def test_the_views_that_a_page_names_are_those_of_the_tool():
    assert "default=CLASSIFY_VIEWS" in (ROOT / "tools/classify.py").read_text(encoding="utf-8")
