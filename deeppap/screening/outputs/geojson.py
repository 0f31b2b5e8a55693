"""GeoJSON as QuPath (0.4 and newer) imports and exports it, written as a stream.

Its own names: `objectType` detection or annotation, `classification` with name and color, `color` of the object
itself, `measurements` by name; `id` is a UUID. Coordinates are counted from the corner of the first pixel.
"""

import gzip
import io
import json
import math
import re
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from deeppap.io.files import complete_or_absent
from deeppap.screening.cells import ABNORMAL, ScreenedCell
from deeppap.screening.outputs import colours

# a cell has the same id in every call, one as a detection and another as an annotation
SPACE = uuid.UUID("5f5ee1c6-2a5d-5d0e-9d55-6f3f1b0f7a11")

IMAGE = "image"  # a member of our own beside GeoJSON's, which may hold any


def image_of(head: str) -> str | None:
    """The image whose cells a file of ours holds, told from its first characters; None where they do not say."""
    found = re.match(rf'\s*{{"type":"FeatureCollection","{IMAGE}":("(?:[^"\\]|\\.)*")', head)
    return json.loads(found[1]) if found else None


def feature(cell: ScreenedCell, kind: str = "detection", origin: tuple[int, int] = (0, 0)) -> dict:
    """One cell as a feature: its outline where there is one, else its centre; counted from the pixel `origin`."""
    abnormal = cell.score >= ABNORMAL
    name, colour = ("Abnormal", colours.ABNORMAL) if abnormal else ("Normal", colours.NORMAL)
    numbers = {
        "P(abnormal)": round(cell.score, 6),
        "P(abnormal) spread": round(cell.spread, 6),
        "Nucleus: Area µm^2": _rounded(cell.area_um2),
        "Nucleus: Confidence": _rounded(cell.confidence),
        "Unlike training (1: the limit)": _rounded(cell.unlike),
    }
    properties = {
        "objectType": kind,
        "color": list(colours.colour_of(cell.score)),
        "classification": {"name": name, "color": list(colour)},
        "measurements": {key: value for key, value in numbers.items() if value is not None},
    }
    if kind == "annotation":
        properties["name"] = f"P(abnormal) {cell.score:.3f}"
    place = f"{cell.image}\x1f{cell.x:.2f}\x1f{cell.y:.2f}"
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(SPACE, f"{kind}\x1f{place}")),
        "geometry": _geometry(cell, *origin),
        "properties": properties,
    }


def _geometry(cell: ScreenedCell, left: int, top: int) -> dict:
    left, top = left - 0.5, top - 0.5  # a pixel's corner lies half a pixel before its centre
    if cell.outline is None or len(cell.outline) < 3:
        return {"type": "Point", "coordinates": [round(cell.x - left, 2), round(cell.y - top, 2)]}
    ring = [[round(float(x) - left, 2), round(float(y) - top, 2)] for x, y in cell.outline]
    if ring[0] != ring[-1]:
        ring.append(ring[0])
    return {"type": "Polygon", "coordinates": [ring]}


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


class FeatureWriter:
    """A FeatureCollection of one image that is being written; the image's name stands before the features."""

    def __init__(self, file: TextIO, image: str, origin: tuple[int, int]):
        self.file, self.between, self.origin = file, "", origin
        file.write(f'{{"type":"FeatureCollection","{IMAGE}":{json.dumps(image)},"features":[\n')

    def write(self, cell: ScreenedCell, kind: str = "detection") -> None:
        """Add a cell."""
        text = json.dumps(feature(cell, kind, self.origin), separators=(",", ":"), ensure_ascii=False)
        self.file.write(f"{self.between}{text}")
        self.between = ",\n"

    def close(self) -> None:
        """End the collection."""
        self.file.write("\n]}\n")


@contextmanager
def writing_geojson(
    path: Path, image: str, packed: bool = False, origin: tuple[int, int] = (0, 0)
) -> Iterator[FeatureWriter]:
    """A file of features, complete or absent; `packed` adds .gz to its name. The same cells give the same bytes."""
    path = path.with_name(path.name + ".gz") if packed else path
    with complete_or_absent(path) as partial, ExitStack() as stack:
        file = stack.enter_context(partial.open("wb"))
        if packed:
            file = stack.enter_context(gzip.GzipFile("", "wb", 6, file, mtime=0))
        writer = FeatureWriter(
            stack.enter_context(io.TextIOWrapper(file, encoding="utf-8", newline="\n")), image, origin
        )
        yield writer
        writer.close()
