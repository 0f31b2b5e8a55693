"""Nuclei that a person set or corrected: QuPath's GeoJSON, or a CSV with x and y."""

import codecs
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np

from data_prep.csv_dialect import Centres
from data_prep.geojson import MOST_FEATURES, GeoJson, open_geojson, read_geojson
from data_prep.importers.labelled import area_and_centroid
from data_prep.importers.qupath import CELLS, NO_CELLS, kind_of, net_call
from deeppap.io.errors import UserError
from deeppap.screening.nuclei.nucleus import Nucleus
from deeppap.screening.nuclei.points_csv import read_points

MAX_AREA = 1000.0  # square micrometres of a nucleus; a larger outline is a cell's, or of a region that was drawn
DO = "Export the nuclei from QuPath as GeoJSON again, or correct that one."

Coordinate = Annotated[float, msgspec.Meta(gt=-1e9, lt=1e9)]  # pixels; refuses infinity too
Position = Annotated[list[Coordinate], msgspec.Meta(min_length=2)]  # x, y, and perhaps z
Ring = list[Position]
Rings = Annotated[list[Ring], msgspec.Meta(min_length=1)]  # the outline first, then holes, which are filled


class _Point(msgspec.Struct, tag_field="type", tag="Point"):
    coordinates: Position


class _MultiPoint(msgspec.Struct, tag_field="type", tag="MultiPoint"):
    coordinates: list[Position]


class _Polygon(msgspec.Struct, tag_field="type", tag="Polygon"):
    coordinates: Rings


class _MultiPolygon(msgspec.Struct, tag_field="type", tag="MultiPolygon"):
    coordinates: Annotated[list[Rings], msgspec.Meta(min_length=1, max_length=1)]  # a nucleus is one piece


Geometry = _Point | _MultiPoint | _Polygon | _MultiPolygon


class _Properties(msgspec.Struct, rename="camel"):
    object_type: Any = None
    older_type: Any = msgspec.field(default=None, name="object_type")
    # both as `qupath` reads them: QuPath's versions write them differently
    classification: Any = None
    measurements: Any = None
    child_objects: Any = None


class _Feature(msgspec.Struct):
    id: Any = None
    geometry: Geometry | None = None
    nucleus: Geometry | None = msgspec.field(default=None, name="nucleusGeometry")  # of QuPath's cells
    properties: _Properties | None = None


def read_nuclei(
    path: Path, image: str, size: tuple[int, int], mpp: float, origin: tuple[int, int] = (0, 0)
) -> list[Nucleus]:
    """The nuclei of an image of (width, height) pixels.

    A point of a GeoJSON is a centre; of a polygon the centroid is, its holes filled. Coordinates are in pixels of the
    full image, counted as QuPath does, from the corner of the pixel `origin`. A CSV's `x` and `y` are pixel centres,
    0-based, as in cells.csv; if it has a column `image`, the rows of other images are skipped.

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
            feature = msgspec.json.decode(raw, type=_Feature)
        except (ValueError, RecursionError) as error:
            expected = "a Point, MultiPoint or Polygon, one nucleus each"
            raise UserError(where, expected, str(error)[:120], DO) from None
        properties = feature.properties or _Properties()
        if properties.child_objects:
            # a cell's spots, or the cells of a region: which of them are the nuclei is not known
            do = "Export the nuclei alone, without the objects that hold them."
            raise UserError(where, "nuclei alone", "an object with others inside it (childObjects)", do)
        types = (properties.object_type, properties.older_type, feature.id)
        if any(one in NO_CELLS for one in types):
            raise UserError(where, "nuclei alone", "a tile or a TMA core", "Export the nuclei alone.")
        if feature.nucleus is None and any(one in CELLS for one in types):
            # the middle of a cell is not that of its nucleus
            do = "Delete that cell, or detect its nucleus in QuPath, and export again."
            raise UserError(where, "a nucleus in every cell", "a cell without one", do)
        kind = _class_of(where, properties)
        if kind.endswith("*"):
            # Region*, Ignore*: QuPath's classes for what is no object
            raise UserError(where, "nuclei alone", f"an object of QuPath's class {kind}", "Export the nuclei alone.")
        match feature.nucleus or feature.geometry:
            case None:
                raise UserError(where, "a Point, MultiPoint or Polygon, one nucleus each", "none", DO)
            case _Polygon(coordinates=[ring, *_]) | _MultiPolygon(coordinates=[[ring, *_]]):
                yield where, replace(_of_ring(where, ring, mpp), given=kind)
            case points:
                for x, y, *_ in [points.coordinates] if isinstance(points, _Point) else points.coordinates:
                    centres.add(x, y)
                    # QuPath counts from the corner of the first pixel, we from its centre
                    yield where, Nucleus(x - 0.5, y - 0.5, math.nan, math.nan, given=kind)
    centres.require_pixels()


def _class_of(where: str, properties: _Properties) -> str:
    """The class that a person gave an object; "" where it has none, or the one that `screen` gave it."""
    try:
        kind = kind_of(properties.classification)
        return "" if kind and kind.casefold() == net_call(properties.measurements) else kind
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


def _of_ring(where: str, ring: Ring, mpp: float) -> Nucleus:
    """The nucleus of an outline: its centroid and area."""
    outline = np.array([place[:2] for place in ring], np.float64).reshape(-1, 2).astype(np.float32) - 0.5
    pixels, centre = area_and_centroid(outline.astype(np.float64)) if len(outline) else (0.0, None)
    if pixels <= 0:
        raise UserError(where, "an outline with an area", f"{len(outline)} points without one", DO)
    x, y = centre.tolist()
    low, high = outline.min(axis=0), outline.max(axis=0)
    if not (low[0] <= x <= high[0] and low[1] <= y <= high[1]):
        # the parts of an outline that crosses itself count against each other
        raise UserError(where, "an outline that does not cross itself", f"a centroid at {x:g}, {y:g} outside it", DO)
    area = pixels * mpp**2
    if area > MAX_AREA:
        raise UserError(where, f"a nucleus, at most {MAX_AREA:g} um2", f"{area:.0f} um2", "Export the nuclei alone.")
    return Nucleus(x, y, area, math.nan, outline)
