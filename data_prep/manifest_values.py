"""The values in a manifest's line, each checked: a path, a label, a centre, a pixel's size; `where` names the line."""

from pathlib import Path

from data_prep.classes import LABELS, known_class
from data_prep.pixel_size import PIXEL_RANGE
from deeppap.io.errors import UserError
from deeppap.io.image_file import image_size, missing_image_advice

NUMBERS = {"0": LABELS[0], "1": LABELS[1]}  # in place of a label's name
CLASS_COLUMNS = ("label", "class", "bethesda")  # the first that a line fills decides its label


def inside(folder: Path, relative: str, where: str) -> Path:
    """A path below `folder`, refused where it climbs out of it or is absolute."""
    path = folder / relative
    named = bool(relative) and "\0" not in relative and ".." not in Path(relative).parts  # one file, one name
    if not named or not path.resolve().is_relative_to(folder.resolve()):
        raise UserError(where, f"a path inside {folder}", relative or "nothing", "Put the file beside the manifest.")
    return path


def size_of(image: Path, where: str) -> tuple[int, int]:
    """Height and width of an image that must be there."""
    if not image.is_file():
        raise UserError(where, "an image file", f"no file {image}", missing_image_advice(image))
    return image_size(image)


def class_of(row: dict[str, str], where: str) -> tuple[int, str]:
    """A line's label, 0 normal, 1 abnormal or 2 neither, and the name of its class; without one the label's name.

    A class that the table does not know is taken by the name it has, if `label` says what it is.
    """
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
    try:
        size = float(value) if value else None
    except ValueError:
        size = float("nan")
    if size is not None and not PIXEL_RANGE[0] <= size <= PIXEL_RANGE[1]:
        expected = f"{PIXEL_RANGE[0]} to {PIXEL_RANGE[1]} micrometres in pixel_um"
        raise UserError(where, expected, f"{value}", "Give the side of a pixel, or leave the column out.")
    return size


def centre_of(row: dict[str, str], size: tuple[int, int], where: str) -> tuple[float, float]:
    """The nucleus centre (x, y) in pixels, inside an image of `size` (height, width)."""
    try:
        x, y = float(row.get("nucleus_x", "")), float(row.get("nucleus_y", ""))
    except ValueError:
        x = y = float("nan")
    if not (-0.5 <= x <= size[1] - 0.5 and -0.5 <= y <= size[0] - 0.5):
        found = f"{row.get('nucleus_x')}, {row.get('nucleus_y')}"
        expected = f"a nucleus centre inside its image of {size[1]} x {size[0]}"
        raise UserError(where, expected, found, "Give pixels, 0-based, x the column.")
    return x, y
