"""Parts of a set for a learning curve: nested, by whole groups, seeded, with both labels."""

from pathlib import Path

import pytest

from data_prep.cells import Cell
from data_prep.subsets import nested_subsets
from deeppap.io.errors import UserError


def cells(groups=10, each=4, abnormal=lambda group, place: place == 0, named=True):
    return [
        Cell(f"{g}-{i}", Path("none"), int(abnormal(g, i)), None, (0, 0), f"group{g}" if named else None)
        for g in range(groups)
        for i in range(each)
    ]


def ids(part):
    return {cell.id for cell in part}


@pytest.mark.parametrize("named", [True, False])
def test_parts_are_nested_and_the_last_is_all(named):
    members = cells(named=named)
    parts = nested_subsets(members, (12, 25, 50, 100), 1)
    for small, large in zip(parts, parts[1:], strict=False):
        assert ids(small) < ids(large)
    assert ids(parts[-1]) == ids(members)
    units = [len({cell.group for cell in part}) if named else len(part) for part in parts]
    assert units == ([2, 3, 5, 10] if named else [5, 10, 20, 40])
    assert all({cell.label for cell in part} == {0, 1} for part in parts)


def test_groups_stay_whole_and_the_seed_decides():
    members = cells()
    for seed in range(20):
        for part in nested_subsets(members, (30,), seed):
            assert len(part) == 4 * len({cell.group for cell in part})
    found = {frozenset(ids(nested_subsets(members, (30,), seed)[0])) for seed in range(20)}
    assert len(found) > 10
    assert ids(nested_subsets(members, (30,), 1)[0]) == ids(nested_subsets(members[::-1], (30,), 1)[0])


def test_the_smallest_part_has_both_labels_or_there_is_none():
    rare = cells(abnormal=lambda group, place: group == 7 and place == 0)
    for seed in range(10):
        assert sum(cell.label for cell in nested_subsets(rare, (10,), seed)[0]) == 1
    with pytest.raises(UserError, match="both labels in the smallest part"):
        nested_subsets(cells(abnormal=lambda group, place: False), (50, 100), 1)
