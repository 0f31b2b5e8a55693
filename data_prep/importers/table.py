"""Tables of points or boxes: CSV under the names that people use, CRIC's and RIVA's, and the gallery's labels.csv.

Points are pixel centres, counted from 0, as in a manifest. Boxes are counted from the corner of the first pixel.
"""

import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from data_prep.classes import LABELS, NEITHER, known_class
from data_prep.csv_dialect import Commas, csv_lines, names_of, with_point
from data_prep.geojson import CALLED_NAME, GIVEN_NAME, THRESHOLD_NAME
from data_prep.importers import cric, qupath
from data_prep.importers.labelled import HALF, Box, Labelled, Source, numbers
from data_prep.manifest import pixel_um_of
from deeppap.io.errors import UserError

NAME = "CSV"
SUFFIXES = (".csv", ".tsv")
IMAGE = ("image", "image_filename", "image_name", "file_name", "filename", "file", "image_path", "path", "img")
KIND = ("bethesda_system", "bethesda", "class_name", "class", "classification", "label", "category", "cell_type")
GROUP = ("group", "patient", "patient_id", "slide", "slide_id", "case", "case_id")
IDENTITY = ("id", "cell_id", "object_id", "uuid")
PIXEL = ("pixel_um", "mpp")
POINTS = [
    *[("nucleus_x", "nucleus_y"), ("x", "y"), ("cx", "cy"), ("center_x", "center_y"), ("centre_x", "centre_y")],
    *[("x_center", "y_center"), ("x_centre", "y_centre"), ("centroid_x", "centroid_y")],
]
QUPATH = [("centroid_x_px", "centroid_y_px"), ("centroid_x_μm", "centroid_y_μm")]  # of its measurement table
AREAS = {QUPATH[0]: ("area_px_2", "cell_area_px_2"), QUPATH[1]: ("area_μm_2", "cell_area_μm_2")}
QUPATH_CELLS = "cells of QuPath's table, which has the middle of the cell, not of its nucleus (GeoJSON has both)"
SIDES = [
    *[("xmin", "ymin", "xmax", "ymax"), ("x_min", "y_min", "x_max", "y_max"), ("x1", "y1", "x2", "y2")],
    *[("left", "top", "right", "bottom")],
]
FIJI = ("bx", "by", "width", "height")  # of its table of results, beside the centroid x, y
CORNER = [
    FIJI,
    *[("x", "y", "w", "h"), ("x", "y", "width", "height"), ("xmin", "ymin", "width", "height")],
    *[("left", "top", "width", "height"), ("bbox_x", "bbox_y", "bbox_width", "bbox_height")],
    *[("bbox_x", "bbox_y", "bbox_w", "bbox_h"), ("x", "y", "bbox_width", "bbox_height")],
]
# of the whole image; the last pair only beside the sides of a box, as TensorFlow's tables have it
IMAGE_SIZE = [("image_width", "image_height"), ("img_width", "img_height"), ("width", "height")]
RIVA = {"image_filename", "x", "y", "width", "height", "class", "class_name"}  # there x and y are the box's middle


class Columns(NamedTuple):
    """Which columns of a header mean what: of points and boxes the first known set of names, else nothing."""

    image: str | None
    kind: str | None
    group: str | None
    identity: str | None
    pixel: str | None
    points: tuple[str, ...] | None
    sides: tuple[str, ...] | None
    corner: tuple[str, ...] | None
    have: frozenset[str]

    @property
    def places(self) -> tuple[str, ...]:
        """Those that say where cells lie in which image; none if there is no column of images."""
        return (self.points or self.sides or self.corner or ()) if self.image else ()


def columns_of(header: list[str]) -> Columns:
    """Understand a header."""
    have = frozenset(header)
    one = [next((name for name in names if name in have), None) for names in (IMAGE, KIND, GROUP, IDENTITY, PIXEL)]
    known = ([*POINTS, *QUPATH], SIDES, CORNER)
    points, sides, corner = (next((names for names in some if have.issuperset(names)), None) for some in known)
    if points == ("x", "y") and corner and set(points) < set(corner):
        points = None  # the box's, not the nucleus'
    return Columns(*one, points, sides, corner, have)


def label_files(source: Source, files: list[Path]) -> list[Path]:
    """Tables at the top of the folder that say where cells lie; those in folders below it are told of."""
    tables = [path for path in files if path.suffix.lower() in SUFFIXES and _header_of(path).places]
    found = [path for path in tables if path.parent == source.path]
    if found and (below := [path for path in tables if path not in found]):
        names = ", ".join(f"{path.relative_to(source.path)}" for path in below[:3])
        source.warn(f"{source.path}: {len(below)} tables in folders below were not read: {names}. Name each as SOURCE.")
    return found


