"""Whether a net has learned anything: by its validation loss against a constant answer's, and by its AUC's interval."""

import json
from math import log, nan

import numpy as np
import pytest

from deeppap.scoring.results import load_run
from deeppap.stats.intervals import interval
from deeppap.stats.learned import (
    DO,
    SORTS,
    SURE,
    TEST_AUC,
    WHAT,
    area_limits,
    auc_doubt,
    auc_limits,
    constant_loss,
    judged,
    loss_doubt,
    of_fold,
    of_folder,
    of_model,
)
from tests.support.checkout import ROOT
from tests.support.synthetic_run import write_synthetic_run

EVEN = ([0, 1] * 40, [0.4, 0.6] * 40)  # every cell right


def test_the_loss_of_a_constant_answer_is_the_entropy_of_the_shares():
    assert constant_loss([7, 7]) == pytest.approx(log(2))
    assert constant_loss([1, 3]) == pytest.approx(-0.25 * log(0.25) - 0.75 * log(0.75))
    assert constant_loss([2] * 7) == pytest.approx(log(7))
    assert constant_loss([5, 0]) == 0
    # it is the least loss that one answer for all can have
    losses = [-np.mean([log(1 - p)] * 1 + [log(p)] * 3) for p in np.linspace(0.01, 0.99, 981)]
    assert constant_loss([1, 3]) == pytest.approx(min(losses), abs=1e-6) and constant_loss([1, 3]) <= min(losses)


@pytest.mark.parametrize(
    ("loss", "counts", "said"),
    [
        (0.692, [12, 12], False),
        (0.694, [12, 12], True),
        (0.6, [6, 18], True),  # below ln 2, and not below the entropy of one in four, 0.562
        (0.55, [6, 18], False),
        (nan, [12, 12], True),
        (0.0, [24, 0], True),
        (None, [12, 12], False),  # not known
        (0.7, None, False),
        (0.7, [], False),
        (0.7, [0, 0], False),
        (0.7, ["1", "2"], False),
        ("0.7", [12, 12], False),
    ],
)
def test_a_loss_that_is_not_below_it_is_doubted(loss, counts, said):
    assert bool(loss_doubt(loss, counts)) is said
    assert bool(of_model({"val_loss": loss, "val_labels": counts})) is said


@pytest.mark.parametrize(
    ("losses", "trained", "said"),
    [
        ([0.4, 0.3], [100, 100], False),  # 0.391 over 67 normal and 7 abnormal cells, where a constant answer has 0.313
        ([0.63, 0.76], [100, 100], True),  # one answer for all, 0.53
        ([0.1, 2.0], [100, 100], True),  # nearly all cells are called normal; over those cells it is 0.280
        ([0.1, 2.1], [190, 10], True),
        ([0.05, 1.0], [190, 10], False),
        ([0.5, None], [100, 100], True),  # of one label a constant answer is always right
        ([0.4, nan], [100, 100], True),
    ],
)
def test_labels_count_as_in_training(losses, trained, said):
    """Validation cells have the shares that the cells have; a balanced net does not answer with them."""
    model = {"val_loss": 0.391, "val_labels": [67, 7], "val_losses": losses, "train_labels": trained}
    assert bool(of_model(model)) is said
    assert not said or "weighted as in training" in of_model(model)


@pytest.mark.parametrize("trained", [None, [1], ["1", "2"], [0, 0]])
def test_without_the_labels_losses_the_mean_decides(trained):
    model = {"val_loss": 0.391, "val_labels": [67, 7], "val_losses": [0.4, 0.3], "train_labels": trained}
    assert "0.391, is not below the 0.313" in of_model(model)


def test_an_area_whose_interval_holds_a_half_is_doubted(rng):
    labels = [0, 1] * 30
    noise = rng.random(60)
    low, high = interval(labels, noise, "auc")
    assert low < 0.5 < high
    assert f"95 % interval {low:.2f} to {high:.2f}" in auc_doubt(auc_limits(labels, noise))
    assert auc_doubt(auc_limits(*EVEN)) is None
    worse = auc_limits(labels, [1 - label for label in labels])
    assert auc_doubt(worse) is not None  # worse than chance is no knowledge either
    assert "0.50 to 0.50" in auc_doubt(auc_limits(labels, [0.53] * 60))  # one answer for all
    assert auc_limits([1] * 20, noise[:20]) is auc_limits([], []) is auc_doubt(None) is None  # undefined


def test_groups_count_as_the_units(rng):
    """Sixty cells in four groups say less than sixty cells."""
    labels = np.repeat([0, 1, 0, 1], 15)
    scores = np.repeat([0.3, 0.5, 0.4, 0.35], 15) + rng.normal(0, 0.01, 60)
    groups = np.repeat(list("abcd"), 15).tolist()
    assert auc_doubt(auc_limits(labels.tolist(), scores.tolist())) is None
    assert auc_doubt(auc_limits(labels.tolist(), scores.tolist(), groups)) is not None


