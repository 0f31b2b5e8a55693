"""Parquet files between the steps of a screening: a tile's cells, and the nuclei that a person gave.

Each is complete or absent, and the same values give the same bytes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from deeppap.io.errors import UserError
from deeppap.io.files import complete_or_absent
from deeppap.io.machine import extra
from deeppap.screening.cells import ABNORMAL, ScreenedCell
from deeppap.screening.nuclei.nucleus import Nucleus
from deeppap.screening.slides.slide import Box, Damage

SCORED = ("score", "spread", "ood_score", "outline", "label", "kind", "p_kind", "given")
CELL = ("x", "y", "area_um2", "confidence", *SCORED)
NUCLEUS = ("x", "y", "area_um2", "confidence", "outline", "given")
TEXTS = ("label", "kind", "given")
METADATA = b"screening"  # the key of a part's own facts in the file


@dataclass(frozen=True)
class Part:
    """A tile's cells in order of y and x, what could not be read, and how many nuclei were skipped near that."""

    cells: list[ScreenedCell]
    damages: tuple[Damage, ...] = ()
    skipped: int = 0


class PartRecord(msgspec.Struct, frozen=True):
    """Whose part a file is, and what of the tile could not be read."""

    key: str
    tile: Box
    damages: tuple[Damage, ...]
    skipped: int


def require_parquet():
    """PyArrow's modules, or one clear line."""
    return extra("pyarrow", "cells.parquet", "slides"), extra("pyarrow.parquet", "cells.parquet", "slides")


def write_part(path: Path, key: str, tile: Box, part: Part) -> None:
    """Write a tile's part; `key` names the plan that it belongs to."""
    record = msgspec.json.encode(PartRecord(key, tile, part.damages, part.skipped))
    _write(path, _table(part.cells, CELL).replace_schema_metadata({METADATA: record}))


def read_part(path: Path, key: str, tile: Box, image: str, threshold: float = ABNORMAL) -> Part:
    """Read a part back; a cell is called abnormal from `threshold` on.

    Raises UserError if it is damaged, or was made for another image, tile, model or settings than its name says.
    """
    _, parquet = require_parquet()
    do = "Remove it and run the same command again."
    try:
        # a mapped file that another process shortens would kill this one
        table = parquet.read_table(path, memory_map=False)
        record = msgspec.json.decode(table.schema.metadata[METADATA], type=PartRecord)
        cells = [ScreenedCell(image, *row, threshold) for row in _rows(table, CELL)]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:  # msgspec's are ValueErrors
        raise UserError(path, "a tile's cells", f"{type(error).__name__}: {error}"[:120], do) from None
    if record.key != key or record.tile != tile:
        raise UserError(path, "a part of this image, model and settings", "one of others", do)
    return Part(cells, record.damages, record.skipped)


def write_nuclei(path: Path, nuclei: Iterable[Nucleus], size: tuple[int, int]) -> None:
    """Write an image's nuclei in order of y and x; a point that is given twice is one nucleus.

    Its class is that of the one which has one: a person may have drawn an object over a detected one.
    """
    # as precise as a detector's centres are kept
    places = {(round(n.y, 2), round(n.x, 2)): n for n in sorted(nuclei, key=lambda n: bool(n.given))}
    ordered = [Nucleus(x, y, n.area_um2, n.confidence, n.outline, n.given) for (y, x), n in sorted(places.items())]
    table = _table(ordered, NUCLEUS)
    columns, rows = pixels_of(size, np.array([n.x for n in ordered]), np.array([n.y for n in ordered]))
    _write(path, table.append_column("column", [columns]).append_column("row", [rows]))


def nuclei_inside(path: Path, tile: Box) -> list[Nucleus]:
    """The nuclei of a file that a tile owns; the others are not held in memory."""
    _, parquet = require_parquet()
    inside = [("column", ">=", tile.x), ("column", "<", tile.right), ("row", ">=", tile.y), ("row", "<", tile.bottom)]
    return [Nucleus(*row) for row in _rows(parquet.read_table(path, filters=inside), NUCLEUS)]


def pixels_of(size: tuple[int, int], x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns and rows, int64 (N,), of the pixels of an image of (width, height) that points lie in.

    A pixel reaches half a pixel to either side of its centre.
    """
    columns = np.clip(np.floor(np.asarray(x) + 0.5), 0, size[0] - 1)
    rows = np.clip(np.floor(np.asarray(y) + 0.5), 0, size[1] - 1)
    return columns.astype(np.int64), rows.astype(np.int64)


def _table(items: Sequence[Any], names: Sequence[str]):
    """A table of what cells or nuclei hold under `names`; each outline is flat."""
    pyarrow, _ = require_parquet()
    kinds = {"outline": pyarrow.list_(pyarrow.float32()), **dict.fromkeys(TEXTS, pyarrow.string())}
    columns = {}
    for name in names:
        values = [getattr(item, name) for item in items]
        if name == "outline":
            values = [None if one is None else np.asarray(one, np.float32).ravel() for one in values]
        columns[name] = pyarrow.array(values, kinds.get(name, pyarrow.float64()))
    return pyarrow.table(columns)


def _rows(table, names: Sequence[str]) -> list[tuple]:
    """The values of `names` of each row."""
    columns = {name: table[name].to_pylist() for name in names}
    flat = columns["outline"]
    columns["outline"] = [None if one is None else np.array(one, np.float32).reshape(-1, 2) for one in flat]
    return list(zip(*columns.values(), strict=True))


def _write(path: Path, table) -> None:
    _, parquet = require_parquet()
    with complete_or_absent(path) as partial:
        parquet.write_table(table, partial)
