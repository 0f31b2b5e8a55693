"""Metrics where they could fool: ties, one class, NaN; and score files with a number that is none."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from deeppap.io.errors import UserError
from deeppap.scoring.results import load_run
from deeppap.scoring.score_files import read_scores
from deeppap.stats.metrics import binary_metrics, percent
from tests.support.synthetic_run import write_synthetic_run

# few different scores, so that ties are the rule
CELLS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4)), min_size=2, max_size=60)


@settings(max_examples=60, derandomize=True)
@given(CELLS)
def test_metrics_are_scikit_learns_to_1e12(cells):
    labels, scores = np.array([c[0] for c in cells]), np.array([c[1] for c in cells]) / 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = binary_metrics(labels, scores)
    called = scores >= 0.5
    assert found["acc"] == pytest.approx(sk.accuracy_score(labels, called), abs=1e-12)
    if 0 < labels.sum() < len(labels):
        sens, spec = sk.recall_score(labels, called), sk.recall_score(labels, called, pos_label=0)
        hmean = 2 * sens * spec / (sens + spec) if sens + spec else 0.0
        wanted = {"sens": sens, "spec": spec, "hmean": hmean, "auc": sk.roc_auc_score(labels, scores)}
        wanted["f"] = sk.f1_score(labels, called, zero_division=0.0)
        for name, value in wanted.items():
            assert found[name] == pytest.approx(value, abs=1e-12), name
    else:
        assert found["auc"] is None and found["hmean"] is None
        assert None in (found["sens"], found["spec"]) and found["sens"] != found["spec"]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, -1e-9, 1 + 1e-9])
def test_a_score_that_is_none_is_refused(bad):
    with pytest.raises(ValueError, match="must be"):
        binary_metrics([0, 1, 1], [0.1, bad, 0.9])


def test_the_papers_counts():
    """74/74 70/70 94/98 182/182 145/146 189/197 147/150: Table 4 gives Table 3."""
    right, all_ = [74, 70, 94, 182, 145, 189, 147], [74, 70, 98, 182, 146, 197, 150]
    labels = np.repeat([0, 0, 0, 1, 1, 1, 1], all_)
    correct = np.concatenate([np.r_[np.ones(r), np.zeros(n - r)] for r, n in zip(right, all_, strict=True)])
    found = binary_metrics(labels, np.where(correct == 1, labels, 1 - labels))
    assert [percent(found[name]) for name in ("sens", "spec", "acc", "hmean", "f")] == ["98.2", "98.3"] + [
        "98.3",
        "98.3",
        "98.8",
    ]


@pytest.mark.parametrize(("column", "text"), [(3, "nan"), (3, "inf"), (4, "NaN"), (5, "1e999"), (3, ""), (2, "2")])
def test_a_score_file_with_a_wrong_number_stops_with_its_line(tmp_path, column, text):
    run = write_synthetic_run(tmp_path / "run", folds=1)
    path = run / "fold0/scores.csv"
    whole = path.read_text()
    lines = whole.splitlines()
    values = lines[4].split(",")
    values[column] = text
    lines[4] = ",".join(values)
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError) as caught:
        load_run(run)
    assert caught.value.where == f"{path}:5"
    path.write_text(whole)
    assert len(load_run(run).folds) == 1


def test_a_score_file_cut_short_is_refused(tmp_path):
    run = write_synthetic_run(tmp_path / "run", folds=1)
    path = run / "fold0/scores.csv"
    ids = load_run(run).split.folds[0]
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]))
    with pytest.raises(UserError, match=f"all {len(ids)} cells of the fold"):
        read_scores(path, sorted(ids), 2)