def test_an_older_model_was_validated_on_its_test_cells_unless_it_says_inner():
    model, labels = {"val_loss": 0.6, "select": "paper"}, [0] + [1] * 3
    assert "0.600, is not below the 0.562" in judged(model, labels)
    assert judged({**model, "select": "inner"}, labels) is None
    assert judged({**model, "val_labels": [2, 2]}, labels) is None
    assert "1.946 of" in judged({**model, "val_loss": 2.0}, [0, 1] * 7, outputs=list(range(7)) * 2)


def test_the_line_says_what_why_and_what_to_do():
    assert judged({}) is None
    line = judged({"val_loss": 0.9, "val_labels": [4, 4]}, limits=(0.4, 0.6))
    loss = "its validation loss, 0.900, is not below the 0.693 of a constant answer"
    area = "the area under its curve, 95 % interval 0.40 to 0.60, is not above chance"
    assert line == f"{WHAT}: {loss}; {area}; {DO}" and "\n" not in line


@pytest.mark.parametrize(
    ("loss", "limits", "said"),
    [
        (0.9, None, WHAT),  # nothing was tested, or one label alone: the loss decides
        (0.9, (0.45, 0.9), WHAT),
        (0.9, (0.55, 0.9), SURE),
        (0.6, (0.45, 0.9), WHAT),
        (0.6, (0.55, 0.9), None),
    ],
)
def test_a_net_whose_test_scores_contradict_its_loss_is_called_over_confident(loss, limits, said):
    """Answers that are right and too sure have a loss that knows nothing, where a few are wrong."""
    model = {"val_loss": loss, "val_labels": [40, 40]}
    line = judged(model, [0, 1] * 40, limits)
    assert line is None if said is None else line.startswith(said)
    assert ("do not use its scores" in (line or "")) is (said == WHAT)
    released = json.loads(json.dumps(model | {TEST_AUC: limits}))
    assert of_model(released) == line


@pytest.mark.parametrize(
    ("accuracy", "limits", "said"),
    [
        (0.94, None, SORTS),
        (0.76, None, WHAT),  # of 184 cells 135 are abnormal: chance
        (0.94, (0.45, 0.9), WHAT),  # the test cells know better
        (0.94, (0.55, 0.9), SURE),
        (nan, None, WHAT),
        ("0.94", None, WHAT),
        (None, None, WHAT),
    ],
)
def test_before_test_cells_are_scored_the_validation_cells_accuracy_is_asked(accuracy, limits, said):
    model = {"val_loss": 0.9, "val_labels": [49, 135], "val_accuracy": accuracy}
    assert judged(model, [0, 1] * 40, limits).startswith(said)
    assert judged({**model, "val_loss": 0.2}, [0, 1] * 40) is None


@pytest.mark.parametrize("limits", [0.7, [0.7], ["0.7", "0.9"], {}])
def test_limits_that_are_none_say_nothing(limits):
    assert of_model({"val_loss": 0.9, "val_labels": [40, 40], TEST_AUC: limits}).startswith(WHAT)


def test_a_published_net_that_orders_its_cells_is_not_said_to_know_nothing():
    run = load_run(ROOT / "results/herlev-field-evening-inner")
    lines = {fold.fold: of_fold(run, fold) for fold in run.folds}
    assert area_limits(run, run.folds[0])[0] > 0.5 and lines.pop(0).startswith(SURE)
    assert set(lines.values()) == {None}


def test_a_folder_is_judged_by_its_scores_or_by_its_model_alone(tmp_path):
    run = write_synthetic_run(tmp_path / "run", folds=[1])
    fold = run / "fold1"
    model = json.loads((fold / "model.json").read_text())
    assert of_folder(fold, model) is None
    assert [one.fold for one in load_run(run, only=1).folds] == [1] and not load_run(run, only=0).folds
    bad = {**model, "val_loss": 0.9}
    (fold / "model.json").write_text(json.dumps(bad))
    line = of_folder(fold, bad)
    assert line.startswith(SURE)
    assert "0.900, is not below the 0.6" in line  # seven classes stand for three normal, four abnormal
    scores = (fold / "scores.csv").read_text()
    (fold / "scores.csv").write_text(scores[:-20])
    assert "is not known: " in of_folder(fold, model) and "0.900" in of_folder(fold, {**bad, "val_labels": [3, 4]})
    (fold / "scores.csv").write_text(scores)
    (run / "cells.csv").unlink()
    assert of_folder(fold, bad) is None  # an older model that does not tell, with nothing beside it
    assert "0.900" in of_folder(fold, {**bad, "val_labels": [3, 4]})


def test_of_one_group_nothing_is_known_and_the_loss_decides(rng):
    """One slide's cells, however many: its interval is none, not the area itself as one that is above chance."""
    labels, scores = [0, 1] * 30, rng.random(60).tolist()
    assert auc_limits(labels, scores, ["slide"] * 60) is None
    assert auc_limits(labels, [float(label) for label in labels], ["slide"] * 60) is None
    assert auc_limits([0] * 30 + [1] * 30, sorted(scores[:59]) + [0.0], ["a"] * 30 + ["b"] * 30) is None
    model = {"val_loss": 0.9, "val_labels": [40, 40]}
    assert judged(model, labels, auc_limits(labels, scores, ["slide"] * 60)).startswith(WHAT)
