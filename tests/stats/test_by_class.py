"""Right per class, what a cell is called, and what seven-class nets say, counted by hand."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, recall_score

from data_prep.classes import ABNORMAL, NEITHER, NORMAL, PLAIN, SEVEN, CellClass, in_order
from deeppap.scoring.score_cells import CellScore
from deeppap.stats.by_class import class_errors, class_figures, confusion, right_per_class, share_intervals
from deeppap.stats.intervals import share_interval
from tests.support.scores import ordered

OWN = (CellClass("NILM", NORMAL), CellClass("HSIL", ABNORMAL), CellClass("fold", NEITHER), CellClass("junk", NEITHER))


@pytest.mark.parametrize(
    ("probs", "name"),
    [
        ([0.5, 0.5, 0, 0], "abnormal"),
        ([0.3, 0.51, 0, 0.19], "abnormal"),
        ([0.35, 0.35, 0.2, 0.1], "normal"),
        ([0.2, 0.4, 0.1, 0.3], "junk"),
        ([0, 0, 0.6, 0.4], "fold"),
        ([0.4, 0.2, 0.2, 0.2], "normal"),
    ],
)
def test_a_cell_is_called_abnormal_normal_or_by_a_class_that_is_neither(probs, name):
    score = CellScore(None, OWN, [], np.array(probs), np.empty(0), np.empty(0))
    assert score.called == name
    assert score.label == (name if name in ("abnormal", "normal") else NEITHER)
    assert score.kind == {"abnormal": "HSIL", "normal": "NILM"}.get(name, name)
    two = CellScore(None, PLAIN, [], np.array([0.51, 0.49]), np.empty(0), np.empty(0))
    assert (two.called, two.label, two.kind) == ("normal",) * 3


def test_the_classes_of_a_set_are_in_the_tables_order_and_herlevs_are_all_seven():
    found = in_order([("zebra", 1), ("junk", 2), ("HSIL", 1), ("ASC-US", 1), ("NILM", 0), ("HSIL", 1)])
    assert [one.name for one in found] == ["NILM", "ASC-US", "HSIL", "zebra", "junk"]
    assert in_order([("columnar", 0), ("carcinoma in situ", 1)]) == SEVEN
    assert in_order([("columnar", 1)]) == (CellClass("columnar", ABNORMAL),)  # a user's own meaning


def test_right_per_class_asks_for_normal_or_abnormal_alone():
    counts = right_per_class(["b", "a", "b", "b"], [1, 0, 1, 0], [0.5, 0.5, 0.49, 0.1])
    assert counts == {"b": (2, 3), "a": (0, 1)}
    assert list(counts) == ["b", "a"]  # in the order in which they first occur


def test_each_class_has_an_interval_of_its_own_groups():
    labels, scores = ordered(7)
    kinds, groups = np.arange(120) % 3, np.arange(120) // 6
    hits = (scores >= 0.5) == labels
    found = share_intervals(kinds.tolist(), hits, groups)
    assert found == {k: share_interval(hits[kinds == k], groups[kinds == k]) for k in range(3)}


def test_errors_of_seven_classes_and_collapsed():
    said, class7 = np.array([0, 1, 3, 6, 2]), np.array([0, 0, 4, 6, 3])
    probs = np.eye(7)[said]
    # the second and third are wrong among seven alone, the last on both counts
    assert class_errors(probs, class7, SEVEN) == {"each_class": 3 / 5, "collapsed": 1 / 5}
    counts = confusion(probs, class7)
    assert counts.shape == (7, 7)
    assert counts.sum() == 5
    assert (counts[0, 0], counts[0, 1], counts[4, 3], counts[3, 2]) == (1, 1, 1, 1)


def test_recall_and_f1_of_each_class_with_intervals_by_group():
    rng = np.random.default_rng(3)
    kinds, groups = rng.integers(0, 3, 200), np.arange(200) // 10
    kinds[:4], kinds[4:] = 3, np.minimum(kinds[4:], 2)  # the fourth class lies in one group
    probs = np.eye(5)[np.where(rng.random(200) < 0.7, kinds, rng.integers(0, 4, 200))]
    found, said = class_figures(probs, kinds, groups), probs.argmax(axis=1)
    assert found.cells == [*np.bincount(kinds), 0]
    assert found.f1[:4] == pytest.approx(f1_score(kinds, said, average=None, labels=range(4)))
    assert found.recall[:4] == pytest.approx(recall_score(kinds, said, average=None, labels=range(4)))
    assert found.macro_f1 == pytest.approx(np.mean(found.f1[:4]))
    assert all(low < value < high for (low, high), value in zip(found.f1_interval[:3], found.f1[:3], strict=True))
    assert found.macro_f1_interval[0] < found.macro_f1 < found.macro_f1_interval[1]
    # a class of few groups has no interval, and one without a test cell no figure at all
    assert found.f1_interval[3] == "too few groups"
    assert (found.recall[4], found.f1[4], found.f1_interval[4], found.recall_interval[4]) == (None,) * 4
