"""Baselines on cells made so that the answer is known, and on Herlev's real names."""

import json
from pathlib import Path

import pytest

from data_prep.cells import Cell, Dataset
from data_prep.herlev_classes import CLASSES
from deeppap.stats.baselines import (
    NAMES,
    all_baselines,
    background_colour,
    file_name,
    is_complete,
    majority,
    nucleus_area,
    picture_size,
    sibling_share,
)


def cell(name, label, class7=None, group=None):
    return Cell(name, Path("none"), label, class7, (0.0, 0.0), group)


def test_majority_is_of_the_training_cells():
    cells = [cell("a", 0), cell("b", 0), cell("c", 1), cell("d", 0), cell("e", 1)]
    found = majority(cells, [["a", "b"], ["c", "d", "e"]])
    # without a and b: one normal, two abnormal; without c, d and e: all normal
    assert found["predictions"] == {
        "a": [1, None],
        "b": [1, None],
        "c": [0, None],
        "d": [0, None],
        "e": [0, None],
    }
    assert found["two_class"]["acc"] == 1 / 5
    assert found["seven_class"] is None


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
    assert found["two_class"]["acc"] == found["two_class"]["auc"] == 1.0
    assert found["seven_class"]["acc"] == 1.0
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


def test_an_empty_fold_is_refused():
    with pytest.raises(ValueError, match="no training or no test"):
        majority([cell("a", 0)], [["a"], []])


def test_all_baselines_are_json():
    cells = tuple(cell(f"{100 + i}-{i}-001", i % 2, 3 * (i % 2), str(i // 3)) for i in range(12))
    folds = [[c.id for c in cells[k::3]] for k in range(3)]
    found = all_baselines(Dataset("x", Path("none"), cells, ()), {"folds": folds}, {c.id: 5 for c in cells})
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert set(found) == {
        "majority",
        "file_name",
        "first_number",
        "nucleus_area",
        "background_colour",
        "picture_size",
        "sibling_share",
    }
    assert "skipped" in all_baselines(Dataset("x", Path("none"), cells, ()), {"folds": folds}, None)["nucleus_area"]


@pytest.fixture(scope="module")
def named(herlev):
    """Herlev's cells by name alone; no image is opened."""
    cells = []
    for index, known in enumerate(CLASSES):
        for path in (herlev / known.folder).iterdir():
            if path.suffix.lower() == ".bmp" and not path.stem.endswith("-d"):
                cells.append(cell(path.stem, known.label, index, path.stem.split("-")[0]))
    return tuple(sorted(cells))


def folds_of(cells, protocol):
    """A data set's folds without its images' checksums, which make_split would read."""
    from data_prep.folds import _assign

    return _assign(cells, protocol, 1, 5)


@pytest.mark.herlev
def test_herlevs_names_tell_the_class_under_the_papers_folds(named):
    folds = folds_of(named, "cell")
    found, first = file_name(named, folds), file_name(named, folds, leading=1)
    assert found["two_class"]["acc"] >= 0.997  # 99.8-100 % over five seeds
    assert 0.86 <= found["seven_class"]["acc"] <= 0.89
    assert first["seven_class"]["acc"] == pytest.approx(0.83, abs=0.02)
    assert sibling_share(named, folds)["share"] == pytest.approx(0.84, abs=0.01)
    assert majority(named, folds)["two_class"]["acc"] == 675 / 917


@pytest.mark.herlev
def test_herlevs_names_tell_the_class_even_by_field(named):
    folds = folds_of(named, "field")
    found = file_name(named, folds)
    assert found["two_class"]["acc"] >= 0.999
    assert found["seven_class"]["acc"] == pytest.approx(0.63, abs=0.03)
    assert sibling_share(named, folds)["share"] == 0


def test_a_forest_learns_from_a_pictures_colour_and_older_records_are_told():
    cells = [cell(f"c{i:02d}", i % 2) for i in range(40)]
    folds = [[c.id for c in cells[k::5]] for k in range(5)]
    colours = {c.id: [100.0 + 60 * c.label + i, 0, 0, 5, 5, 5] for i, c in enumerate(cells)}
    found = background_colour(cells, folds, colours)
    assert found["two_class"]["auc"] == 1.0
    assert set(found["chances"]) == {c.id for c in cells}
    assert "skipped" in background_colour(cells, folds, {})
    assert "skipped" in picture_size(cells, folds, {c.id: [640.0, 480.0] for c in cells})
    assert is_complete(dict.fromkeys(NAMES))
    assert not is_complete(dict.fromkeys(NAMES - {"picture_size"}))
