"""docs/how-to/python.md, executed as it stands on a fold that the tools made."""

import cv2
import numpy as np
import pandas as pd
import pytest

from tests.support.checkout import ROOT
from tests.support.page_code import blocks, run_in

PAGE = ROOT / "docs/how-to/python.md"


def code() -> str:
    return "\n".join(blocks(PAGE))


@pytest.fixture
def executed(evaluated_fold, tmp_path, monkeypatch, capsys):
    """The names that the page's code leaves, and what it printed."""
    names = run_in(tmp_path, code(), evaluated_fold.parent, "herlev-cell-quick", "cells/field.png", monkeypatch)
    return names, capsys.readouterr().out


def test_the_page_runs_as_written(executed, evaluated_fold, tmp_path):
    names, printed = executed
    assert printed.startswith("(63.5, 71.0) ") and "\n(210.0, 305.25) " in printed
    written = pd.read_csv(evaluated_fold / "scores.csv").set_index("id")["score"]
    assert names["table"]["score"].sort_index().to_numpy() == pytest.approx(written.sort_index().to_numpy())
    assert "superficial" in printed and str(names["found"]["pooled"]["auc"]) in printed
    picture = cv2.imread(str(tmp_path / "roc.png"))
    assert picture is not None and len(np.unique(picture)) > 10


def test_the_page_is_short():
    assert len([line for line in code().splitlines() if line.strip()]) <= 20
