"""Which cells of a fold are trained on, which choose its snapshot, and which judge it."""

from data_prep.cells import Cell, Dataset
from data_prep.folds import inner_split, train_test_cells
from deeppap.records import RunRecord, SplitRecord


def fold_cells(
    dataset: Dataset, split: SplitRecord, fold: int, run: RunRecord
) -> tuple[list[Cell], list[Cell], list[Cell]]:
    """Training, validation and test cells; `inner` validates on a fifth of the training cells.

    The paper selects its snapshot on the very fold it reports, so there validation and test are one.
    """
    train, test = train_test_cells(dataset, split, fold)
    if run.select != "inner":
        return train, test, test
    train, validation = inner_split(train, run.protocol, run.seed)
    return train, validation, test


def parts_of(dataset: Dataset, split: SplitRecord, fold: int, run: RunRecord) -> dict[str, list[Cell]]:
    """The cells of a fold by the part they play; `inner` is empty where the test cells choose the snapshot."""
    train, validation, test = fold_cells(dataset, split, fold, run)
    return {"train": train, "inner": validation if run.select == "inner" else [], "test": test}
