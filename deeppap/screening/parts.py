"""One tile's cells in a file, complete or absent: a Parquet table that says which plan it belongs to."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deeppap.io.errors import UserError
from deeppap.io.extras import extra
from deeppap.io.files import complete_or_absent
from deeppap.screening.cells import ScreenedCell
from deeppap.screening.slides.slide import Box, Damage

NUMBERS = ("x", "y", "area_um2", "confidence", "score", "spread", "unlike")
AGAIN = "Remove it, and the same command makes it again."


@dataclass(frozen=True)
class Part:
    """What a tile gave: its cells in order of y and x, what could not be read, and how many nuclei lay too near it."""

    cells: list[ScreenedCell]
    damages: tuple[Damage, ...] = ()
    left_out: int = 0


def require_parquet():
    """PyArrow's modules, or one clear line."""
    return extra("pyarrow", "cells.parquet", "slides"), extra("pyarrow.parquet", "cells.parquet", "slides")


def write_part(path: Path, key: str, tile: Box, part: Part) -> None:
    """Write a part; the same part gives the same bytes."""
    pyarrow, parquet = require_parquet()
    columns = {name: pyarrow.array([getattr(c, name) for c in part.cells], pyarrow.float64()) for name in NUMBERS}
    outlines = [None if c.outline is None else np.asarray(c.outline, np.float32).ravel() for c in part.cells]
    columns["outline"] = pyarrow.array(outlines, pyarrow.list_(pyarrow.float32()))
    about = {
        "key": key,
        "tile": list(tile),
        "damages": [[*damage.box, damage.why] for damage in part.damages],
        "left_out": part.left_out,
    }
    table = pyarrow.table(columns).replace_schema_metadata({"screening": json.dumps(about)})
    with complete_or_absent(path) as partial:
        parquet.write_table(table, partial)


def read_part(path: Path, key: str, tile: Box, image: str) -> Part:
    """Read a part back.

    Raises
    ------
    UserError
        If it is damaged, or was made for another image, tile, model or settings than its name says.
    """
    _, parquet = require_parquet()
    try:
        table = parquet.read_table(path, memory_map=False)
        about = json.loads(table.schema.metadata[b"screening"])
        numbers = [table[name].to_pylist() for name in NUMBERS]
        outlines = [_outline(value) for value in table["outline"].to_pylist()]
        damages = tuple(Damage(Box(*row[:4]), row[4]) for row in about["damages"])
        left_out = int(about["left_out"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(path, "a tile's cells", f"{type(error).__name__}: {error}"[:120], AGAIN) from None
    if about["key"] != key or about["tile"] != list(tile):
        raise UserError(path, "a part of this image, model and settings", "one of others", AGAIN)
    rows = zip(*numbers, outlines, strict=True)
    return Part([ScreenedCell(image, *row) for row in rows], damages, left_out)


def _outline(values: list[float] | None) -> np.ndarray | None:
    return None if values is None else np.array(values, np.float32).reshape(-1, 2)
