"""Nuclei that a person set or corrected: QuPath's GeoJSON, or a CSV with x and y."""

import codecs
import math
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from data_prep.csv_dialect import Centres
from data_prep.geojson import MOST_FEATURES, GeoJson, open_geojson, read_geojson
from data_prep.importers.labelled import HALF, LARGEST_UM2, measured
from data_prep.importers.qupath import NO_CELLS, OTHER_PLANES, Feature, kind_of, net_call
from deeppap.io.errors import UserError
from deeppap.io.image_file import say_once
from deeppap.screening.nuclei.nucleus import Nucleus
from deeppap.screening.nuclei.points_csv import read_points

DO = "Export the nuclei from QuPath as GeoJSON again, or correct that one."


def read_nuclei(
    path: Path, image: str, size: tuple[int, int], mpp: float, origin: tuple[int, int] = (0, 0)
) -> list[Nucleus]:
    """The nuclei of an image of (width, height) pixels.

    A GeoJSON is read as its import reads it: a point is a centre; of a polygon the centroid is, its holes filled; each
    large part of a MultiPolygon is a nucleus. Coordinates are in pixels of the full image, counted as QuPath does, from
    the corner of the pixel `origin`. A CSV's `x` and `y` are pixel centres, 0-based, as in cells.csv; if it has a
    column `image`, the rows of other images are skipped.

    Raises UserError naming the feature or the line, for every one that cannot be used; none is skipped.
    """
    found, given = [], {}
    read, begin = (_csv, (0, 0)) if path.suffix.lower() == ".csv" else (_geojson, origin)
    for where, one in read(path, image, mpp):
        nucleus = one.moved(*begin)
        if not (-0.5 <= nucleus.x <= size[0] - 0.5 and -0.5 <= nucleus.y <= size[1] - 0.5):
            expected = f"a nucleus inside the image of {size[0]} x {size[1]} pixels"
            raise UserError(where, expected, f"{nucleus.x:g}, {nucleus.y:g}", DO)
        place, kind = (round(nucleus.x, 2), round(nucleus.y, 2)), nucleus.given
        if kind and given.setdefault(place, kind) != kind:
            expected = f"one class of the nucleus at {nucleus.x:g}, {nucleus.y:g}"
            raise UserError(where, expected, f"{given[place]} and {kind}", "Delete the object that is wrong.")
        found.append(nucleus)
        if len(found) > MOST_FEATURES:
            raise UserError(path, f"at most {MOST_FEATURES:,} nuclei", "more", "Split the image.")
    if not found:
        raise UserError(path, f"nuclei of {image}", "none", "Give the file that belongs to this image.")
    return found


def _csv(path: Path, image: str, mpp: float) -> Iterator[tuple[str, Nucleus]]:
    for point in read_points(path):
        if point.image in (None, image):
            yield point.where, Nucleus(point.x, point.y, math.nan, math.nan)


def _geojson(path: Path, image: str, mpp: float) -> Iterator[tuple[str, Nucleus]]:
    centres = Centres(path)
    for number, raw in enumerate(_features(path, image), 1):
        where = f"{path}, feature {number}"
        try:
            feature = msgspec.json.decode(raw, type=Feature)
        except (ValueError, RecursionError) as error:
            raise UserError(where, "a GeoJSON feature", str(error)[:120], DO) from None
        if feature.about.child_objects:
            # a cell's spots, or the cells of a region: which of them are the nuclei is not known
            do = "Export the nuclei alone, without the objects that hold them."
            raise UserError(where, "nuclei alone", "an object with others inside it (childObjects)", do)
        if feature.is_of(NO_CELLS):
            raise UserError(where, "nuclei alone", "a tile or a TMA core", "Export the nuclei alone.")
        if feature.has_no_nucleus:
            do = "Delete that cell, or detect its nucleus in QuPath, and export again."
            raise UserError(where, "a nucleus in every cell", "a cell without one", do)
        kind = _class_of(where, feature)
        if kind.endswith("*"):
            # Region*, Ignore*: QuPath's classes for what is no object
            raise UserError(where, "nuclei alone", f"an object of QuPath's class {kind}", "Export the nuclei alone.")
        nuclei = feature.nuclei(where)
        if not nuclei.first_plane:
            say_once(f"!! {path}: {OTHER_PLANES} !!")
        for x, y in nuclei.points.tolist():
            centres.add(x + HALF, y + HALF)
            yield where, Nucleus(x, y, math.nan, math.nan, given=kind)
        for parts in nuclei.outlines:
            pixels, (x, y) = measured(where, parts)
            if (area := pixels * mpp**2) > LARGEST_UM2:
                found = f"{area:.0f} um2"
                raise UserError(where, f"a nucleus, at most {LARGEST_UM2:g} um2", found, "Export the nuclei alone.")
            yield where, Nucleus(x, y, area, math.nan, parts[0].astype(np.float32), kind)
    centres.require_pixels()


def _class_of(where: str, feature: Feature) -> str:
    """The class that a person gave an object; "" where it has none, or the one that `screen` gave it."""
    try:
        kind = kind_of(feature.about.classification)
        return "" if kind and kind.casefold() == net_call(feature.about.measurements) else kind
    except (AttributeError, TypeError, ValueError) as error:
        raise UserError(where, "QuPath's classification and measurements", str(error)[:80], DO) from None


def _features(path: Path, image: str) -> GeoJson:
    """The features of a file, not yet decoded."""
    text = read_geojson(path)
    if text[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        raise UserError(path, "GeoJSON in UTF-8", "a file in UTF-16", "Save it again as UTF-8.")
    found = open_geojson(text, str(path))
    if found is None:
        raise UserError(path, "GeoJSON of features", "no list of features", DO)
    if found.image not in (None, image):
        raise UserError(path, f"nuclei of {image}", f"those of {found.image}", "Give the file of this image.")
    return found
