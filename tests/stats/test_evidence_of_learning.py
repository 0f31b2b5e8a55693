"""Whether test scores are evidence that a net learned: by the area's interval, and by a constant answer's loss."""

from math import log

import numpy as np
import pytest

from deeppap.stats.evidence_of_learning import (
    NO_EVIDENCE,
    OVER_CONFIDENT,
    auc_limits,
    doubt,
    doubt_of_order,
    weighted_loss,
)
from deeppap.stats.intervals import interval, wilson

EVEN = (100, 100)  # training views of each label


def judged(labels, scores, trained=EVEN, groups=None):
    labels, scores = np.asarray(labels), np.asarray(scores, float)
    return doubt(labels, scores, labels, np.column_stack([1 - scores, scores]), trained, groups)


def kind(line):
    """Which of the two doubts a line begins with."""
    return line and line.split(":")[0]


def test_a_net_that_tells_cells_apart_is_not_doubted():
    assert judged([0, 1] * 20, [0.2, 0.9] * 20) is None


def test_a_perfect_order_of_few_cells_is_no_evidence():
    """After nine iterations: 2 + 6 cells in the right order, all called abnormal by a hair."""
    labels, scores = [0, 0, *[1] * 6], [0.70, 0.71, *np.linspace(0.72, 0.74, 6)]
    assert auc_limits(labels, scores) is None
    assert kind(judged(labels, scores)) == NO_EVIDENCE
    assert auc_limits([0] * 6 + [1] * 6, [0.1] * 6 + [0.9] * 6) == wilson(6, 6)


def test_few_cells_with_a_good_loss_are_not_doubted():
    assert judged([0, 0, *[1] * 6], [0.1, 0.2, *[0.9] * 6]) is None


def test_an_order_by_chance_is_no_evidence(rng):
    labels, noise = [0, 1] * 30, 0.4 + 0.2 * rng.random(60)
    low, high = auc_limits(labels, noise)
    assert (low, high) == interval(labels, noise, "auc")
    assert low < 0.5 < high
    assert kind(judged(labels, noise)) == NO_EVIDENCE
    assert f"{low:.2f} to {high:.2f}" in doubt_of_order(labels, noise)


def test_an_order_worse_than_chance_is_no_evidence_either():
    labels = [0, 1] * 30
    assert doubt_of_order(labels, [1 - label for label in labels])
    assert doubt_of_order(labels, labels) is None


@pytest.mark.parametrize(("cells", "verdict"), [(4, None), (6, NO_EVIDENCE), (60, NO_EVIDENCE)])
def test_one_answer_for_all_cells_is_no_evidence(cells, verdict):
    assert kind(judged([0, 1] * (cells // 2), [0.53] * cells)) == verdict


def test_groups_count_as_the_units():
    """Sixty cells in six groups say less than sixty cells; in four groups nothing is known."""
    labels = np.repeat([0, 1] * 5, 6)
    scores = np.repeat([0.3, 0.5, 0.45, 0.35, 0.4, 0.48, 0.2, 0.42, 0.43, 0.41], 6)
    assert doubt_of_order(labels, scores) is None
    assert doubt_of_order(labels, scores, np.repeat(np.arange(10), 6))
    assert auc_limits(labels, scores, np.arange(60) % 4) is None


def test_an_area_is_unknown_with_one_label_alone():
    assert auc_limits([1] * 20, np.linspace(0, 1, 20)) is None
    assert judged([1] * 20, np.linspace(0.1, 0.4, 20)) is None  # a constant answer would be right: no comparison


def test_right_and_too_sure_is_over_confident():
    labels = [0, 1] * 30
    scores = np.array([0.001, 0.999] * 30)
    scores[:16] = 1 - scores[:16]  # some wrong, and as sure
    assert kind(judged(labels, scores)) == OVER_CONFIDENT
    # cells from elsewhere are judged by their order alone
    assert doubt_of_order(labels, scores) is None


@pytest.mark.parametrize(
    ("losses", "trained", "said"),
    [
        ((0.4, 0.3), EVEN, False),  # a constant answer to 67 normal and 7 abnormal cells has 0.313
        ((0.63, 0.76), EVEN, True),
        ((0.1, 2.0), EVEN, True),  # nearly all cells are called normal; over those cells it is 0.280
        ((0.1, 2.1), (190, 10), True),
        ((0.05, 1.0), (190, 10), False),
    ],
)
def test_labels_count_as_in_training(losses, trained, said):
    """The test cells have shares of their own; a net trained on balanced labels does not answer with them."""
    outputs = np.repeat([0, 1], [67, 7])
    right = np.exp(-np.repeat(losses, [67, 7]))
    probs = np.where(np.eye(2)[outputs] == 1, right[:, None], 1 - right[:, None])
    loss, constant = weighted_loss(outputs, probs, np.array(trained))
    assert (loss >= constant) is said


def test_the_constant_loss_is_the_entropy_of_the_training_shares():
    outputs = np.arange(7)
    _, constant = weighted_loss(outputs, np.full((7, 7), 1 / 7), np.full(7, 9))
    assert constant == pytest.approx(log(7))
    _, constant = weighted_loss(np.array([0, 1]), np.full((2, 2), 0.5), np.array([25, 75]))
    assert constant == pytest.approx(-0.25 * log(0.25) - 0.75 * log(0.75))
    # outputs without a test cell do not count
    _, constant = weighted_loss(np.array([0, 1]), np.full((2, 3), 1 / 3), np.array([50, 50, 900]))
    assert constant == pytest.approx(log(2))


def test_a_loss_that_is_no_number_is_doubted():
    probs = np.full((60, 2), np.nan)
    assert kind(doubt([0, 1] * 30, [0.2, 0.9] * 30, [0, 1] * 30, probs, EVEN)) == OVER_CONFIDENT
