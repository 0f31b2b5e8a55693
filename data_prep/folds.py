"""Five-fold cross-validation over cells (paper: "Evaluation Methods"), frozen as JSON."""

import math
import warnings
from collections.abc import Iterable, Sequence

import numpy as np

from data_prep.cells import Cell, Dataset
from data_prep.classes import SEVEN, in_order
from data_prep.views import rng
from deeppap.io.errors import FieldError, UserError
from deeppap.records import SplitRecord
from deeppap.records.request import PROTOCOLS

FOLDS = 5
SEEDS = 2**32  # what scikit-learn takes
TRIES = 1000  # orders of the groups, of which one must bring both labels into the smallest subset


def _assign(cells: Sequence[Cell], protocol: str, seed: int, n_folds: int, by_class: bool) -> list[list[str]]:
    """Deal cells to folds, stratified by Herlev's seven classes, else by label or class; `field` keeps groups whole."""
    # here, since it takes seconds, and most who import this only read folds
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    classes = in_order((cell.kind, cell.label) for cell in cells)
    strata = np.array([cell.label for cell in cells])
    if by_class or classes == SEVEN:
        number = {one.name: index for index, one in enumerate(classes)}
        strata = np.array([number[cell.kind] for cell in cells])
    if np.bincount(strata).max() < n_folds:  # scikit-learn refuses where every class is smaller than the folds
        strata = np.array([cell.label for cell in cells])
    if np.bincount(strata).max() < n_folds:
        raise FieldError(
            "select", f"{n_folds} training cells of one label", f"{np.bincount(strata).max()}", "Add cells."
        )
    if protocol == "cell":
        splitter, groups = StratifiedKFold(n_folds, shuffle=True, random_state=seed), None
    else:
        splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
        groups = [cell.group for cell in cells]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class smaller than the folds: a small set's own choice
        parts = splitter.split(np.zeros(len(cells)), strata, groups)
        folds = [sorted(cells[i].id for i in test) for _, test in parts]
    if not all(folds):  # few groups of one label each may come out so
        do = "Give more groups, or another `seed`."
        raise FieldError("protocol", f"groups that fill {n_folds} folds", "a fold without cells", do)
    return folds


def make_split(dataset: Dataset, protocol: str, seed: int, n_folds: int = FOLDS) -> SplitRecord:
    """Deal a data set's cells to folds.

    Parameters
    ----------
    protocol : {"cell", "field"}
        `cell` is the paper's; `field` keeps all cells of one group in one fold.
    seed : int
        The same seed gives the same folds on any machine with the pinned scikit-learn.

    Raises
    ------
    UserError
        For an option out of range, and for too few cells or groups.
    """
    if not 0 <= seed < SEEDS:
        raise FieldError("seed", f"0 to {SEEDS - 1}", f"{seed}", "Choose another seed.")
    if protocol not in PROTOCOLS:
        raise FieldError("protocol", f"one of {', '.join(PROTOCOLS)}", protocol, "Choose one of them.")
    if protocol == "field":
        _require_groups(dataset, n_folds)
    normal, abnormal = (sum(c.label == label for c in dataset.cells) for label in (0, 1))
    if min(normal, abnormal) < n_folds:
        found = f"{normal} normal and {abnormal} abnormal"
        raise UserError(dataset.root, f"at least {n_folds} normal and {n_folds} abnormal cells", found, "Add cells.")
    folds = _assign(dataset.cells, protocol, seed, n_folds, dataset.own)
    _require_both_labels(dataset, folds)
    return SplitRecord.of(protocol, seed, dataset.dataset_sha(), folds)


def _require_both_labels(dataset: Dataset, folds: list[list[str]]) -> None:
    """Every fold's net must be trained on both: where one group holds all of a label, no split by groups can."""
    for number, fold in enumerate(map(set, folds)):
        labels = {cell.label for cell in dataset.cells if cell.id not in fold}
        if not labels >= {0, 1}:
            do = "Give more groups, another `seed`, or use `protocol` cell."
            found = f"one label alone in those of fold {number}"
            raise UserError(dataset.root, "normal and abnormal training cells in every fold", found, do)


