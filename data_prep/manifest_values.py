"""The values in a manifest's line, each checked: a path, a label, a centre, a pixel's size; `where` names the line."""

from pathlib import Path

from data_prep.herlev_classes import CLASSES
from deeppap.io.errors import UserError
from deeppap.io.image_file import image_size, missing_image_advice

LABELS = {"0": 0, "1": 1, "normal": 0, "abnormal": 1}
CLASS7 = {name: index for index, known in enumerate(CLASSES) for name in (known.folder, known.name)}
# the Bethesda system's classes, and how sets write them out: only the first is normal
BETHESDA = {"nilm": 0, "negative for intraepithelial lesion": 0, "negative for intraepithelial lesion or malignancy": 0}
BETHESDA |= dict.fromkeys(("asc-us", "lsil", "asc-h", "hsil", "scc"), 1)
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


def label_of(value: str, where: str) -> tuple[int, int | None]:
    """The label 0 or 1, and the seven-class label where one of those is named."""
    if value in CLASS7:
        return CLASSES[CLASS7[value]].label, CLASS7[value]
    if value.lower() not in LABELS:
        known = ", ".join([*LABELS, *(item.name for item in CLASSES)])
        raise UserError(where, f"a label among {known}", value or "nothing", "Mend the label.")
    return LABELS[value.lower()], None


def bethesda_label_of(value: str, where: str) -> int:
    """The label 0 or 1 of a cell's Bethesda class; NILM alone is normal."""
    if value.lower() not in BETHESDA:
        known = "NILM, ASC-US, LSIL, ASC-H, HSIL, SCC"
        raise UserError(where, f"a Bethesda class among {known}", value or "nothing", "Mend the class.")
    return BETHESDA[value.lower()]


def bethesda_name(value: str) -> str:
    """How the tables call a Bethesda class, however a line writes it."""
    return "NILM" if BETHESDA[value.lower()] == 0 else value.upper()


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
        raise UserError(where, "one pixel_um in all lines", found, "Rescale the images, see docs/own_cells.md.")
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
