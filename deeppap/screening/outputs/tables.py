"""cells.csv and cells.parquet, written as the cells come, so that memory stays flat."""

import csv
import math
from contextlib import ExitStack
from pathlib import Path

from deeppap.io.files import complete_or_absent
from deeppap.scoring.unlike import COLUMN, MARKS
from deeppap.screening.cells import ScreenedCell
from deeppap.screening.parts import require_parquet

COLUMNS = ("image", "x", "y", "area_um2", "confidence", "p_abnormal", "spread", COLUMN, "engine", "model_sha256")
AT_ONCE = 50_000  # rows of a Parquet row group


class TableWriter:
    """Both tables of one call; a context manager: they are complete once it has ended well, else absent."""

    def __init__(self, folder: Path, engine: str, model_sha256: str):
        self.folder, self.own = folder, (engine, model_sha256)
        self.waiting: list[tuple] = []

    def __enter__(self) -> "TableWriter":
        pyarrow, parquet = require_parquet()
        self.pyarrow = pyarrow
        kinds = [pyarrow.string(), *[pyarrow.float64()] * 6, *[pyarrow.string()] * 3]
        self.schema = pyarrow.schema(list(zip(COLUMNS, kinds, strict=True)))
        with ExitStack() as stack:
            partial = stack.enter_context(complete_or_absent(self.folder / "cells.csv"))
            self.csv = csv.writer(
                stack.enter_context(partial.open("w", newline="", encoding="utf-8")), lineterminator="\n"
            )
            self.csv.writerow(COLUMNS)
            partial = stack.enter_context(complete_or_absent(self.folder / "cells.parquet"))
            self.parquet = stack.enter_context(parquet.ParquetWriter(partial, self.schema))
            self.stack = stack.pop_all()
        return self

    def write(self, cell: ScreenedCell) -> None:
        """Add a cell."""
        numbers = (cell.x, cell.y, cell.area_um2, cell.confidence, cell.score, cell.spread)
        mark = MARKS[cell.unlike_training]
        self.waiting.append((cell.image, *numbers, mark or None, *self.own))
        texts = (f"{cell.x:.2f}", f"{cell.y:.2f}", *(_text(v) for v in numbers[2:]))
        self.csv.writerow([cell.image, *texts, mark, *self.own])
        if len(self.waiting) == AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        columns = list(zip(*self.waiting, strict=True)) or [()] * len(COLUMNS)
        arrays = [
            self.pyarrow.array(
                [None if isinstance(v, float) and math.isnan(v) else v for v in column], self.schema.field(k).type
            )
            for k, column in enumerate(columns)
        ]
        self.parquet.write_table(self.pyarrow.table(arrays, schema=self.schema))
        self.waiting = []

    def __exit__(self, *error) -> bool | None:
        with self.stack:  # whatever fails below, both files are absent
            if error[0] is None:
                self._flush()
            else:
                raise error[1]
        return None


def _text(value: float) -> str:
    """Six digits after the point; nothing where there is no number."""
    return "" if math.isnan(value) else f"{value:.6f}"
