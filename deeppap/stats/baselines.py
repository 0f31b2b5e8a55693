"""How far one gets without a net: every figure of a run must be read beside these.

A baseline is a dictionary that JSON can hold, as in baselines.json: "predictions", {id: [label, place of
the class or None]}; "chances", {id: P(abnormal)}, if the method gives any; or "skipped" alone, the reason why there is
none.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data_prep.cells import Cell, Dataset
from data_prep.classes import LABELS, in_order
from deeppap.stats.by_class import most_likely
from deeppap.stats.intervals import COUNTED, Groups, interval, share_interval
from deeppap.stats.metrics import binary_metrics

Folds = Sequence[Sequence[str]]
Features = Mapping[str, Sequence[float]]  # numbers by cell id
TREES, SEED = 300, 0
# (training cells, their targets, test cells) -> predicted targets, and P(abnormal) where there is one
Predictor = Callable[[list[Cell], np.ndarray, list[Cell]], tuple[np.ndarray, np.ndarray | None]]


def all_baselines(
    dataset: Dataset,
    folds: Folds,
    areas: Features | None = None,
    colours: Features | None = None,
    sizes: Features | None = None,
) -> dict[str, Any]:
    """Every baseline under these folds, by name."""
    cells = dataset.cells
    return {
        "majority": majority(cells, folds),
        "file_name": file_name(cells, folds),
        "first_number": file_name(cells, folds, leading=1),
        "nucleus_area": nucleus_area(cells, folds, areas or {}),
        "background_colour": background_colour(cells, folds, colours or {}),
        "picture_size": picture_size(cells, folds, sizes or {}),
        "sibling_share": sibling_share(cells, folds),
    }


def majority(cells: Sequence[Cell], folds: Folds) -> dict[str, Any]:
    """Always the most common class of the training cells."""
    return _cross_validate(cells, folds, _predict_majority)


def file_name(cells: Sequence[Cell], folds: Folds, leading: int | None = None) -> dict[str, Any]:
    """The class of the training cell whose name has the nearest numbers: no pixels at all.

    Names are compared by their numbers from left to right (Herlev's `A-B-NNN`: the nearest A, among these the
    nearest B, among these the nearest NNN), or by the `leading` ones alone; equals by id. Names of different
    shapes are skipped.
    """
    shapes = {re.sub(r"\d+", "0", cell.id) for cell in cells}
    if len(shapes) != 1 or "0" not in next(iter(shapes)):
        return {"skipped": "the cells' names are not all built the same way around numbers"}
    # Herlev's names hold the capture session, which all but tells the class
    numbers = {cell.id: [int(n) for n in re.findall(r"\d+", cell.id)][:leading] for cell in cells}

    def predict(train: list[Cell], targets: np.ndarray, test: list[Cell]):
        return targets[[_nearest(cell, train, numbers) for cell in test]], None

    return _cross_validate(cells, folds, predict)


def nucleus_area(cells: Sequence[Cell], folds: Folds, areas: Mapping[str, float]) -> dict[str, Any]:
    """Logistic regression on the nucleus area (pixels, by cell id) alone."""
    features = {cell: [float(area)] for cell, area in areas.items()}
    why = "no masks, so no nucleus areas"
    return _classified(
        cells, folds, features, lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)), why
    )


def background_colour(cells: Sequence[Cell], folds: Folds, colours: Features) -> dict[str, Any]:
    """A random forest on the colour around the nucleus (mean and spread of B, G, R, by cell id) alone."""
    return _classified(cells, folds, colours, _forest, "the pictures' colours were not measured")


def picture_size(cells: Sequence[Cell], folds: Folds, sizes: Features) -> dict[str, Any]:
    """A random forest on the width and height of the cell's picture (by cell id) alone."""
    if len({tuple(sizes[cell.id]) for cell in cells if cell.id in sizes}) == 1:
        return {"skipped": "all pictures are of one size"}
    return _classified(cells, folds, sizes, _forest, "the pictures' sizes were not measured")


def sibling_share(cells: Iterable[Any], folds: Folds) -> dict[str, Any]:
    """How many test cells have a cell of their own group among the training cells; `cells` have an id and a group."""
    group = {cell.id: cell.group for cell in cells}
    if None in group.values():
        return {"skipped": "the data set has no groups"}
    # counted in the split as it is, so that a protocol that keeps groups together shows as 0
    siblings = 0
    for fold in folds:
        inside = set(fold)
        training = {group[cell] for other in folds for cell in other if cell not in inside}
        siblings += sum(group[cell] in training for cell in fold)
    total = sum(map(len, folds))
    return {"siblings": siblings, "cells": total, "share": siblings / total}


