"""Reader of a manifest: anyone's own cells in a CSV file (the paper's HEMLBC comes in this shape)."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from data_prep.cells import Cell, Dataset, is_phantom
from data_prep.classes import ABNORMAL, LABELS, NEITHER, NORMAL, known_class
from data_prep.csv_dialect import Centres, Commas, csv_lines, names_of, with_point
from data_prep.nucleus import centroid
from data_prep.pixel_size import PIXEL_RANGE
from deeppap.io.errors import Mistakes, UserError
from deeppap.io.image_file import image_size, missing_image_advice, say_once
from deeppap.io.names import require_printable, to_number

NUMBERS = {"0": LABELS[0], "1": LABELS[1]}  # in place of a label's name
CLASS_COLUMNS = ("label", "class", "bethesda")  # the first that a line fills decides its label
COLUMNS = {"image", "nucleus_x", "nucleus_y", "mask", "group", "id", "pixel_um", "slide_sha256", *CLASS_COLUMNS}
LIKE = 0.85  # from 0 to 1: how near the name of a column must be to that of a known one
DECIMAL = {"nucleus_x", "nucleus_y", "pixel_um"}


def read_manifest(path: Path, own: bool = False) -> Dataset:
    """Read a manifest: a UTF-8 CSV with the columns image, label, and nucleus_x with nucleus_y, or mask.

    Commas, semicolons or tabs separate; without commas there, numbers may have decimal ones.
    `image` and `mask` are relative to the manifest and stay inside its folder; `label` is 0, 1, normal,
    abnormal or the name of a class; `group` (optional) names what was captured together, else an image
    of several cells is a group of its own;
    `id` (optional) else the image's name without extension, with the row number where one image holds several cells;
    `class` or `bethesda`, in place of `label` or beside it: the name of the cell's class; where there is no `label` it
    is one that data_prep.classes knows, which decides that. Cells that are neither normal nor abnormal are counted in
    `left_out`, unless `own` asks for all the classes there are;
    `pixel_um` (optional) the side of a pixel in micrometres; cells are seen at that of the first line;
    `slide_sha256` (optional) as tools/import_labels.py writes it. Other columns are passed over.

    Raises UserError naming the line, for every value that cannot be used: all of them at once.
    """
    path = Path(path)
    cells: list[Cell] = []
    # all mistakes of a list at once: a person who mends one line a run gives up
    rows, masks, mistakes = _Rows(path.parent, own), {}, Mistakes()
    for line, row in manifest_rows(path, mistakes):
        cell = rows.cell(row, line, f"{path}, line {line}", mistakes)
        if cell is None:
            continue
        cells.append(cell)
        if row.get("mask"):
            masks[cell.id] = path.parent / row["mask"]
    mistakes.require_none()
    _say_contradictions(path, cells)
    centres = Centres(path)
    for cell in cells:
        if cell.id not in masks:
            centres.add(*cell.centre)
    centres.require_pixels()
    if not cells:
        raise UserError(path, "cells that are normal or abnormal", "none", "Add one line a cell.")
    pixel_um = cells[0].pixel_um  # of the first line: what the others are brought to
    return Dataset(
        name=path.stem if path.stem != "cells" else path.absolute().parent.name,
        root=path.parent,
        cells=tuple(images_as_groups(cells, path.parent)),
        pixel_um=pixel_um,
        masks=masks,
        phantom=is_phantom(path.parent),
        own=own,
        left_out=rows.left_out,
    ).seen_at(pixel_um)


def _say_contradictions(path: Path, cells: Sequence[Cell]) -> None:
    """Tell of cells whose label is the opposite of what their class is known to be: somebody may have meant it."""
    known = [(cell, known_class(cell.kind)) for cell in cells]
    found = Counter(
        f"{cell.kind} as {LABELS[cell.label]}"
        for cell, one in known
        if one and {one.label, LABELS[cell.label]} == {NORMAL, ABNORMAL}
    )
    if found:
        counts = ", ".join(f"{count:,} {name}" for name, count in sorted(found.items()))
        say_once(f"{path}: the column label contradicts the class, and counts: {counts}")


class _Rows:
    """Turns the rows of a manifest in `folder` into cells; remembers what the rows before have told."""

    def __init__(self, folder: Path, own: bool):
        self.folder, self.own = folder, own
        self.ids: set[str] = set()
        self.sizes: dict[Path, tuple[int, int]] = {}  # of images: height, width
        self.pixels: dict[str, float | None] = {}  # pixel_um, by image
        self.lines: dict[tuple[Path, tuple[float, float]], int] = {}  # by image and centre
        self.groups: dict[Path, str | None] = {}  # by image
        self.left_out: Counter[str] = Counter()  # cells of neither label, by class

    def cell(self, row: dict[str, str], line: int, where: str, mistakes: Mistakes) -> Cell | None:
        """The cell of a row; None if anything in it is wrong, which is noted, or if it is neither of both labels."""
        found = {}
        with mistakes.noted():
            found["label"], found["kind"] = class_of(row, where)
            if not self.own and LABELS[found["label"]] == NEITHER:
                self.left_out[found["kind"]] += 1
                return None
        with mistakes.noted():
            found["pixel_um"] = self._pixel_um(row, where)
        with mistakes.noted():
            image, centre = self._place(row, where)
            first = self.lines.setdefault((image, centre), line)
            if first != line:  # a cell listed twice would be trained on and tested
                raise UserError(where, "each cell once", f"a duplicate of line {first}", "Keep one of the two lines.")
            found["group"] = self._group(row, image, where)
            found["image"], found["centre"] = image, centre
        with mistakes.noted():
            found["id"] = self._id(row, line, where)
        return Cell(**found, slide_sha256=row.get("slide_sha256") or "") if len(found) == 7 else None

    def _place(self, row: dict[str, str], where: str) -> tuple[Path, tuple[float, float]]:
        """The image and the nucleus centre in it."""
        image = inside(self.folder, row["image"], where)
        if image not in self.sizes:
            if not image.is_file():
                raise UserError(where, "an image file", f"no file {image}", missing_image_advice(image))
            self.sizes[image] = image_size(image)
        if row.get("mask"):
            return image, centroid(inside(self.folder, row["mask"], where), self.sizes[image])
        return image, centre_of(row, self.sizes[image], where)

    def _pixel_um(self, row: dict[str, str], where: str) -> float | None:
        """The pixel size of a line's image, in micrometres; None where no line states one."""
        size, found = pixel_um_of(row.get("pixel_um"), where), row.get("pixel_um") or "nothing"
        first = next(iter(self.pixels.values()), size)
        if (size is None) != (first is None):
            raise UserError(where, "pixel_um on all lines, or on none", found, "Give the size of every image's pixels.")
        if size != (known := self.pixels.setdefault(row["image"], size)):
            do = "An image has pixels of one size: give it the same on all its lines."
            raise UserError(where, f"pixel_um {known:g} as on the lines before of this image", found, do)
        return size

    def _group(self, row: dict[str, str], image: Path, where: str) -> str | None:
        """What was captured together; an image lies in one group, or folds that part groups would share it."""
        # cells of one image share its stain and its focus: in two folds they would leak
        group = row.get("group") or None
        known = self.groups.setdefault(image, group)
        if known != group:
            found = f"{group or 'none'}, and {known or 'none'} in a line before"
            raise UserError(where, f"one group for all cells of {image.name}", found, "Give them one.")
        return group

    def _id(self, row: dict[str, str], line: int, where: str) -> str:
        # an id seeds the views of its cell: it must not follow from the order of the lines where it can be avoided
        name = row.get("id") or Path(row["image"]).stem
        if name in self.ids and not row.get("id"):
            name = f"{name}_{line}"
        if name in self.ids:
            raise UserError(where, "an id of its own", name, "Give every cell another id.")
        self.ids.add(name)
        return name


