"""Five-fold cross-validation over cells (paper: "Evaluation Methods"), frozen as JSON."""

import math
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from data_prep.cells import Cell, Dataset
from data_prep.classes import SEVEN, in_order
from data_prep.views import rng
from deeppap.io.errors import FieldError, UserError
from deeppap.records import SplitRecord

FOLDS = 5
FEWEST_TRAINED = 80  # cells: nets adapted to fewer were worse than their source (docs/experiments/adapting.md)
SEEDS = 2**32  # what scikit-learn takes
SPLITS = 100  # of other seeds, of which one may bring both labels into every fold
TRIES = 1000  # orders of the groups, of which one must bring both labels into the smallest subset


def _dealt(cells: Sequence[Cell], protocol: str, seed: int, by_class: bool) -> Iterator[list[list[str]]]:
    """Cells dealt to folds by this seed, stratified by set and class; with whole groups then by other seeds too."""
    # here, since it takes seconds, and most who import this only read folds
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    strata, groups = _strata(cells, by_class), [cell.group for cell in cells]
    kind = StratifiedKFold if protocol == "cell" else StratifiedGroupKFold
    # cells by themselves come out stratified at once; whole groups may not
    others = rng(seed, "folds").integers(SEEDS, size=SPLITS) if protocol == "field" else ()
    # the seed's own folds first, so that a set that needs no other seed has the folds of scikit-learn
    for each in (seed, *map(int, others)):
        splitter = kind(FOLDS, shuffle=True, random_state=each)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a class smaller than the folds: a small set's own choice
            parts = splitter.split(np.zeros(len(cells)), strata, groups if protocol == "field" else None)
            yield [sorted(cells[i].id for i in test) for _, test in parts]


def _strata(cells: Sequence[Cell], by_class: bool) -> np.ndarray:
    """What is dealt evenly, int (n,): each set's labels, or its classes if they are Herlev's seven or outputs."""
    labels, of_set = np.array([cell.label for cell in cells]), np.zeros(len(cells), int)
    classes = labels.copy()
    for number, name in enumerate(sorted({cell.set_name for cell in cells})):
        inside = np.array([cell.set_name == name for cell in cells])
        known = in_order((cell.kind, cell.label) for cell in cells if cell.set_name == name)
        of_set[inside] = 1000 * number
        if by_class or known == SEVEN:
            index = {one.name: index for index, one in enumerate(known)}
            classes[inside] = [index[cell.kind] for cell in cells if cell.set_name == name]
    # ever coarser, until scikit-learn takes it
    for strata in (of_set + classes, of_set + labels, labels):
        # scikit-learn refuses where every class is smaller than the folds
        if np.bincount(strata).max() >= FOLDS:
            return strata
    found = f"{np.bincount(labels).max()}"
    raise FieldError("select", f"{FOLDS} training cells of one label", found, "Add cells.")


def _both_labels(cells: Sequence[Cell], protocol: str, seed: int, by_class: bool) -> list[list[str]]:
    """The seed's folds if each holds both labels; else the first that do of other seeds, or after moving groups.

    Few groups of one label each rarely come out so by themselves. Where there are no such folds, the seed's own are
    given, or the first that leave none empty.
    """
    label = {cell.id: cell.label for cell in cells}

    def one_sided(folds: list[list[str]]) -> int:
        return sum(not {label[cell] for cell in fold} >= {0, 1} for fold in folds)

    known = {(cell.group, cell.label) for cell in cells}
    possible = all(sum(of == label for _, of in known) >= FOLDS for label in (0, 1))
    tried = []
    for folds in _dealt(cells, protocol, seed, by_class):
        if not one_sided(folds):
            return folds
        tried.append(folds)
        if not possible and all(folds):  # no seed brings both labels into more folds than there are groups of each
            return folds
    if protocol == "field":
        # moved only after all seeds have failed: a drawn split is less of our making
        for folds in tried:
            if not one_sided(moved := _with_groups_moved(cells, folds)):
                return moved
    # `min` takes the first of the best
    return min((folds for folds in tried if all(folds)), key=one_sided, default=tried[0])


def _with_groups_moved(cells: Sequence[Cell], folds: list[list[str]]) -> list[list[str]]:
    """Folds with groups moved into those that lack a label, the smallest group first, out of folds that have more."""
    fold_of = {cell: number for number, fold in enumerate(folds) for cell in fold}
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.group, []).append(cell)
    place = {name: fold_of[members[0].id] for name, members in groups.items()}
    has = {name: Counter(cell.label for cell in members) for name, members in groups.items()}
    for number in range(len(folds)):
        for label in (0, 1):
            inside = Counter()
            for name, fold in place.items():
                inside[fold] += has[name][label]
            if inside[number]:
                continue
            # a fold keeps every label that the moved group takes out of it
            others = {fold: [name for name, at in place.items() if at == fold] for fold in place.values()}
            ready = [
                name
                for name, fold in place.items()
                if has[name][label]
                and all(any(has[one][kind] for one in others[fold] if one != name) for kind in has[name])
            ]
            if ready:
                place[min(ready, key=lambda name: (has[name].total(), name))] = number
    return [sorted(cell.id for cell in cells if place[cell.group] == number) for number in range(len(folds))]


