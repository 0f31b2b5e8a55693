"""QuPath's GeoJSON (0.2 and newer), and the GeoJSON that `screen` writes.

The fields are those that QuPath's own adapters write and read (qupath.lib.io: QuPathTypeAdapters, ROITypeAdapters,
GsonTools). QuPath counts from the corner of the first pixel. Its ellipses come as polygons. A cell has the nucleus in
`nucleusGeometry`; without it, the outline is that of the whole cell, and its centroid is not the nucleus.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np

from data_prep.classes import THRESHOLD
from data_prep.geojson import CALLED_NAME, GIVEN_NAME, THRESHOLD_NAME, GeoJson
from data_prep.importers.labelled import HALF, Labelled, Source, area_and_centroid, outlined
from deeppap.io.errors import UserError

NAME = "QuPath"
LIKELY = re.compile(rb'"type"\s*:\s*"Feature(Collection)?"')
OWN_SCORE = "P(abnormal)"  # the measurement that `screen` gives to its cells
OF_CLASS = re.compile(r"P\(.+\)")
OF_NET = "objects with the class that the net gave them (`reviewed` takes them as labels)"
SPECK = 0.1  # of an object's largest part: what is smaller is no nucleus of its own
SPECKS = "specks beside an outline (parts of less than a tenth of its largest one's area)"
OTHER_PLANES = "objects lie on other planes (z or t) than the first, which is read"
# an object's type: `objectType`, before 0.4 `object_type`, in 0.2 the `id`
CELLS = ("cell", "PathCellObject")
NO_CELLS = ("tile", "PathTileObject", "tmaCore", "tma_core", "TMACoreObject")

Coordinate = Annotated[float, msgspec.Meta(gt=-1e9, lt=1e9)]  # pixels; refuses infinity too
Position = Annotated[list[Coordinate], msgspec.Meta(min_length=2)]  # x, y, and perhaps z
Ring = Annotated[list[Position], msgspec.Meta(min_length=1)]
Rings = Annotated[list[Ring], msgspec.Meta(min_length=1)]  # the outline first, then holes: a nucleus has none
Polygons = Annotated[list[Rings], msgspec.Meta(min_length=1)]
NO_POINTS = np.empty((0, 2))
COORDINATES = {"Point": Position, "MultiPoint": Ring, "Polygon": Rings, "MultiPolygon": Polygons}


class Plane(msgspec.Struct):
    """Of a stack."""

    z: int = 0
    t: int = 0


class Geometry(msgspec.Struct):
    """A shape; `coordinates` are of its type's kind."""

    type: str
    coordinates: Any = None
    plane: Plane | None = None


class Properties(msgspec.Struct, rename="camel"):
    """What is read of an object's properties."""

    object_type: Any = None
    older_type: Any = msgspec.field(default=None, name="object_type")
    classification: Any = None  # see `kind_of`
    measurements: Any = None  # see `net_call`
    child_objects: list[msgspec.Raw] | None = None


class Nuclei(NamedTuple):
    """The nuclei of one object, in pixel-centre coordinates: float64 (N, 2) of points or of an outline's corners."""

    points: np.ndarray
    outlines: list[list[np.ndarray]]  # of each nucleus all its parts, the largest first
    specks: int  # parts that were left out
    first_plane: bool


