"""Nuclei that a person set or corrected: QuPath's GeoJSON, or a CSV with x and y."""

import csv
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import cv2
import numpy as np

from data_prep.csv_dialect import sniffed_rows, with_point
from data_prep.manifest import FIELD_LIMIT
from deeppap.io.errors import UserError
from deeppap.io.packed_file import BROKEN, open_text
from deeppap.screening.nuclei.nucleus import Nucleus
from deeppap.screening.outputs.geojson import image_of

LARGEST_UM2 = 1000.0  # a nucleus' area; what is larger is a cell, or a region that was drawn
MOST = 2_000_000  # nuclei; more are no slide's
MARKED = "utf-8-sig"  # UTF-8, with the mark at its begin that spreadsheets write, or without
CHUNK = 1 << 20  # characters read at a time
HEAD = 10_000  # characters, in which an image's name has room
LONGEST = 64 << 20  # characters of one feature
ALONE = re.compile(r'"type"\s*:\s*"Feature"')
DO = "Export the nuclei from QuPath as GeoJSON again, or mend that one."


def read_nuclei(
    path: Path, image: str, size: tuple[int, int], mpp: float, origin: tuple[int, int] = (0, 0)
) -> list[Nucleus]:
    """The nuclei of an image of (width, height) pixels.

    A point of a GeoJSON is a centre; of a polygon the centroid is, its holes filled. Coordinates are in pixels of the
    full image, counted as QuPath does, from the corner of the pixel `origin`; a CSV's `x` and `y` are pixel centres,
    0-based, as in cells.csv, and where it has a column `image` the other images' rows are not read.

    Raises
    ------
    UserError
        Naming the feature or the line, for every one that cannot be used; nothing is skipped.
    """
    name = path.name.lower().removesuffix(".gz")
    found = []
    read, begin = (_csv, (0, 0)) if name.endswith(".csv") else (_geojson, origin)
    for where, one in read(path, image, mpp):
        nucleus = one.moved(*begin)
        if not (-0.5 <= nucleus.x <= size[0] - 0.5 and -0.5 <= nucleus.y <= size[1] - 0.5):
            expected = f"a nucleus inside the image of {size[0]} x {size[1]} pixels"
            raise UserError(where, expected, f"{nucleus.x:g}, {nucleus.y:g}", DO)
        found.append(nucleus)
        if len(found) > MOST:
            raise UserError(path, f"at most {MOST:,} nuclei", "more", "Split the image.")
    if not found:
        raise UserError(path, f"nuclei of {image}", "none", "Give the file that belongs to this image.")
    return found


def _csv(path: Path, image: str, mpp: float) -> Iterator[tuple[str, Nucleus]]:
    csv.field_size_limit(FIELD_LIMIT)
    try:
        with open_text(path, MARKED) as file:
            reader, separator = sniffed_rows(file)
            header = [name.strip().lower() for name in next(reader, [])]
            columns = _columns(path, header)
            for row in reader:
                if not any(row):
                    continue
                where = f"{path}, line {reader.line_num}"
                if len(row) != len(header):
                    raise UserError(where, f"{len(header)} values", f"{len(row)}", "Mend the line.")
                if "image" in header and row[header.index("image")].strip() != image:
                    continue
                x, y = (_number(where, with_point(row[column], separator)) for column in columns)
                yield where, Nucleus(x, y, math.nan, math.nan)
    except OSError as error:
        raise UserError(path, "a CSV file", error.strerror or str(error), "Mend the path.") from None
    except (*BROKEN, csv.Error, UnicodeDecodeError) as error:
        raise UserError(path, "a UTF-8 CSV file", str(error), "Save it again as CSV, UTF-8.") from None


def _columns(path: Path, header: list[str]) -> tuple[int, int]:
    for x, y in (("x", "y"), ("nucleus_x", "nucleus_y")):
        if x in header and y in header:
            return header.index(x), header.index(y)
    found = ", ".join(header)[:120] or "an empty file"
    raise UserError(path, "columns x and y, or nucleus_x and nucleus_y", found, "Name them in the first line.")