def make_split(dataset: Dataset, protocol: str, seed: int) -> SplitRecord:
    """Deal a data set's cells to folds: `cell` as the paper, `field` with all cells of one group in one fold.

    The same seed gives the same folds on any machine with the pinned scikit-learn.

    Raises UserError for an option out of range, and for too few cells or groups.
    """
    if not 0 <= seed < SEEDS:
        raise FieldError("seed", f"0 to {SEEDS - 1}", f"{seed}", "Choose another seed.")
    if protocol == "field":
        _require_groups(dataset)
    normal, abnormal = (sum(c.label == label for c in dataset.cells) for label in (0, 1))
    if min(normal, abnormal) < FOLDS:
        found = f"{normal} normal and {abnormal} abnormal"
        raise UserError(dataset.root, f"at least {FOLDS} normal and {FOLDS} abnormal cells", found, "Add cells.")
    folds = _both_labels(dataset.cells, protocol, seed, dataset.own)
    if not all(folds):  # few groups of one label each may come out so
        do = "Give more groups, or another `seed`."
        raise FieldError("protocol", f"groups that fill {FOLDS} folds", "a fold without cells", do)
    _require_both_labels(dataset, folds)
    return SplitRecord.of(protocol, seed, dataset.dataset_sha(), folds)


def split_lines(dataset: Dataset, split: SplitRecord) -> list[str]:
    """Lines for the user, before anything is built: which folds test cells of one label alone."""
    label, lines = {cell.id: cell.label for cell in dataset.cells}, []
    for number, fold in enumerate(split.folds):
        found = {label[cell] for cell in fold if cell in label} & {0, 1}
        if len(found) == 1:
            name, unknown = (("normal", "sensitivity"), ("abnormal", "specificity"))[found.pop()]
            lines.append(f"!! fold {number}: all {len(fold)} test cells are {name}: it has no {unknown} and no AUC !!")
    return lines


def _require_both_labels(dataset: Dataset, folds: list[list[str]]) -> None:
    """Every fold's net must be trained on both: where one group holds all of a label, no split by groups can."""
    for number, fold in enumerate(map(set, folds)):
        labels = {cell.label for cell in dataset.cells if cell.id not in fold}
        if not labels >= {0, 1}:
            do = "Give more groups, another `seed`, or use `protocol` cell."
            found = f"one label alone in those of fold {number}"
            raise UserError(dataset.root, "normal and abnormal training cells in every fold", found, do)


def _require_groups(dataset: Dataset) -> None:
    groups = {cell.group for cell in dataset.cells}
    if None in groups or len(groups) < FOLDS:
        found = f"{len(groups - {None})} groups, {sum(c.group is None for c in dataset.cells)} cells without one"
        do = "Give every cell its group, or use `protocol` cell."
        raise UserError(dataset.root, f"a group for every cell and at least {FOLDS} groups", found, do)


def inner_split(
    cells: Sequence[Cell], protocol: str, seed: int, by_class: bool = False
) -> tuple[list[Cell], list[Cell]]:
    """Carve a validation set (one fifth) out of training cells, by the same protocol; each part has both labels.

    Raises UserError as `inner_folds` does, and where every fifth would leave one part without a label.
    """
    for fold in (set(fold) for folds in _inner_dealt(cells, protocol, seed, by_class) for fold in folds):
        parts = [c for c in cells if c.id not in fold], [c for c in cells if c.id in fold]
        if all({cell.label for cell in part} >= {0, 1} for part in parts):
            return parts
    expected = "a fifth of the training cells with both labels, in whole groups"
    do = "Give more groups, or use `select` last, or paper."
    raise FieldError("select", expected, "cells of one label in each", do)


def inner_folds(cells: Sequence[Cell], protocol: str, seed: int, by_class: bool = False) -> list[list[str]]:
    """Training cells dealt to five folds of ids, by the same protocol.

    Raises UserError for too few groups or cells.
    """
    return next(_inner_dealt(cells, protocol, seed, by_class))


def _inner_dealt(cells: Sequence[Cell], protocol: str, seed: int, by_class: bool) -> Iterator[list[list[str]]]:
    groups = {cell.group for cell in cells}
    if protocol == "field" and len(groups) < FOLDS:
        expected = f"at least {FOLDS} groups among the training cells, to hold a fifth of them back"
        do = "Give more groups, or use `select` last, or paper."
        raise FieldError("select", expected, str(len(groups)), do)
    return _dealt(cells, protocol, seed, by_class)


def train_test_cells(dataset: Dataset, split: SplitRecord, fold: int) -> tuple[list[Cell], list[Cell]]:
    """The training and the test cells of one fold, sorted by id; cells that the split leaves out are in neither."""
    if not 0 <= fold < len(split.folds):
        raise FieldError("fold", f"0 to {len(split.folds) - 1}", str(fold), "Folds are counted from 0.")
    test = set(split.folds[fold])
    # a learning curve's smaller parts leave cells out of training and test alike
    others = test | set(split.left_out or ())
    return [c for c in dataset.cells if c.id not in others], [c for c in dataset.cells if c.id in test]


def with_left_out(split: SplitRecord, cells: Iterable[str]) -> SplitRecord:
    """The same folds with some cells neither trained on nor tested, as a split of its own."""
    return SplitRecord.of(split.protocol, split.seed, split.dataset_sha, split.folds, sorted(cells))


def nested_subsets(cells: Sequence[Cell], shares: Sequence[int], seed: int) -> list[list[Cell]]:
    """For each share in percent, ascending, that share of the groups at random (a cell without a group is one itself).

    The same seed gives the same parts; a smaller part lies inside a larger one. Each holds cells of both labels.

    Raises UserError where no order of the groups brings both labels into the smallest part.
    """
    names = sorted({_group(cell) for cell in cells})
    draws = rng(seed, "nested subsets")
    # groups are counted, not cells: a laboratory labels whole slides
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