def images_as_groups(cells: list[Cell], folder: Path) -> list[Cell]:
    """Cells that name no group, of images that hold several: an image's cells were captured together."""
    images = {cell.image for cell in cells}
    # where the user names groups, a cell without one is meant to have none
    if len(images) == len(cells) or any(cell.group is not None for cell in cells):
        return cells
    return [replace(cell, group=cell.image.relative_to(folder).as_posix()) for cell in cells]


def manifest_rows(path: Path, mistakes: Mistakes, required: Sequence[str] = ()) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line number, row) of a manifest, one at a time, with its header and shape checked.

    `required` names other columns than a data set's, for lists of cells without labels. A line of another number of
    values is noted in `mistakes` and passed over.
    """
    lines = csv_lines(path, lambda name: name.strip().lower())
    _, header, separator = next(lines)
    _require_columns(path, header, required)
    commas = Commas(path)
    for line, values, _ in lines:
        where = f"{path}, line {line}"
        try:
            if len(values) != len(header):
                raise UserError(where, f"{len(header)} values", f"{len(values)}", "Correct the line.")
            row = dict(zip(header, values, strict=True))
            for name in COLUMNS & row.keys():  # other columns are passed over, as is what is in them
                require_printable(row[name], where, name)
        except UserError as error:
            mistakes.add(error)
            continue
        for name in {"nucleus_x", "nucleus_y"} & row.keys():
            commas.add(row[name], separator)
        yield line, row | {name: with_point(row[name], separator) for name in DECIMAL & row.keys()}
    commas.require_decimal()


def _require_columns(path: Path, header: list[str], required: Sequence[str]) -> None:
    have, do = set(header), "See docs/how-to/own-cells.md."
    centre = {"nucleus_x", "nucleus_y"} <= have or "mask" in have
    labelled = bool(have & set(CLASS_COLUMNS))
    complete = set(required) <= have if required else "image" in have and labelled and centre
    if not complete or len(have) != len(header):
        expected = f"columns {', '.join(required) or 'image, label (or class), and nucleus_x with nucleus_y, or mask'}"
        raise UserError(path, expected, names_of(header), do)
    for name in sorted(have - COLUMNS):  # other columns are passed over, but not one that was meant to be read
        if meant := get_close_matches(name, COLUMNS - have, 1, LIKE):
            raise UserError(path, f"the column {meant[0]}", f"one called {name}", f"Rename it, or add {meant[0]}.")


def inside(folder: Path, relative: str, where: str) -> Path:
    """A path below `folder`, refused where it climbs out of it or is absolute."""
    path = folder / relative
    named = bool(relative) and "\0" not in relative and ".." not in Path(relative).parts  # one file, one name
    if not named or not path.resolve().is_relative_to(folder.resolve()):
        raise UserError(where, f"a path inside {folder}", relative or "nothing", "Put the file beside the manifest.")
    return path


def class_of(row: dict[str, str], where: str) -> tuple[int, str]:
    """A line's label, 0 normal, 1 abnormal or 2 neither, and the name of its class; without one the label's name.

    A class that the table does not know is taken by the name it has, if `label` says what it is.
    """
    # a set may have both: `label` says what counts, `class` what the cell is
    values = [NUMBERS.get(row[column], row[column]) for column in CLASS_COLUMNS if row.get(column)]
    known = [known_class(value) for value in values]
    if not values or known[0] is None:
        expected = "a label among 0, 1, normal, abnormal, neither, or the name of a known class"
        do = "If it is a class of your own, add a column `label` that says normal, abnormal or neither of it."
        raise UserError(where, expected, values[0] if values else "nothing", do)
    names = [one.name if one else value for one, value in zip(known, values, strict=True)]
    label = known[0].label
    return LABELS.index(label), next((name for name in names if name not in LABELS), label)


def pixel_um_of(value: str | None, where: str) -> float | None:
    """The size of a pixel in one line, if it states one."""
    size = to_number(value) if value else None
    if size is not None and not PIXEL_RANGE[0] <= size <= PIXEL_RANGE[1]:
        expected = f"{PIXEL_RANGE[0]} to {PIXEL_RANGE[1]} micrometres in pixel_um"
        raise UserError(where, expected, f"{value}", "Give the side of a pixel, or leave the column out.")
    return size


def centre_of(row: dict[str, str], size: tuple[int, int], where: str) -> tuple[float, float]:
    """The nucleus centre (x, y) in pixels, inside an image of `size` (height, width)."""
    x, y = to_number(row.get("nucleus_x")), to_number(row.get("nucleus_y"))
    if not (-0.5 <= x <= size[1] - 0.5 and -0.5 <= y <= size[0] - 0.5):
        found = f"{row.get('nucleus_x')}, {row.get('nucleus_y')}"
        expected = f"a nucleus centre inside its image of {size[1]} x {size[0]}"
        raise UserError(where, expected, found, "Give pixels, 0-based, x the column.")
    return x, y