def _require_groups(dataset: Dataset, n_folds: int) -> None:
    groups = {cell.group for cell in dataset.cells}
    if None in groups or len(groups) < n_folds:
        found = f"{len(groups - {None})} groups, {sum(c.group is None for c in dataset.cells)} cells without one"
        do = "Give every cell its group, or use `protocol` cell."
        raise UserError(dataset.root, f"a group for every cell and at least {n_folds} groups", found, do)


def inner_split(
    cells: Sequence[Cell], protocol: str, seed: int, by_class: bool = False
) -> tuple[list[Cell], list[Cell]]:
    """Carve a validation set (one fifth) out of training cells, by the same protocol; each part has both labels.

    Raises
    ------
    UserError
        As `inner_folds` does, and where every fifth would leave one part without a label.
    """
    for fold in map(set, inner_folds(cells, protocol, seed, by_class)):
        parts = [c for c in cells if c.id not in fold], [c for c in cells if c.id in fold]
        if all({cell.label for cell in part} >= {0, 1} for part in parts):
            return parts
    expected = "a fifth of the training cells with both labels, in whole groups"
    do = "Give more groups, or use `select` last, or paper."
    raise FieldError("select", expected, "cells of one label in each", do)


def inner_folds(cells: Sequence[Cell], protocol: str, seed: int, by_class: bool = False) -> list[list[str]]:
    """Training cells dealt to five folds of ids, by the same protocol; `inner_split` takes the first that will do.

    Raises
    ------
    UserError
        For too few groups or cells.
    """
    groups = {cell.group for cell in cells}
    if protocol == "field" and len(groups) < FOLDS:
        expected = f"at least {FOLDS} groups among the training cells, to hold a fifth of them back"
        do = "Give more groups, or use `select` last, or paper."
        raise FieldError("select", expected, str(len(groups)), do)
    return _assign(cells, protocol, seed, FOLDS, by_class)


def train_test_cells(dataset: Dataset, split: SplitRecord, fold: int) -> tuple[list[Cell], list[Cell]]:
    """The training and the test cells of one fold, sorted by id; cells that the split leaves out are in neither."""
    if not 0 <= fold < len(split.folds):
        raise FieldError("fold", f"0 to {len(split.folds) - 1}", str(fold), "Folds are counted from 0.")
    test = set(split.folds[fold])
    others = test | set(split.left_out or ())
    return [c for c in dataset.cells if c.id not in others], [c for c in dataset.cells if c.id in test]


def with_left_out(split: SplitRecord, cells: Iterable[str]) -> SplitRecord:
    """The same folds with some cells neither trained on nor tested, as a split of its own."""
    return SplitRecord.of(split.protocol, split.seed, split.dataset_sha, split.folds, sorted(cells))


def nested_subsets(cells: Sequence[Cell], shares: Sequence[int], seed: int) -> list[list[Cell]]:
    """For each share in percent, ascending, that share of the groups at random (a cell without a group is one itself).

    The same seed gives the same parts; a smaller part lies inside a larger one. Each holds cells of both labels.

    Raises
    ------
    UserError
        Where no order of the groups brings both labels into the smallest part.
    """
    names = sorted({_group(cell) for cell in cells})
    draws = rng(seed, "nested subsets")
    counts = [math.ceil(share * len(names) / 100) for share in shares]
    for _ in range(TRIES):
        order = [names[i] for i in draws.permutation(len(names))]
        parts = [set(order[:count]) for count in counts]
        if {cell.label for cell in cells if _group(cell) in parts[0]} >= {0, 1}:
            return [[cell for cell in cells if _group(cell) in part] for part in parts]
    found = f"none in {TRIES} orders of {len(names)} groups"
    raise FieldError("shares", "both labels in the smallest part", found, "Begin with a larger share.")


def _group(cell: Cell) -> tuple[bool, str]:
    return (cell.group is None, cell.id if cell.group is None else cell.group)
