"""cells.csv and cells.parquet, written as the cells come, so that memory stays flat; and the highest scores of them."""

import csv
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deeppap.io.files import complete_or_absent
from deeppap.scoring.ood import WORDS
from deeppap.screening.cells import ScreenedCell
from deeppap.screening.parts import require_parquet

NUMBERS = ("x", "y", "area_um2", "confidence", "p_abnormal", "spread")
COLUMNS = ("image", *NUMBERS, "out_of_distribution", "engine", "weights_sha")
AT_ONCE = 50_000  # rows of a Parquet row group


@contextmanager
def writing_tables(folder: Path, engine: str, weights_sha: str) -> Iterator[Callable[[ScreenedCell], None]]:
    """Yields what adds a cell to both tables; they are complete once the body has ended well, otherwise absent."""
    pyarrow, parquet = require_parquet()
    kinds = [pyarrow.float64() if name in NUMBERS else pyarrow.string() for name in COLUMNS]
    schema = pyarrow.schema(list(zip(COLUMNS, kinds, strict=True)))
    waiting: list[tuple] = []

    def write(cell: ScreenedCell) -> None:
        numbers = (cell.x, cell.y, cell.area_um2, cell.confidence, cell.score, cell.spread)
        mark = WORDS[cell.out_of_distribution]
        texts = (f"{cell.x:.2f}", f"{cell.y:.2f}", *("" if math.isnan(v) else f"{v:.6f}" for v in numbers[2:]))
        rows.writerow([cell.image, *texts, mark, engine, weights_sha])
        known = [None if math.isnan(v) else v for v in numbers]
        waiting.append((cell.image, *known, mark or None, engine, weights_sha))
        if len(waiting) == AT_ONCE:
            flush()

    def flush() -> None:
        columns = zip(*waiting, strict=True) if waiting else [()] * len(COLUMNS)
        arrays = [pyarrow.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
        table.write_table(pyarrow.table(arrays, schema=schema))
        waiting.clear()

    with (
        complete_or_absent(folder / "cells.csv") as csv_path,
        complete_or_absent(folder / "cells.parquet") as parquet_path,
        csv_path.open("w", newline="", encoding="utf-8") as file,
        parquet.ParquetWriter(parquet_path, schema) as table,
    ):
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        yield write
        flush()


class Highest:
    """The cells with the highest scores, at most `most`; of equal scores the first by image, y and x is kept."""

    def __init__(self, most: int):
        self.most = most
        self.kept: list[ScreenedCell] = []

    def add(self, cell: ScreenedCell) -> None:
        """Look at one more cell."""
        self.kept.append(cell)
        if len(self.kept) >= 2 * self.most:  # so that a sort is worth its time
            self.kept = self.cells()

    def cells(self) -> list[ScreenedCell]:
        """The highest score first."""
        return sorted(self.kept, key=lambda c: (-c.score, c.image, c.y, c.x))[: self.most]
