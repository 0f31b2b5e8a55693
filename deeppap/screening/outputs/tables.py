"""cells.csv and cells.parquet, written as the cells come, so that memory stays flat; and which cells a page shows."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path

from deeppap.io.files import complete_or_absent
from deeppap.io.names import CsvWriter
from deeppap.scoring.ood import WORDS
from deeppap.screening.cells import ScreenedCell
from deeppap.screening.parts import require_parquet

NUMBERS = ("x", "y", "area_um2", "confidence", "p_abnormal", "spread")
COLUMNS = ("image", *NUMBERS, "out_of_distribution", "engine", "weights_sha", "id")
CALLED, LIKELIEST, LIMIT, GIVEN = "called", "likeliest_class", "threshold", "given_class"  # more columns
AT_ONCE = 50_000  # rows of a Parquet row group


@contextmanager
def writing_tables(
    folder: Path,
    engine: str,
    weights_sha: str,
    named: bool = False,
    with_threshold: bool = False,
    with_given: bool = False,
) -> Iterator[Callable[[ScreenedCell], None]]:
    """Yields what adds a cell to both tables; they are complete once the body has ended well, otherwise absent.

    `named` adds what a net of several classes calls each cell; `with_threshold` what any net calls it, and from which
    score on a cell is called abnormal; `with_given` that, and what a person called it.
    """
    pyarrow, parquet = require_parquet()
    added = {CALLED: named or with_threshold or with_given, LIKELIEST: named, LIMIT: with_threshold, GIVEN: with_given}
    names = (*COLUMNS, *(name for name, wanted in added.items() if wanted))
    kinds = [pyarrow.float64() if name in (*NUMBERS, LIMIT) else pyarrow.string() for name in names]
    schema = pyarrow.schema(list(zip(names, kinds, strict=True)))
    waiting: list[tuple] = []

    def write(cell: ScreenedCell) -> None:
        numbers = (cell.x, cell.y, cell.area_um2, cell.confidence, cell.score, cell.spread)
        mark = WORDS[cell.out_of_distribution]
        texts = (f"{cell.x:.2f}", f"{cell.y:.2f}", *("" if math.isnan(v) else f"{v:.6f}" for v in numbers[2:]))
        values = {CALLED: cell.called, LIKELIEST: cell.kind, LIMIT: cell.threshold, GIVEN: cell.given}
        called = [value for name, value in values.items() if added[name]]
        rows.writerow([cell.image, *texts, mark, engine, weights_sha, cell.id, *called])
        known = [None if math.isnan(v) else v for v in numbers]
        waiting.append((cell.image, *known, mark or None, engine, weights_sha, cell.id, *called))
        if len(waiting) == AT_ONCE:
            flush()

    def flush() -> None:
        columns = zip(*waiting, strict=True) if waiting else [()] * len(names)
        arrays = [pyarrow.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
        table.write_table(pyarrow.table(arrays, schema=schema))
        waiting.clear()

    with (
        complete_or_absent(folder / "cells.csv") as csv_path,
        complete_or_absent(folder / "cells.parquet") as parquet_path,
        csv_path.open("w", newline="", encoding="utf-8") as file,
        parquet.ParquetWriter(parquet_path, schema) as table,
    ):
        rows = CsvWriter(file)
        rows.writerow(names)
        yield write
        flush()


class First:
    """Of a stream of cells the `most` with the smallest `key`; of equal ones the first by image, y and x."""

    def __init__(self, most: int, key: Callable[[ScreenedCell], float | str]):
        self.most = most
        self.key = key
        self.kept: list[ScreenedCell] = []

    def add(self, cell: ScreenedCell) -> None:
        """Look at one more cell."""
        self.kept.append(cell)
        if len(self.kept) >= 2 * self.most:  # so that a sort is worth its time
            self.kept = self.cells()

    def cells(self) -> list[ScreenedCell]:
        """The cells in the order of the key."""
        return sorted(self.kept, key=lambda c: (self.key(c), c.image, c.y, c.x))[: self.most]


def highest(most: int) -> First:
    """Keeps the cells with the highest scores."""
    return First(most, lambda cell: -cell.score)


def most_uncertain(most: int) -> First:
    """Keeps the cells with the scores nearest to the threshold."""
    return First(most, lambda cell: abs(cell.score - cell.threshold))


class Choice:
    """Chooses cells that are worth a label, taken in turn from three groups.

    The groups are the most uncertain cells, random cells out of distribution, and random cells of each tenth of the
    scores. Uncertain cells alone would leave out what the net gets wrong with confidence. The random order is that
    of the ids, which are hashes, so the same cells are chosen in every call.
    """

    def __init__(self, most: int):
        self.most = most
        self.uncertain = most_uncertain(most)
        self.out_of_distribution = First(most, lambda cell: cell.id)
        self.tenths = [First(most, lambda cell: cell.id) for _ in range(10)]

    def add(self, cell: ScreenedCell) -> None:
        """Look at one more cell."""
        self.uncertain.add(cell)
        self.tenths[min(9, int(10 * cell.score))].add(cell)
        if cell.out_of_distribution:
            self.out_of_distribution.add(cell)

    def cells(self) -> list[ScreenedCell]:
        """At most `most` cells, the most useful first."""
        columns = [group.cells() for group in self.tenths]
        tenths = [cell for row in zip_longest(*columns) for cell in row if cell is not None]
        groups = [self.uncertain.cells(), self.out_of_distribution.cells(), tenths]
        in_turn = (cell for row in zip_longest(*groups) for cell in row if cell is not None)
        return list({cell.id: cell for cell in in_turn}.values())[: self.most]