class Feature(msgspec.Struct):
    """One object."""

    id: Any = None
    geometry: Any = None  # decoded by `nuclei`: of an object that is none, any will do
    nucleus: Any = msgspec.field(default=None, name="nucleusGeometry")  # of QuPath's cells
    properties: Properties | None = None

    @property
    def about(self) -> Properties:
        """Its properties; empty ones if it has none."""
        return self.properties or Properties()

    def is_of(self, types: tuple[str, ...]) -> bool:
        """Whether its type is one of `types`."""
        return any(one in types for one in (self.about.object_type, self.about.older_type, self.id))

    @property
    def has_no_nucleus(self) -> bool:
        """Whether it is a cell without one: its middle is not that of its nucleus."""
        return self.nucleus is None and self.is_of(CELLS)

    def nuclei(self, where: str) -> Nuclei:
        """Its nuclei; UserError if it is no shape of one."""
        given = self.geometry if self.nucleus is None else self.nucleus
        do = "Convert it in QuPath, or delete it."
        try:
            shape = msgspec.convert(given, Geometry)
            places = msgspec.convert(shape.coordinates, COORDINATES[shape.type])
        except KeyError:
            raise UserError(where, "points or polygons", shape.type[:40], do) from None
        except (ValueError, RecursionError) as error:
            raise UserError(where, "points or polygons", "none" if given is None else str(error)[:120], do) from None
        first_plane = not (shape.plane and (shape.plane.z or shape.plane.t))
        if shape.type in ("Point", "MultiPoint"):
            return Nuclei(_places([places] if shape.type == "Point" else places), [], 0, first_plane)
        parts = [_places(rings[0]) for rings in ([places] if shape.type == "Polygon" else places)]
        if len(parts) == 1:
            return Nuclei(NO_POINTS, [parts], 0, first_plane)
        areas = [area_and_centroid(part)[0] for part in parts]
        if self.nucleus is not None:
            return Nuclei(NO_POINTS, [[parts[k] for k in np.argsort(areas)[::-1]]], 0, first_plane)
        # wand and brush leave specks beside a nucleus
        large = [[part] for part, area in zip(parts, areas, strict=True) if area >= SPECK * max(areas)]
        return Nuclei(NO_POINTS, large, len(parts) - len(large), first_plane)


def _places(positions: list[list[float]]) -> np.ndarray:
    return np.array([place[:2] for place in positions]) - HALF


def matches(data: Any) -> bool:
    """Whether it is GeoJSON."""
    return isinstance(data, GeoJson)


def read(data: GeoJson, name: str, path: Path, source: Source) -> Iterator[Labelled]:
    """The objects of one image; the image has the file's name, unless the collection names it."""
    # field.png.geojson, field.geojson and field.geojson.gz belong to field.png
    stem = Path(name).name.removesuffix(".gz").removesuffix(".geojson").removesuffix(".json")
    image = source.images.find(data.image or stem, path)
    for number, feature in enumerate(_flat(data), 1):
        where = f"{name}, object {number}"
        with source.reading(where, "a GeoJSON feature"):
            if isinstance(feature, Exception):
                raise feature
            yield from map(source.from_qupath, _objects(feature, where, image, source))


def _flat(texts: Iterable[bytes]) -> Iterator[Feature | Exception]:
    """Objects with those inside them, as QuPath nests them; of one that is none, why."""
    for text in texts:
        try:
            feature = msgspec.json.decode(text, type=Feature)
        except (ValueError, RecursionError) as error:
            yield error
        else:
            yield feature
            yield from _flat(feature.about.child_objects or [])


def _objects(feature: Feature, where: str, image: Path, source: Source) -> Iterator[Labelled]:
    identity = feature.id
    if not isinstance(identity, str) or identity.endswith("Object"):  # 0.2 writes the name of a Java class
        identity = None
    where += f" ({identity})" if identity else ""
    kind = kind_of(feature.about.classification)
    if not kind or kind.endswith("*"):  # Region*, Ignore*: QuPath's classes for what is no object
        source.left_out[f"objects of QuPath's class {kind}" if kind else "objects without a class"].append(where)
        return
    if not source.reviewed and kind.casefold() == net_call(feature.about.measurements):
        source.left_out[OF_NET].append(where)
        return
    if feature.is_of(NO_CELLS):
        source.left_out["tiles and TMA cores"].append(where)
        return
    nuclei = feature.nuclei(where)
    if not nuclei.first_plane:
        source.warn(f"{image.name}: {OTHER_PLANES}.")
    for _ in range(nuclei.specks):
        source.left_out[SPECKS].append(where)
    about = {"where": where, "image": image, "kind": kind, "id": identity}
    for x, y in nuclei.points.tolist():
        yield Labelled(**about, centre=(x, y))
    for parts in nuclei.outlines:
        found = Labelled(**about, **outlined(where, parts))
        if feature.has_no_nucleus:
            found.centre, found.whole_cell = None, True
        yield found


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
