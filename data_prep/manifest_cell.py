"""One line of a manifest as a cell, with all that is wrong in it noted."""

from dataclasses import dataclass, field
from pathlib import Path

from common.errors import Mistakes, UserError
from data_prep.cells import Cell
from data_prep.manifest_values import bethesda_label_of, centre_of, inside, label_of, pixel_um_of, size_of
from data_prep.nucleus import centroid


@dataclass
class Known:
    """What the lines before have told: ids, sizes of images (height, width), and the size of a pixel."""

    ids: set[str] = field(default_factory=set)
    sizes: dict[Path, tuple[int, int]] = field(default_factory=dict)
    pixels: set[float | None] = field(default_factory=set)


def cell_of(row: dict[str, str], folder: Path, line: int, where: str, known: Known, mistakes: Mistakes) -> Cell | None:
    """The cell that a row of a manifest in `folder` describes; None where anything in it is wrong."""
    found = {}
    with mistakes.noted():
        known.pixels.add(pixel_um_of(row.get("pixel_um"), known.pixels, where))
    with mistakes.noted():
        found["label"], found["class7"] = _label(row, where)
    with mistakes.noted():
        found["image"], found["centre"] = _place(row, folder, where, known.sizes)
    with mistakes.noted():
        found["id"] = _id(row, line, where, known.ids)
    return Cell(**found, group=row.get("group") or None) if len(found) == 5 else None


def _label(row: dict[str, str], where: str) -> tuple[int, int | None]:
    if "bethesda" in row:
        return bethesda_label_of(row["bethesda"], where), None
    return label_of(row["label"], where)


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


def _id(row: dict[str, str], line: int, where: str, ids: set[str]) -> str:
    name = row.get("id") or Path(row["image"]).stem
    if name in ids and not row.get("id"):
        name = f"{name}_{line}"
    if name in ids:
        raise UserError(where, "an id of its own", name, "Give every cell another id.")
    ids.add(name)
    return name
