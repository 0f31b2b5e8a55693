"""Which cells of a fold are trained on, which choose its snapshot, and which judge it."""

from data_prep.cells import Cell, Dataset
from data_prep.folds import Split, inner_split, train_test_cells
from deeppap.records.run_folder import RunConfig


def fold_cells(
    dataset: Dataset, split: Split, fold: int, config: RunConfig
) -> tuple[list[Cell], list[Cell], list[Cell]]:
    """Training, validation and test cells; `inner` validates on a fifth of the training cells.

    The paper selects its snapshot on the very fold it reports, so there validation and test are one.
    """
    train, test = train_test_cells(dataset, split, fold)
    if config.select != "inner":
        return train, test, test
    train, validation = inner_split(train, config.protocol, config.seed)
    return train, validation, test


def parts_of(dataset: Dataset, split: Split, fold: int, config: RunConfig) -> dict[str, list[Cell]]:
    """The cells of a fold by the part they play; `inner` is empty where the test cells choose the snapshot."""
    train, validation, test = fold_cells(dataset, split, fold, config)
    return {"train": train, "inner": validation if config.select == "inner" else [], "test": test}
