"""Reader of a manifest: anyone's own cells in a CSV file (the paper's HEMLBC comes in this shape)."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from common.errors import UserError
from data_prep.cells import Cell, Dataset
from data_prep.herlev_classes import CLASSES
from data_prep.image_file import image_size
from data_prep.nucleus import centroid
from data_prep.phantom.mark import is_phantom

LABELS = {"0": 0, "1": 1, "normal": 0, "abnormal": 1}
CLASS7 = {name: index for index, known in enumerate(CLASSES) for name in (known.folder, known.name)}
COLUMNS = {"image", "label", "nucleus_x", "nucleus_y", "mask", "group", "id", "pixel_um"}
FIELD_LIMIT = 10_000  # characters; longer ones are no path and no number
LINE_LIMIT = 100_000
PIXEL_RANGE = (0.01, 10)  # micrometres; anything else is another unit
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
        pixels.add(_pixel_um(row.get("pixel_um"), pixels, f"{path}, line {line}"))
        cells.append(cell)
    if not cells:
        raise UserError(path, "cells", "a header alone", "Add one line a cell.")
    names: tuple[str, ...] = tuple(known.name for known in CLASSES)
    if any(cell.class7 is None for cell in cells):
        cells, names = [replace(cell, class7=None) for cell in cells], ("normal", "abnormal")
    return Dataset(
        name=path.stem if path.stem != "cells" else path.absolute().parent.name,
        root=path.parent,
        cells=tuple(cells),
        class_names=names,
        pixel_um=pixels.pop(),
        masks=masks,
        phantom=is_phantom(path.parent),
    )


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
        sizes[image] = _size(image, where)
    label, class7 = _label(row["label"], where)
    if row.get("mask"):
        centre = centroid(inside(path.parent, row["mask"], where), sizes[image])
    else:
        centre = _centre(row, sizes[image], where)
    name = row.get("id") or Path(row["image"]).stem
    if name in seen and not row.get("id"):
        name = f"{name}_{line}"
    if name in seen:
        raise UserError(where, "an id of its own", name, "Give every cell another id.")
    return Cell(name, image, label, class7, centre, row.get("group") or None)


def inside(folder: Path, relative: str, where: str) -> Path:
    """A path below `folder`, refused where it climbs out of it or is absolute."""
    path = folder / relative
    if not relative or "\0" in relative or not path.resolve().is_relative_to(folder.resolve()):
        raise UserError(where, f"a path inside {folder}", relative or "nothing", "Put the file beside the manifest.")
    return path


def _size(image: Path, where: str) -> tuple[int, int]:
    if not image.is_file():
        raise UserError(where, "an image file", f"no file {image}", "Mend the path or add the file.")
    return image_size(image)


def _label(value: str, where: str) -> tuple[int, int | None]:
    if value in CLASS7:
        return CLASSES[CLASS7[value]].label, CLASS7[value]
    if value.lower() not in LABELS:
        known = ", ".join([*LABELS, *(item.name for item in CLASSES)])
        raise UserError(where, f"a label among {known}", value or "nothing", "Mend the label.")
    return LABELS[value.lower()], None


def _pixel_um(value: str | None, others: set[float | None], where: str) -> float | None:
    """The size of a pixel in one line; all lines must agree, for the net tells cells by their size too."""
    try:
        size = float(value) if value else None
    except ValueError:
        size = float("nan")
    if size is not None and not PIXEL_RANGE[0] <= size <= PIXEL_RANGE[1]:
        expected = f"{PIXEL_RANGE[0]} to {PIXEL_RANGE[1]} micrometres in pixel_um"
        raise UserError(where, expected, f"{value}", "Give the side of a pixel, or leave the column out.")
    if others - {size}:
        found = f"{value or 'nothing'} after {next(iter(others)) or 'nothing'}"
        raise UserError(where, "one pixel_um in all lines", found, "Rescale the images, see docs/own_cells.md.")
    return size


def _centre(row: dict[str, str], size: tuple[int, int], where: str) -> tuple[float, float]:
    try:
        x, y = float(row.get("nucleus_x", "")), float(row.get("nucleus_y", ""))
    except ValueError:
        x = y = float("nan")
    if not (-0.5 <= x <= size[1] - 0.5 and -0.5 <= y <= size[0] - 0.5):
        found = f"{row.get('nucleus_x')}, {row.get('nucleus_y')}"
        expected = f"a nucleus centre inside its image of {size[1]} x {size[0]}"
        raise UserError(where, expected, found, "Give pixels, 0-based, x the column.")
    return x, y
