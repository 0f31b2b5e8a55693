from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.cells import Cell, Dataset
from data_prep.classes import LABELS
from data_prep.folds import inner_split, make_split, nested_subsets, split_lines, train_test_cells
from data_prep.herlev_classes import CLASSES
from deeppap.io.errors import UserError

SEEDS = st.integers(0, 2**31 - 1)
FEW = settings(max_examples=25)


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Herlev's proportions, 183 cells, three or four to a field of one label each."""
    image = tmp_path_factory.mktemp("cells") / "one.BMP"
    image.write_bytes(b"the fingerprint wants bytes, the folds no pixels")
    found = []
    for class7, known in enumerate(CLASSES):
        for i in range(known.count // 5):
            found.append(
                Cell(
                    f"{class7}-{i:03d}", image, known.label, known.name, (1.0, 2.0), f"{known.label}-{len(found) // 4}"
                )
            )
    return Dataset("made", image.parent, tuple(found))


def per_fold(split, dataset, fact):
    return [Counter(fact(dataset.by_id()[i]) for i in fold) for fold in split.folds]


@FEW
@given(seed=SEEDS, protocol=st.sampled_from(["cell", "field"]))
def test_folds_are_a_partition(cells, seed, protocol):
    split = make_split(cells, protocol, seed)
    assert len(split.folds) == 5
    assert sorted(i for fold in split.folds for i in fold) == [c.id for c in cells.cells]
    for fold in range(5):
        train, test = train_test_cells(cells, split, fold)
        assert len(train) + len(test) == len(cells.cells)
        assert not {c.id for c in train} & {c.id for c in test}
        assert [c.id for c in test] == split.folds[fold]


@FEW
@given(seed=SEEDS)
def test_field_protocol_never_splits_a_field(cells, seed):
    folds = per_fold(make_split(cells, "field", seed), cells, lambda c: c.group)
    assert sum(len(groups) for groups in folds) == len({c.group for c in cells.cells})


def test_every_fold_trains_on_both_labels(cells):
    """Where one group holds all abnormal cells, the fold that tests it would have normal ones alone to train on."""
    grouped = tuple(replace(c, group="one" if c.label else f"n{k % 9}") for k, c in enumerate(cells.cells))
    with pytest.raises(UserError, match="expected normal and abnormal training cells in every fold, found one label"):
        make_split(replace(cells, cells=grouped), "field", 1)
    assert make_split(replace(cells, cells=grouped), "cell", 1)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_nothing_can_be_drawn_by_is_refused(cells, seed):
    with pytest.raises(UserError, match="seed: expected 0 to 4294967295"):
        make_split(cells, "cell", seed)


@FEW
@given(seed=SEEDS)
def test_folds_are_stratified_by_the_seven_classes(cells, seed):
    folds = per_fold(make_split(cells, "cell", seed), cells, lambda c: c.kind)
    for known in CLASSES:
        found = [fold[known.name] for fold in folds]
        assert max(found) - min(found) <= 1


def test_same_seed_same_split_and_another_seed_another(cells):
    shuffled = Dataset(cells.name, cells.root, tuple(reversed(cells.cells)))
    assert make_split(shuffled, "cell", 3) == make_split(cells, "cell", 3)
    assert make_split(cells, "cell", 4).folds != make_split(cells, "cell", 3).folds


@pytest.mark.parametrize("protocol", ["cell", "field"])
def test_inner_split_carves_out_of_training_cells_by_the_same_protocol(cells, protocol):
    train, test = train_test_cells(cells, make_split(cells, protocol, 1), 2)
    inner, validation = inner_split(train, protocol, 1)
    assert sorted(inner + validation) == sorted(train)
    assert not set(validation) & set(test)
    assert len(validation) == pytest.approx(len(train) / 5, abs=6)
    shared = {c.group for c in inner} & {c.group for c in validation}
    assert bool(shared) == (protocol == "cell")


def test_an_inner_split_needs_groups_to_hold_back(cells):
    few = [c for c in cells.cells if c.group in {"0-0", "0-1", "1-20", "1-21"}]
    with pytest.raises(UserError, match="select: expected at least 5 groups among the training cells"):
        inner_split(few, "field", 1)


def test_classes_smaller_than_the_folds_are_stratified_by_label(cells):
    """The smallest phantom: two or three cells of each class."""
    few = [c for known in CLASSES for c in [c for c in cells.cells if c.kind == known.name][:2]]
    split = make_split(Dataset("few", cells.root, tuple(few)), "cell", 1)
    labels = [sorted(cells.by_id()[i].label for i in fold) for fold in split.folds]
    assert all(set(found) == {0, 1} for found in labels)


def test_field_needs_groups(cells):
    bare = Dataset("bare", cells.root, tuple(Cell(**{**vars(c), "group": None}) for c in cells.cells))
    with pytest.raises(UserError, match="a group for every cell"):
        make_split(bare, "field", 1)


def of_groups(sizes, labels, image):
    """Cells of groups that hold one label each."""
    groups = enumerate(zip(sizes, labels, strict=True))
    return [
        Cell(f"{group}-{i:03d}", image, label, LABELS[label], (1.0, 2.0), f"g{group}")
        for group, (size, label) in groups
        for i in range(size)
    ]


@pytest.mark.parametrize("seed", range(1, 9))
def test_an_inner_split_leaves_both_labels_on_both_sides(cells, seed):
    """A snapshot chosen on one label alone is the net that always gives it."""
    sizes = [5, 60, 9, 31, 44, 12, 27, 50]
    parts = inner_split(of_groups(sizes, [0, 1] * 4, cells.cells[0].image), "field", seed)
    assert [{cell.label for cell in part} for part in parts] == [{0, 1}, {0, 1}]
    with pytest.raises(UserError, match="select: expected a fifth of the training cells with both labels"):
        inner_split(of_groups([20] * 5, [0, 1, 0, 1, 0], cells.cells[0].image), "field", seed)


def test_a_fold_without_cells_is_refused(cells):
    few = of_groups([28, 26, 31, 49, 50], [0, 1, 0, 1, 0], cells.cells[0].image)
    with pytest.raises(UserError, match="protocol: expected groups that fill 5 folds, found a fold without"):
        make_split(Dataset("made", cells.root, tuple(few)), "field", 1)


def grouped_cells(abnormal=lambda group, place: place == 0, named=True):
    """Ten groups of four cells."""
    places = [(group, place, int(abnormal(group, place))) for group in range(10) for place in range(4)]
    return [
        Cell(f"{group}-{place}", Path("none"), label, LABELS[label], (0, 0), f"group{group}" if named else None)
        for group, place, label in places
    ]


def ids(part):
    return {cell.id for cell in part}


@pytest.mark.parametrize("named", [True, False])
def test_parts_are_nested_and_the_last_is_all(named):
    members = grouped_cells(named=named)
    parts = nested_subsets(members, (12, 25, 50, 100), 1)
    for small, large in zip(parts, parts[1:], strict=False):
        assert ids(small) < ids(large)
    assert ids(parts[-1]) == ids(members)
    units = [len({cell.group for cell in part}) if named else len(part) for part in parts]
    assert units == ([2, 3, 5, 10] if named else [5, 10, 20, 40])
    assert all({cell.label for cell in part} == {0, 1} for part in parts)


def test_groups_stay_whole_and_the_seed_decides():
    members = grouped_cells()
    for seed in range(20):
        for part in nested_subsets(members, (30,), seed):
            assert len(part) == 4 * len({cell.group for cell in part})
    found = {frozenset(ids(nested_subsets(members, (30,), seed)[0])) for seed in range(20)}
    assert len(found) > 10
    assert ids(nested_subsets(members, (30,), 1)[0]) == ids(nested_subsets(members[::-1], (30,), 1)[0])


def test_the_smallest_part_has_both_labels_or_there_is_none():
    rare = grouped_cells(abnormal=lambda group, place: group == 7 and place == 0)
    for seed in range(10):
        assert sum(cell.label for cell in nested_subsets(rare, (10,), seed)[0]) == 1
    with pytest.raises(UserError, match="both labels in the smallest part"):
        nested_subsets(grouped_cells(abnormal=lambda group, place: False), (50, 100), 1)


@pytest.mark.parametrize(
    ("normal", "abnormal", "one_sided"),
    [
        ((4, 4, 4, 4, 4), (4, 4, 4, 4, 4), 0),
        ((3,) * 7, (3,) * 7, 0),
        ((40, 1, 1, 1, 1), (9, 8, 7, 6, 5), 0),
        ((5,) * 4, (4,) * 6, 1),
    ],
)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_few_groups_of_one_label_each_fill_every_fold_where_they_can(cells, normal, abnormal, one_sided, seed):
    image, labels = cells.cells[0].image, [0] * len(normal) + [1] * len(abnormal)
    dataset = Dataset("made", image.parent, tuple(of_groups([*normal, *abnormal], labels, image)))
    split = make_split(dataset, "field", seed)
    found = per_fold(split, dataset, lambda cell: cell.label)
    assert sum(len(fold) == 1 for fold in found) == one_sided == len(split_lines(dataset, split))
    assert sorted(i for fold in split.folds for i in fold) == [c.id for c in dataset.cells]
    groups = per_fold(split, dataset, lambda cell: cell.group)
    assert sum(map(len, groups)) == len(normal) + len(abnormal)  # no group is parted