def _header_of(path: Path) -> Columns:
    try:
        return columns_of([name for name in next(rows(path), (0, {}, ""))[1] if name is not None])
    except UserError:  # another program's file, of whatever kind
        return columns_of([])


def read(path: Path, source: Source) -> Iterator[Labelled]:
    """The objects of a table."""
    columns: Columns | None = None
    commas = Commas(path)
    for line, row, separator in rows(path):
        columns = columns or _require(path, columns_of([name for name in row if name is not None]))
        where = f"{path}, line {line}"
        with source.reading(where, "an object"):
            if None in row:
                raise UserError(where, "a value under each name", row[None], "Correct the line.")
            numbered = {name: with_point(value, separator) for name, value in row.items()}
            if not source.reviewed and columns.points in QUPATH and _name(row[columns.kind]) == _net_call(numbered):
                source.left_out[qupath.OF_NET].append(where)
                continue
            about = {
                "group": row.get(columns.group) or None,
                "id": row.get(columns.identity) or None,
                "label": _label(row.get("label") or "", row[columns.kind]) if columns.kind != "label" else "",
                "by": row.get("labelled_by") or "",
                "at": _time(where, row.get("labelled_at") or ""),
                "pixel_um": pixel_um_of(numbered.get(columns.pixel), where),
            }
            if row.get("slide_sha256"):
                about["slide_sha256"] = row["slide_sha256"]
                corner = [row.get("field_x"), row.get("field_y")]
                about["corner"] = tuple(map(int, numbers(where, corner, 2, "field_x and field_y of the import")))
            image = source.images.find(row[columns.image], path)
            # a folder for each slide often has the same names: 001.png, 002.png
            if row.get("image_key") and row["image_key"] != source.images.key(image):
                do = "If it was changed since, screen it again; else give the folder that was screened with `images`."
                raise UserError(path, f"{image.name} as it was screened", f"another content, {image}", do)
            _require_size(where, numbered, columns, image, source)
            slide = source.images.slide(image)
            pixel_um = about["pixel_um"] or source.mpp or (slide.mpp if slide else None)
            place = _place(where, numbered, columns, source, pixel_um)
            if place.get("whole_cell") and "box" not in place:
                source.left_out[QUPATH_CELLS].append(where)
                continue
            for name in columns.places:
                commas.add(row[name], separator)
            one = Labelled(where, image, row[columns.kind], **place, **about)
            yield source.from_qupath(one) if columns.points in QUPATH else one
    commas.require_decimal()


def _require(path: Path, columns: Columns) -> Columns:
    found = names_of(sorted(columns.have))
    if not columns.places:
        expected = "columns image, class, and x and y (or xmin, ymin, xmax, ymax; or x, y, width, height)"
        raise UserError(path, expected, found, "Name them in the first line.")
    if not columns.kind:
        do = "Add a column class."
        if "p_abnormal" in columns.have:
            do += " p_abnormal is what a net thinks of the cell, not a label."
        raise UserError(path, "a column class", found, do)
    return columns


def _label(text: str, kind: str) -> str:
    """What a column `label` says beside the class: a label, or that of a class, which may contradict the other one."""
    classes = known_class(text), known_class(kind)
    if text.lower() in LABELS or not all(classes) or NEITHER in {one.label for one in classes}:
        return text.lower()
    return classes[0].label


def _require_size(where: str, row: dict[str, str], columns: Columns, image: Path, source: Source) -> None:
    """Refuse a line that states another size of its image, as where a program has scaled the images for labelling."""
    names = next((names for names in IMAGE_SIZE if all(row.get(name) for name in names)), None)
    # beside the four sides of a box, `width` and `height` are the image's, unless they are the box's own
    if names is None or (names == IMAGE_SIZE[-1] and not columns.sides):
        return
    width, height = numbers(where, [row[name] for name in names], 2, "a width and a height")
    if columns.sides:
        sides = [row[name] for name in columns.sides]
        left, top, right, bottom = numbers(where, sides, 4, "the four sides of a box")
        if abs(right - left - width) <= 1 and abs(bottom - top - height) <= 1:
            return
    source.require_size(where.split(", line")[0], image, int(width), int(height))