def _geojson(path: Path, image: str, mpp: float) -> Iterator[tuple[str, Nucleus]]:
    try:
        with open_text(path, MARKED) as file:
            if (other := image_of(file.read(HEAD))) not in (None, image):
                raise UserError(path, f"nuclei of {image}", f"those of {other}", "Give the file of this image.")
            file.seek(0)
            for number, feature in enumerate(features(file), 1):
                where = f"{path}, feature {number}"
                for nucleus in _nuclei(where, feature, mpp):
                    yield where, nucleus
    except OSError as error:
        raise UserError(path, "a GeoJSON file", error.strerror or str(error), "Mend the path.") from None
    except (*BROKEN, ValueError, RecursionError) as error:
        raise UserError(path, "GeoJSON of features", str(error)[:120], DO) from None


def features(file: TextIO) -> Iterator[dict]:
    """The features of a FeatureCollection, of QuPath's bare array, or the one that is alone: memory stays flat.

    Raises
    ------
    ValueError
        Where the text is no such JSON.
    """
    decoder, text = json.JSONDecoder(), file.read(CHUNK)
    start = text.find("[") if text.lstrip().startswith("[") else _after(text, '"features"')
    if start < 0 and ALONE.search(text):  # QuPath writes one object without a list
        yield json.loads(text + file.read(LONGEST))
        return
    if start < 0:
        raise ValueError("no list of features in the first million characters")
    text = text[start + 1 :]
    while True:
        text = text.lstrip(" \t\r\n,")
        if text.startswith("]"):
            return
        try:
            if not text:
                raise ValueError
            feature, end = decoder.raw_decode(text)
        except ValueError as error:
            more = file.read(CHUNK)
            if not more:
                raise ValueError(f"cut short or no JSON ({error or 'its list does not end'})") from None
            if len(text) > LONGEST:
                raise ValueError("a feature too long, or no JSON") from None
            text += more
            continue
        yield feature
        text = text[end:]


def _after(text: str, key: str) -> int:
    at = text.find(key)
    return text.find("[", at) if at >= 0 else -1


def _nuclei(where: str, feature: object, mpp: float) -> list[Nucleus]:
    geometry = feature.get("nucleusGeometry") or feature.get("geometry") if isinstance(feature, dict) else None
    kind, places = (geometry.get("type"), geometry.get("coordinates")) if isinstance(geometry, dict) else (None, None)
    if kind == "Point":
        x, y = _points(where, [places])[0]
        return [Nucleus(float(x) - 0.5, float(y) - 0.5, math.nan, math.nan)]
    if kind == "MultiPoint":
        return [Nucleus(float(x) - 0.5, float(y) - 0.5, math.nan, math.nan) for x, y in _points(where, places)]
    if kind == "Polygon" and isinstance(places, list) and places:
        return [_of_ring(where, places[0], mpp)]  # a nucleus has no hole: what a brush left open is filled
    if kind == "MultiPolygon" and isinstance(places, list) and len(places) == 1 and places[0]:
        return [_of_ring(where, places[0][0], mpp)]
    found = f"{kind}"[:60] if kind else "none"
    raise UserError(where, "a Point, MultiPoint or Polygon, one nucleus each", found, DO)


def _of_ring(where: str, ring: object, mpp: float) -> Nucleus:
    outline = _points(where, ring).astype(np.float32) - 0.5
    moments = cv2.moments(outline.reshape(-1, 1, 2)) if len(outline) >= 3 else {"m00": 0}
    if moments["m00"] <= 0:
        raise UserError(where, "an outline with an area", f"{len(outline)} points without one", DO)
    x, y = moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
    area = moments["m00"] * mpp**2
    if area > LARGEST_UM2:
        raise UserError(where, f"a nucleus, at most {LARGEST_UM2:g} um2", f"{area:.0f} um2", "Export the nuclei alone.")
    return Nucleus(x, y, area, math.nan, outline)


def _points(where: str, value: object) -> np.ndarray:
    """Coordinates, float64 (N, 2); strings, true and infinities are none."""
    pairs = value if isinstance(value, list) else [None]
    for pair in pairs:
        good = isinstance(pair, list) and len(pair) >= 2
        if not good or any(type(v) not in (int, float) or not abs(v) < 1e9 for v in pair[:2]):
            raise UserError(where, "coordinates, two numbers each", json.dumps(pair)[:60], DO)
    return np.array([pair[:2] for pair in pairs], np.float64).reshape(-1, 2)


def _number(where: str, text: str) -> float:
    try:
        value = float(text)
        if not abs(value) < 1e9:
            raise ValueError
    except ValueError:
        raise UserError(where, "two numbers, x and y", repr(text)[:40], "Give pixels, 0-based.") from None
    return value
