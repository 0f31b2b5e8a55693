"""The paper's measures of folds, and what cannot be measured."""

import pytest

from deeppap.io.errors import UserError
from deeppap.scoring.results import load_run
from deeppap.stats.performance import summary
from tests.support.synthetic_run import write_synthetic_run


def test_folds_without_scores_are_one_line(tmp_path):
    folds = load_run(write_synthetic_run(tmp_path / "run", cells=35)).folds
    assert summary(folds)["cells"] == 35
    with pytest.raises(UserError, match="expected folds with scores, found none"):
        summary([])
    (folds[0].folder / "scores_shift5.csv").unlink(missing_ok=True)
    with pytest.raises(UserError, match="scores under a shift of 5 pixels"):
        summary(load_run(tmp_path / "run").folds, 5)
