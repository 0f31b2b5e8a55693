"""Baselines on cells made so that the answer is known."""

import json
from pathlib import Path

import numpy as np
import pytest

from data_prep.cells import Cell, Dataset
from data_prep.classes import LABELS, SEVEN
from deeppap.stats.baselines import (
    all_baselines,
    background_colour,
    file_name,
    judged_baseline,
    judged_net,
    majority,
    nucleus_area,
    picture_size,
    sibling_share,
)
from deeppap.stats.intervals import wilson


def accuracy(found, cells):
    """Two-class and seven-class accuracy of a baseline's answers."""
    answers, kinds = found["predictions"], {one.name: k for k, one in enumerate(SEVEN)}
    return tuple(
        sum(answers[c.id][side] == truth for c, truth in zip(cells, truths, strict=True)) / len(cells)
        for side, truths in enumerate(([c.label for c in cells], [kinds.get(c.kind) for c in cells]))
    )


def cell(name, label, kind=None, group=None):
    """A cell, of one of Herlev's seven classes by its number or of none."""
    name_of_kind = LABELS[label] if kind is None else SEVEN[kind].name
    return Cell(name, Path("none"), label, name_of_kind, (0.0, 0.0), group)


def test_majority_is_of_the_training_cells():
    cells = [cell("a", 0), cell("b", 0), cell("c", 1), cell("d", 0), cell("e", 1)]
    found = majority(cells, [["a", "b"], ["c", "d", "e"]])
    # without a and b: one normal, two abnormal; without c, d and e: all normal
    assert found["predictions"] == {"a": [1, None], "b": [1, None], "c": [0, None], "d": [0, None], "e": [0, None]}
    assert accuracy(found, cells)[0] == 1 / 5


def test_file_name_compares_numbers_from_left_to_right():
    cells = [
        cell("100-7-001", 0, 0),
        cell("100-9-050", 1, 4),
        cell("900-8-003", 1, 6),
        cell("0101-10-001", 0, 2),  # nearest by number: A 100, then B 9
    ]
    folds = [["0101-10-001"], ["100-7-001", "100-9-050", "900-8-003"]]
    assert file_name(cells, folds)["predictions"]["0101-10-001"] == [1, 4]
    # by the first number alone both of A 100 are as near, and the lower id wins
    assert file_name(cells, folds, leading=1)["predictions"]["0101-10-001"] == [0, 0]


def test_file_name_breaks_ties_by_id_whatever_the_order():
    folds = [["5"], ["4", "6"]]
    for cells in ([cell("5", 1), cell("4", 1), cell("6", 0)], [cell("6", 0), cell("4", 1), cell("5", 1)]):
        assert file_name(cells, folds)["predictions"]["5"] == [1, None]


def test_file_name_is_skipped_where_names_do_not_compare():
    assert "skipped" in file_name([cell("a-1", 0), cell("b", 1)], [["a-1"], ["b"]])
    assert "skipped" in file_name([cell("a", 0), cell("b", 1)], [["a"], ["b"]])


def test_nucleus_area_learns_a_threshold():
    cells = [cell(f"c{i}", int(i >= 10), 5 if i >= 10 else 0) for i in range(20)]
    areas = {c.id: 100 + 10 * i + 300 * (i >= 10) for i, c in enumerate(cells)}
    folds = [[c.id for c in cells[k::5]] for k in range(5)]
    found = nucleus_area(cells, folds, areas)
    assert accuracy(found, cells) == (1.0, 1.0)
    assert "skipped" in nucleus_area(cells, folds, {})


def test_nucleus_area_with_one_class_in_training():
    cells = [cell("a", 0), cell("b", 1), cell("c", 1)]
    found = nucleus_area(cells, [["a"], ["b", "c"]], {"a": 1, "b": 2, "c": 3})
    assert found["predictions"] == {"a": [1, None], "b": [0, None], "c": [0, None]}


def test_sibling_share():
    cells = [cell("a", 0, group="x"), cell("b", 0, group="x"), cell("c", 1, group="y")]
    assert sibling_share(cells, [["a"], ["b", "c"]]) == {"siblings": 2, "cells": 3, "share": 2 / 3}
    assert sibling_share(cells, [["a", "b"], ["c"]])["share"] == 0
    assert "skipped" in sibling_share([cell("a", 0), cell("b", 1)], [["a"], ["b"]])


def test_all_baselines_are_json():
    cells = tuple(cell(f"{100 + i}-{i}-001", i % 2, 3 * (i % 2), str(i // 3)) for i in range(12))
    folds = [[c.id for c in cells[k::3]] for k in range(3)]
    dataset = Dataset("x", Path("none"), cells)
    found = all_baselines(dataset, folds, {c.id: 5 for c in cells})
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert "predictions" in found["nucleus_area"]
    assert "skipped" in all_baselines(dataset, folds)["nucleus_area"]


def test_a_baseline_is_judged_by_its_chances_or_by_its_answers():
    ids, labels, class7 = list("abcdef"), np.array([0, 1, 0, 1, 0, 1]), np.array([0, 3, 1, 4, 2, 5])
    groups = np.arange(6)
    answers = {c: [int(label), int(seven)] for c, label, seven in zip(ids, labels, class7, strict=True)}
    answers["a"] = [1, 0]
    entry = {"predictions": answers}
    found = judged_baseline(entry, ids, labels, class7, groups)
    assert (found["acc"], found["class_acc"], found["auc"]) == (5 / 6, 1.0, None)
    assert found["interval"]["class_acc"] == wilson(6, 6)
    chances = dict(zip(ids, [0.2, 0.9, 0.1, 0.5, 0.6, 0.7], strict=True))  # one half is abnormal
    found = judged_baseline(entry | {"chances": chances}, ids, labels, None, None)
    assert (found["acc"], found["class_acc"], found["auc"]) == (5 / 6, None, pytest.approx(8 / 9))
    with pytest.raises(KeyError):
        judged_baseline(entry, [*ids, "g"], labels, None, None)


def test_a_net_is_judged_in_the_same_form():
    labels, class7 = np.array([0, 0, 1, 1]), np.array([0, 1, 3, 4])
    probs = np.eye(7)[[0, 0, 3, 5]]
    found = judged_net(labels, probs[:, 3:].sum(axis=1), probs, class7, None)
    assert (found["acc"], found["class_acc"]) == (1.0, 0.5)
    assert judged_net(labels, probs[:, 3:].sum(axis=1), probs, None, None)["class_acc"] is None


def test_a_forest_learns_from_a_pictures_colour():
    cells = [cell(f"c{i:02d}", i % 2) for i in range(40)]
    folds = [[c.id for c in cells[k::5]] for k in range(5)]
    colours = {c.id: [100.0 + 60 * c.label + i, 0, 0, 5, 5, 5] for i, c in enumerate(cells)}
    found = background_colour(cells, folds, colours)
    assert accuracy(found, cells)[0] == 1.0
    assert all((found["chances"][c.id] > 0.5) == c.label for c in cells)
    assert "skipped" in background_colour(cells, folds, {})
    assert "skipped" in picture_size(cells, folds, {c.id: [640.0, 480.0] for c in cells})
