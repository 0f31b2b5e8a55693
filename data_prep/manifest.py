"""Reader of a manifest: anyone's own cells in a CSV file (the paper's HEMLBC comes in this shape)."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from common.errors import UserError
from data_prep.cells import Cell, Dataset
from data_prep.herlev_classes import CLASSES
from data_prep.manifest_values import centre_of, inside, label_of, pixel_um_of, size_of
from data_prep.nucleus import centroid
from data_prep.phantom.mark import is_phantom

COLUMNS = {"image", "label", "nucleus_x", "nucleus_y", "mask", "group", "id", "pixel_um"}
FIELD_LIMIT = 10_000  # characters; longer ones are no path and no number
LINE_LIMIT = 100_000
MAX_CELLS = 100_000  # 2 TB of training views; a million lines are a mistake, refused before any of them is kept


def read_manifest(path: Path) -> Dataset:
    """Read a manifest: a UTF-8 CSV with the columns image, label, and nucleus_x with nucleus_y, or mask.

    `image` and `mask` are relative to the manifest and stay inside its folder; `label` is 0, 1, normal,
    abnormal or one of Herlev's seven class names; `group` (optional) names what was captured together;
    `id` (optional) else the image's name without extension, with the row number where one image holds several cells;
    `pixel_um` (optional) the side of a pixel in micrometres, the same in every line.

    Raises
    ------
    UserError
        Naming the line, for every value that cannot be used.
    """
    path = Path(path)
    cells: list[Cell] = []
    seen: set[str] = set()
    sizes: dict[Path, tuple[int, int]] = {}
    masks: dict[str, Path] = {}
    pixels: set[float | None] = set()
    _require_count(path)
    for line, row in manifest_rows(path):
        cell = _cell(path, line, row, sizes, seen)
        seen.add(cell.id)
        if row.get("mask"):
            masks[cell.id] = path.parent / row["mask"]
        pixels.add(pixel_um_of(row.get("pixel_um"), pixels, f"{path}, line {line}"))
        cells.append(cell)
    if not cells:
        raise UserError(path, "cells", "a header alone", "Add one line a cell.")
    cells, names = _one_kind_of_class(cells)
    return Dataset(
        name=path.stem if path.stem != "cells" else path.absolute().parent.name,
        root=path.parent,
        cells=tuple(cells),
        class_names=names,
        pixel_um=pixels.pop(),
        masks=masks,
        phantom=is_phantom(path.parent),
    )


def _one_kind_of_class(cells: list[Cell]) -> tuple[list[Cell], tuple[str, ...]]:
    """The cells and their classes' names: the seven where every line names one, else the two labels."""
    if any(cell.class7 is None for cell in cells):
        return [replace(cell, class7=None) for cell in cells], ("normal", "abnormal")
    return cells, tuple(known.name for known in CLASSES)


def _require_count(path: Path) -> None:
    """Refuse too many lines while none is kept, so that memory stays flat however long the file is."""
    for number, (line, _) in enumerate(manifest_rows(path), 1):
        if number > MAX_CELLS:
            raise UserError(f"{path}, line {line}", f"at most {MAX_CELLS:,} cells", "more", "Split the manifest.")


def manifest_rows(path: Path, required: Sequence[str] = ()) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line number, row) of a manifest, one at a time, with its header and shape checked.

    `required` names other columns than a data set's, for lists of cells without labels.
    """
    csv.field_size_limit(FIELD_LIMIT)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(_lines(file), strict=True)
            header = [name.strip() for name in next(reader, [])]
            _require_columns(path, header, required)
            for row in reader:
                if not row:
                    continue
                if len(row) != len(header):
                    found = f"{len(row)}"
                    raise UserError(f"{path}, line {reader.line_num}", f"{len(header)} values", found, "Mend the line.")
                yield reader.line_num, dict(zip(header, (value.strip() for value in row), strict=True))
    except FileNotFoundError:
        raise UserError(path, "a manifest", "no such file", "Give the path of a CSV file.") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(path, "a UTF-8 CSV file", str(error), "Save it again as CSV, UTF-8.") from None


def _lines(file: TextIO) -> Iterator[str]:
    """A file's lines, none longer than the limit: one endless line would fill the memory."""
    while line := file.readline(LINE_LIMIT):
        if len(line) == LINE_LIMIT:
            raise csv.Error(f"a line of {LINE_LIMIT:,} characters or more")
        yield line


def _require_columns(path: Path, header: list[str], required: Sequence[str]) -> None:
    have, do = set(header), "See docs/own_cells.md."
    centre = {"nucleus_x", "nucleus_y"} <= have or "mask" in have
    complete = set(required) <= have if required else {"image", "label"} <= have and centre
    if not complete or len(have) != len(header):
        expected = f"columns {', '.join(required) or 'image, label, and nucleus_x with nucleus_y, or mask'}"
        raise UserError(path, expected, ", ".join(header)[:200] or "an empty file", do)
    if have - COLUMNS:
        raise UserError(
            path, f"columns among {', '.join(sorted(COLUMNS))}", ", ".join(sorted(have - COLUMNS))[:200], do
        )


def _cell(path: Path, line: int, row: dict[str, str], sizes: dict, seen: set[str]) -> Cell:
    where = f"{path}, line {line}"
    image = inside(path.parent, row["image"], where)
    if image not in sizes:
        sizes[image] = size_of(image, where)
    label, class7 = label_of(row["label"], where)
    if row.get("mask"):
        centre = centroid(inside(path.parent, row["mask"], where), sizes[image])
    else:
        centre = centre_of(row, sizes[image], where)
    name = row.get("id") or Path(row["image"]).stem
    if name in seen and not row.get("id"):
        name = f"{name}_{line}"
    if name in seen:
        raise UserError(where, "an id of its own", name, "Give every cell another id.")
    return Cell(name, image, label, class7, centre, row.get("group") or None)
