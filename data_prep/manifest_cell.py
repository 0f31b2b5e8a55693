"""One line of a manifest as a cell, with all that is wrong in it noted."""

from dataclasses import dataclass, field
from pathlib import Path

from data_prep.cells import Cell
from data_prep.manifest_values import centre_of, class_of, inside, pixel_um_of, size_of
from data_prep.nucleus import centroid
from deeppap.io.errors import Mistakes, UserError


@dataclass
class Known:
    """What the lines before have told: ids, sizes of images (height, width), the size of a pixel, each cell's line by
    its image and centre, each image's group, and the name of each cell's class by its id.
    """

    ids: set[str] = field(default_factory=set)
    sizes: dict[Path, tuple[int, int]] = field(default_factory=dict)
    pixels: set[float | None] = field(default_factory=set)
    lines: dict[tuple[Path, tuple[float, float]], int] = field(default_factory=dict)
    groups: dict[Path, str | None] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)


def cell_of(row: dict[str, str], folder: Path, line: int, where: str, known: Known, mistakes: Mistakes) -> Cell | None:
    """The cell that a row of a manifest in `folder` describes.

    None where anything in it is wrong, and of a cell that is neither normal nor abnormal.
    """
    found, name = {}, None
    with mistakes.noted():
        found["label"], found["class7"], name = class_of(row, where)
        if found["label"] is None:
            return None
    with mistakes.noted():
        known.pixels.add(pixel_um_of(row.get("pixel_um"), known.pixels, where))
    with mistakes.noted():
        image, centre = _place(row, folder, where, known.sizes)
        _require_new(known.lines, image, centre, line, where)
        found["group"] = _group(row, image, where, known.groups)
        found["image"], found["centre"] = image, centre
    with mistakes.noted():
        found["id"] = _id(row, line, where, known.ids)
    if len(found) < 6:
        return None
    if name:
        known.kinds[found["id"]] = name
    return Cell(**found)


def _place(
    row: dict[str, str], folder: Path, where: str, sizes: dict[Path, tuple[int, int]]
) -> tuple[Path, tuple[float, float]]:
    """The image and the nucleus centre in it."""
    image = inside(folder, row["image"], where)
    if image not in sizes:
        sizes[image] = size_of(image, where)
    if row.get("mask"):
        return image, centroid(inside(folder, row["mask"], where), sizes[image])
    return image, centre_of(row, sizes[image], where)


def _require_new(
    lines: dict[tuple[Path, tuple[float, float]], int], image: Path, centre: tuple[float, float], line: int, where: str
) -> None:
    """A cell listed twice would be trained on and tested."""
    first = lines.setdefault((image, centre), line)
    if first != line:
        raise UserError(where, "a cell of its own", f"that of line {first} again", "Keep one of the two lines.")


def _group(row: dict[str, str], image: Path, where: str, groups: dict[Path, str | None]) -> str | None:
    """What was captured together; an image lies in one group, or folds that part groups would share it."""
    group = row.get("group") or None
    if groups.setdefault(image, group) != group:
        known = groups[image] or "none"
        found = f"{group or 'none'}, and {known} in a line before"
        raise UserError(where, f"one group for all cells of {image.name}", found, "Give them one.")
    return group


def _id(row: dict[str, str], line: int, where: str, ids: set[str]) -> str:
    name = row.get("id") or Path(row["image"]).stem
    if name in ids and not row.get("id"):
        name = f"{name}_{line}"
    if name in ids:
        raise UserError(where, "an id of its own", name, "Give every cell another id.")
    ids.add(name)
    return name
