"""Random parts of some cells, each inside the next, that take groups whole: what a learning curve is drawn from."""

import math
from collections.abc import Sequence

from data_prep.cells import Cell
from data_prep.views import rng
from deeppap.io.errors import FieldError

TRIES = 1000  # orders of the groups, of which one must bring both labels into the smallest part


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
        if {cell.label for cell in cells if _group(cell) in parts[0]} == {0, 1}:
            return [[cell for cell in cells if _group(cell) in part] for part in parts]
    found = f"none in {TRIES} orders of {len(names)} groups"
    raise FieldError("shares", "both labels in the smallest part", found, "Begin with a larger share.")


def _group(cell: Cell) -> tuple[bool, str]:
    return (cell.group is None, cell.id if cell.group is None else cell.group)
