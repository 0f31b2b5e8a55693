"""QuPath's GeoJSON (0.2 and newer), and the GeoJSON that `screen` writes.

The fields are those that QuPath's own adapters write and read (qupath.lib.io: QuPathTypeAdapters, ROITypeAdapters,
GsonTools). QuPath counts from the corner of the first pixel. Its ellipses come as polygons. A cell has the nucleus in
`nucleusGeometry`; without it, the outline is that of the whole cell, and its centroid is not the nucleus.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.classes import THRESHOLD
from data_prep.geojson import CALLED_NAME, GIVEN_NAME, THRESHOLD_NAME, GeoJson
from data_prep.importers.labelled import HALF, Labelled, Source, area_and_centroid, outlined, ring_points
from deeppap.io.errors import UserError

NAME = "QuPath"
LIKELY = re.compile(rb'"type"\s*:\s*"Feature(Collection)?"')
OWN_SCORE = "P(abnormal)"  # the measurement that `screen` gives to its cells
OF_CLASS = re.compile(r"P\(.+\)")
OF_NET = "objects with the class that the net gave them (`reviewed` takes them as labels)"
SPECK = 0.1  # of an object's largest part: what is smaller is no nucleus of its own
SPECKS = "specks beside an outline (parts of less than a tenth of its largest one's area)"
# an object's type: `objectType`, before 0.4 `object_type`, in 0.2 the `id`
CELLS = ("cell", "PathCellObject")
NO_CELLS = ("tile", "PathTileObject", "tmaCore", "tma_core", "TMACoreObject")


def matches(data: Any) -> bool:
    """Whether it is GeoJSON."""
    return isinstance(data, GeoJson)


def read(data: GeoJson, name: str, path: Path, source: Source) -> Iterator[Labelled]:
    """The objects of one image; the image has the file's name, unless the collection names it."""
    # field.png.geojson, field.geojson and field.geojson.gz belong to field.png
    stem = Path(name).name.removesuffix(".gz").removesuffix(".geojson").removesuffix(".json")
    image = source.images.find(data.image or stem, path)
    for number, feature in enumerate(_flat(map(_decoded, data)), 1):
        where = f"{name}, object {number}"
        with source.reading(where, "a GeoJSON feature"):
            if isinstance(feature, Exception):
                raise feature
            yield from map(source.from_qupath, _objects(feature, where, image, source))


def _decoded(text: bytes) -> Any:
    """One feature, or why it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        return error


def _flat(features: Iterable) -> Iterator[Any]:
    """Objects with those inside them, as QuPath nests them."""
    for feature in features:
        yield feature
        properties = feature.get("properties") if isinstance(feature, dict) else None
        yield from _flat((properties or {}).get("childObjects") or [])


def _objects(feature: dict, where: str, image: Path, source: Source) -> Iterator[Labelled]:
    properties, identity = feature.get("properties") or {}, feature.get("id")
    what = (properties.get("objectType"), properties.get("object_type"), identity)
    if not isinstance(identity, str) or identity.endswith("Object"):  # 0.2 writes the name of a Java class
        identity = None
    where += f" ({identity})" if identity else ""
    kind = kind_of(properties.get("classification"))
    if not kind or kind.endswith("*"):  # Region*, Ignore*: QuPath's classes for what is no object
        source.left_out[f"objects of QuPath's class {kind}" if kind else "objects without a class"].append(where)
        return
    if not source.reviewed and kind.casefold() == net_call(properties.get("measurements")):
        source.left_out[OF_NET].append(where)
        return
    if any(one in NO_CELLS for one in what):
        source.left_out["tiles and TMA cores"].append(where)
        return
    nucleus = feature.get("nucleusGeometry")
    geometry = nucleus or feature["geometry"]
    shape, places, plane = geometry["type"], geometry.get("coordinates"), geometry.get("plane") or {}
    if plane.get("z") or plane.get("t"):
        source.warn(f"{image.name}: objects lie on other planes (z or t) than the first, which is read.")
    about = {"where": where, "image": image, "kind": kind, "id": identity}
    if shape in ("Point", "MultiPoint"):
        for x, y in ring_points(where, [places] if shape == "Point" else places) - HALF:
            yield Labelled(**about, centre=(float(x), float(y)))
        return
    if shape not in ("Polygon", "MultiPolygon"):
        raise UserError(where, "points or polygons", f"{shape}"[:40], "Convert it in QuPath, or delete it.")
    # of every polygon the first ring alone: a nucleus has no holes
    rings = [ring_points(where, part[0]) - HALF for part in ([places] if shape == "Polygon" else places)]
    for parts in [rings] if nucleus else [[ring] for ring in _without_specks(rings, where, source)]:
        found = Labelled(**about, **outlined(where, parts))
        if not nucleus and any(one in CELLS for one in what):
            found.centre, found.whole_cell = None, True
        yield found


def _without_specks(rings: list[np.ndarray], where: str, source: Source) -> list[np.ndarray]:
    """The outlines of one object that may each be a nucleus: wand and brush leave specks beside one."""
    areas = np.array([area_and_centroid(ring)[0] for ring in rings])
    keep = areas >= SPECK * areas.max()
    for _ in range(int((~keep).sum())):
        source.left_out[SPECKS].append(where)
    return [ring for ring, large in zip(rings, keep, strict=True) if large]


def kind_of(classification: Any) -> str:
    """`{"name": ...}`, the name itself, or of a derived class `{"names": [...]}` or, before 0.4, name and parent."""
    if isinstance(classification, dict):
        names = classification.get("names") or [classification.get("name") or ""]
        parent = kind_of(classification.get("parentClass"))
        classification = ": ".join([parent, *names] if parent else names)
    return (classification or "").strip()


def net_call(measurements: Any) -> str | None:
    """The class that `screen` gave to its own object, in small letters; None for any other object or a kept class.

    A net of several classes leaves the probability of the one that it gave, such as P(HSIL).
    """
    if isinstance(measurements, list):  # QuPath 0.2 and 0.3 write a list of names and values
        measurements = {one.get("name"): one.get("value") for one in measurements}
    score = (measurements or {}).get(OWN_SCORE)
    # a person's class that `screen` kept may be the one that the net gives: it is a label all the same
    if score is None or measurements.get(GIVEN_NAME) == 1:
        return None
    if named := next((name for name in measurements if OF_CLASS.fullmatch(name) and name != OWN_SCORE), None):
        return named[2:-1].casefold()
    # scores in the file are rounded: beside the threshold, only the call itself tells
    called = measurements.get(CALLED_NAME)
    if called is None:
        called = float(score) >= float(measurements.get(THRESHOLD_NAME, THRESHOLD))
    return "abnormal" if called else "normal"