def answers_of(baseline: Mapping[str, Any], ids: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """A baseline's scores, float64 (n,), and places of classes, (n,), of cells by id; KeyError if it lacks one.

    The scores are its chances if it gives any, else its answers.
    """
    answers = [baseline["predictions"][cell] for cell in ids]
    chances = baseline.get("chances")
    scores = [label for label, _ in answers] if chances is None else [chances[cell] for cell in ids]
    return np.array(scores, float), np.array([kind for _, kind in answers])


def judged_baseline(
    baseline: Mapping[str, Any], ids: Sequence[str], labels: np.ndarray, kinds: np.ndarray | None, groups: Groups
) -> dict[str, Any]:
    """The metrics of a baseline, as of `judged`; no AUC if it gives answers alone."""
    scores, answers = answers_of(baseline, ids)
    found = judged(labels, scores, None if kinds is None else answers == kinds, groups)
    # an AUC of answers 0 and 1 says no more than their accuracy
    if "chances" not in baseline:
        found["auc"] = found["interval"]["auc"] = None
    return found


def judged_net(
    labels: np.ndarray, scores: np.ndarray, probs: np.ndarray, kinds: np.ndarray | None, groups: Groups
) -> dict[str, Any]:
    """The metrics of a net in the same form; `kinds` are None if its outputs (n, K) are not the cells' classes."""
    return judged(labels, scores, None if kinds is None else most_likely(probs) == kinds, groups)


def judged(labels: np.ndarray, scores: np.ndarray, class_right: np.ndarray | None, groups: Groups) -> dict[str, Any]:
    """Metrics at 0.5, `class_acc` (None if no class was told) and `interval`, all their intervals."""
    limits = {name: interval(labels, scores, name, groups) for name in (*COUNTED, "auc")}
    limits["class_acc"] = None if class_right is None else share_interval(class_right, groups)
    accuracy = None if class_right is None else float(class_right.mean())
    return binary_metrics(labels, scores) | {"class_acc": accuracy, "interval": limits}


def _cross_validate(
    cells: Sequence[Cell], folds: Folds, predict: Predictor, with_chances: bool = False
) -> dict[str, Any]:
    """Predict every fold from the others: whether a cell is abnormal, and where there are more than two, its class."""
    by_id = {cell.id: cell for cell in cells}
    tested = [cell for fold in folds for cell in fold]
    # a cell that is neither normal nor abnormal has no part in the first task
    judged_folds = [[cell for cell in fold if by_id[cell].label < 2] for fold in folds]
    labels, chances = _predict_all(by_id, judged_folds, predict, lambda cell: cell.label)
    classes = in_order((by_id[cell].kind, by_id[cell].label) for cell in tested)
    kinds: Mapping[str, int | None] = dict.fromkeys(tested)
    if len(classes) > 2:
        place = {(one.name, LABELS.index(one.label)): index for index, one in enumerate(classes)}
        kinds = _predict_all(by_id, folds, predict, lambda cell: place[cell.kind, cell.label])[0]
    # lists, not tuples: JSON reads lists back
    result: dict[str, Any] = {"predictions": {cell: [labels.get(cell, 2), kinds[cell]] for cell in tested}}
    if with_chances:
        result["chances"] = chances
    return result


def _predict_all(
    by_id: dict[str, Cell], folds: Folds, predict: Predictor, target: Callable[[Cell], int]
) -> tuple[dict[str, int], dict[str, float]]:
    """By cell, the predicted target and P(abnormal) (0 or 1 where the predictor has none), fold after fold."""
    targets, chances = {}, {}
    for fold in folds:
        inside = set(fold)
        train = [by_id[cell] for other in folds for cell in other if cell not in inside]
        test = [by_id[cell] for cell in fold]
        predicted, chance = predict(train, np.array([target(cell) for cell in train]), test)
        targets |= dict(zip(fold, predicted.tolist(), strict=True))
        chance = predicted if chance is None else chance
        chances |= dict(zip(fold, chance.astype(np.float64).tolist(), strict=True))
    return targets, chances


def _predict_majority(train: list[Cell], targets: np.ndarray, test: list[Cell]):
    return np.full(len(test), np.bincount(targets).argmax()), None


def _nearest(cell: Cell, train: list[Cell], numbers: Mapping[str, list[int]]) -> int:
    """Index of the training cell whose numbers are nearest, the first number first."""
    own, ids = numbers[cell.id], [one.id for one in train]
    return min(range(len(ids)), key=lambda i: ([abs(a - b) for a, b in zip(numbers[ids[i]], own, strict=True)], ids[i]))


def _forest() -> RandomForestClassifier:
    return RandomForestClassifier(TREES, random_state=SEED)


def _classified(
    cells: Sequence[Cell], folds: Folds, features: Features, new_model: Callable[[], Any], why: str
) -> dict[str, Any]:
    """A scikit-learn classifier on features by cell id, trained anew on each fold's other cells.

    It is skipped, and `why` says so, if a cell has no features.
    """
    if any(cell.id not in features for cell in cells):
        return {"skipped": why}

    def predict(train: list[Cell], targets: np.ndarray, test: list[Cell]):
        if len(set(targets.tolist())) == 1:
            return _predict_majority(train, targets, test)  # scikit-learn refuses to fit one class
        model = new_model().fit(_rows(train, features), targets)
        rows = _rows(test, features)
        chances = model.predict_proba(rows)
        return model.predict(rows), chances[:, 1] if chances.shape[1] == 2 else None

    return _cross_validate(cells, folds, predict, with_chances=True)


def _rows(cells: list[Cell], features: Features) -> np.ndarray:
    return np.array([features[cell.id] for cell in cells], np.float64)
