"""The values in a manifest's line, each checked: a path, a label, a centre, a pixel's size; `where` names the line."""

from pathlib import Path

from data_prep.classes import ABNORMAL, NEITHER, NORMAL, known_class
from data_prep.herlev_classes import CLASSES
from deeppap.io.errors import UserError
from deeppap.io.image_file import image_size, missing_image_advice

LABELS = {"0": 0, "1": 1}  # beside the names of data_prep.classes
CLASS7 = {known.name: index for index, known in enumerate(CLASSES)}
CLASS_COLUMNS = ("label", "class", "bethesda")  # the first that a line fills decides its label
PIXEL_RANGE = (0.01, 10)  # micrometres; anything else is another unit


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


def class_of(row: dict[str, str], where: str) -> tuple[int | None, int | None, str | None]:
    """A line's label 0 or 1, its class among Herlev's seven, and the name of its class.

    The label is None for a cell that is neither normal nor abnormal. A name that only repeats the label is None too.
    """
    values = [row[column] for column in CLASS_COLUMNS if row.get(column)]
    if not values or values[0] not in LABELS and known_class(values[0]) is None:
        expected = "a label among 0, 1, normal, abnormal, or the name of a class"
        raise UserError(where, expected, values[0] if values else "nothing", "See docs/how-to/import-labels.md.")
    label = LABELS.get(values[0])
    if label is None and (known := known_class(values[0])).label != NEITHER:
        label = int(known.label == ABNORMAL)
    names = [known.name if (known := known_class(value)) else value for value in values]
    name = next((name for name in names if name not in LABELS and name not in (NORMAL, ABNORMAL, NEITHER)), None)
    return label, CLASS7.get(name), name


def pixel_um_of(value: str | None, others: set[float | None], where: str) -> float | None:
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
        raise UserError(where, "one pixel_um in all lines", found, "Rescale the images, see docs/how-to/own-cells.md.")
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