def _time(where: str, text: str) -> str:
    """A time in ISO 8601 as the gallery writes it, so that the later one is the greater text; "" stays."""
    try:
        when = datetime.fromisoformat(text) if text else None
    except ValueError:
        do = "A spreadsheet may have changed it. Write it so again, or empty it: the label is then the oldest."
        raise UserError(where, "labelled_at as 2026-11-30T21:05:00Z", text, do) from None
    return when.replace(tzinfo=when.tzinfo or UTC).astimezone(UTC).isoformat() if when else ""


def _net_call(row: dict[str, str]) -> str | None:
    """As `qupath.net_call`, of a line of QuPath's measurement table; the class is called as columns are."""
    measured = {name: value for name, value in row.items() if value and value != "NaN"}
    names = {_name(name): name for name in (qupath.OWN_SCORE, GIVEN_NAME, CALLED_NAME, THRESHOLD_NAME)}
    found = {names[name]: float(value) for name, value in measured.items() if name in names}
    classes = [name for name in measured if name.startswith("p_") and not name.startswith("p_abnormal")]
    return qupath.net_call(found | {f"P({name[2:]})": 1.0 for name in classes})


def _place(where: str, row: dict[str, str], columns: Columns, source: Source, pixel_um: float | None) -> dict:
    box = None
    if columns.sides:
        box = Box.of_corners(*numbers(where, [row[name] for name in columns.sides], 4, "the four sides of a box"))
    elif columns.corner:
        values = [row[name] for name in columns.corner]
        x, y, width, height = numbers(where, values, 4, "x, y, width and height")
        if source.xy_is_centre or columns.have >= RIVA:
            x, y = x - width / 2, y - height / 2
        else:
            source.corner_boxes = True
        box = Box.of_corners(x, y, x + width, y + height)
    if not columns.points:
        return {"centre": None, "box": box}
    x, y = numbers(where, [row[name] for name in columns.points], 2, "the two numbers of a point")
    if columns.points in QUPATH:
        scale = 1.0 if columns.points == QUPATH[0] else pixel_um
        if scale is None:
            raise UserError(where.split(", line")[0], "the pixel size, as its points are in um", "none", "Give `mpp`.")
        area = next((float(row[name]) / scale**2 for name in AREAS[columns.points] if row.get(name)), None)
        return _of_qupath(where, row, (x / scale - HALF, y / scale - HALF), area)
    if columns.corner == FIJI:
        if any(float(row[name]) % 1 for name in FIJI):
            line = f"{where.split(', line')[0]}: BX and BY are no whole pixels. If they are in micrometres, remove"
            source.warn(f"{line} the scale in ImageJ (Analyze > Set Scale) and measure again.")
        x, y = x - HALF, y - HALF
    elif "bethesda_system" in columns.have and "image_doi" in columns.have:
        x, y = x - cric.FIRST, y - cric.FIRST
    return {"centre": (x, y), "box": box}


def _of_qupath(where: str, row: dict[str, str], centre: tuple[float, float], area: float | None) -> dict:
    """What a line of QuPath's measurement table says of a place: its centroid is not always a nucleus's."""
    if row.get("roi") == "Points" and row.get("num_points") not in ("1", "1.0"):
        found = f"the mean of {row.get('num_points') or 'unknown'} points"
        raise UserError(where, "one point an object", found, "Export GeoJSON, which has every point.")
    cell = row.get("object_type") in ("Cell", "PathCellObject")
    if not cell and row.get("roi") != "Rectangle":
        return {"centre": centre}
    if not area:
        return {"centre": None if cell else centre, "centre_from": "middle", "whole_cell": cell}
    # its sides are not in the table: a square of its area
    (x, y), half = centre, area**0.5 / 2
    return {"centre": None, "box": Box(x - half, y - half, x + half, y + half), "whole_cell": cell}


def rows(path: Path) -> Iterator[tuple[int, dict, str]]:
    """(line, row, separator) of a table; a row of another number of values says so under None.

    pandas and R write the number of a row first: under an empty name, or R under none at all.
    """
    lines = csv_lines(path, _name, row_names=True)
    _, header, separator = next(lines)
    # nothing tells which of two columns of one name is meant, so that neither is recognised
    header = [f"{name} (twice)" if name and header.count(name) > 1 else name for name in header]
    for line, values, _ in lines:
        row = dict.fromkeys(header, "") | dict(zip(header, values, strict=False))
        if len(values) != len(header):
            row[None] = f"{len(values)}, where the first line has {len(header)} names"
        yield line, row, separator


def _name(text: str) -> str:
    """A column's name as the lists above have it: `Centroid X µm`, `centroid.x.um` and `centroid_x_um` are like."""
    return re.sub(r"[\W_]+", "_", unicodedata.normalize("NFKC", text).lower()).strip("_")
