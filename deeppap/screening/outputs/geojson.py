"""GeoJSON as QuPath (0.4 and newer) imports and exports it, written as a stream.

QuPath's own names: `objectType` detection or annotation, `classification` with name and color, `color` of the object
itself, `measurements` by name; `id` is a UUID. Coordinates are counted from the corner of the first pixel.
"""

import gzip
import io
import json
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from data_prep.classes import ABNORMAL as ABNORMAL_LABEL
from data_prep.classes import NEITHER, NORMAL, known_class
from data_prep.geojson import CALLED_NAME, GIVEN_NAME, THRESHOLD_NAME
from deeppap.io.files import complete_or_absent
from deeppap.screening.cells import ABNORMAL, COLOURS, GREY, ScreenedCell

SIDES = {NORMAL: COLOURS[0], ABNORMAL_LABEL: COLOURS[-1], NEITHER: GREY}
OOD = "Out of distribution (1: the limit)"


def feature(
    cell: ScreenedCell, kind: str = "detection", origin: tuple[int, int] = (0, 0), score_colours: bool = False
) -> dict:
    """One cell as a feature: its outline if there is one, otherwise its centre; counted from the pixel `origin`.

    `score_colours` gives it the colour of its score. QuPath then shows that colour even after the user has set
    another class, so it is off by default.
    """
    name, colour = ("Abnormal", COLOURS[-1]) if cell.abnormal else ("Normal", COLOURS[0])
    if cell.kind:  # a net of several classes names them
        name, colour = cell.kind, GREY if cell.label == NEITHER else colour
    if cell.given:  # what a person said stays
        known = known_class(cell.given)
        name, colour = cell.given, GREY if known is None else SIDES[known.label]
    score = round(cell.score, 6)
    is_unclear = cell.threshold != ABNORMAL or (score >= ABNORMAL) != cell.abnormal
    numbers = {
        # by this the import knows the net's class from one that a person set
        **({f"P({cell.kind})": round(cell.p_kind, 6)} if cell.kind else {}),
        "P(abnormal)": score,
        **({THRESHOLD_NAME: cell.threshold} if cell.threshold != ABNORMAL else {}),
        **({CALLED_NAME: int(cell.abnormal)} if is_unclear else {}),
        **({GIVEN_NAME: 1} if cell.given else {}),
        "P(abnormal) spread": round(cell.spread, 6),
        "Nucleus: Area µm^2": round(cell.area_um2, 4),
        "Nucleus: Confidence": round(cell.confidence, 4),
        OOD: round(cell.ood_score, 4),
    }
    properties = {
        "objectType": kind,
        **({"color": list(cell.colour)} if score_colours else {}),
        "classification": {"name": name, "color": list(colour)},
        "measurements": {key: value for key, value in numbers.items() if not math.isnan(value)},
    }
    if kind == "annotation":
        properties["name"] = f"P(abnormal) {cell.score:.3f}"
    return {"type": "Feature", "id": cell.id_as(kind), "geometry": _geometry(cell, *origin), "properties": properties}


def _geometry(cell: ScreenedCell, left: int, top: int) -> dict:
    left, top = left - 0.5, top - 0.5  # a pixel's corner lies half a pixel before its centre
    if cell.outline is None or len(cell.outline) < 3:
        return {"type": "Point", "coordinates": [round(cell.x - left, 2), round(cell.y - top, 2)]}
    ring = [[round(float(x) - left, 2), round(float(y) - top, 2)] for x, y in cell.outline]
    if ring[0] != ring[-1]:
        ring.append(ring[0])
    return {"type": "Polygon", "coordinates": [ring]}


@contextmanager
def writing_geojson(
    path: Path,
    image: str,
    gzipped: bool = False,
    origin: tuple[int, int] = (0, 0),
    kind: str = "detection",
    score_colours: bool = False,
) -> Iterator[Callable[[ScreenedCell], None]]:
    """Yields what adds a cell to a FeatureCollection, which is complete once the body has ended well, otherwise absent.

    `gzipped` adds .gz to its name. The same cells give the same bytes.
    """
    path = path.with_name(path.name + ".gz") if gzipped else path
    with complete_or_absent(path) as partial, ExitStack() as stack:
        binary = stack.enter_context(partial.open("wb"))
        if gzipped:
            binary = stack.enter_context(gzip.GzipFile("", "wb", 6, binary, mtime=0))
        file = stack.enter_context(io.TextIOWrapper(binary, encoding="utf-8", newline="\n"))
        # the image's name is a member of our own; GeoJSON may hold any
        file.write(f'{{"type":"FeatureCollection","image":{json.dumps(image)},"features":[\n')
        between = ""

        def write(cell: ScreenedCell) -> None:
            nonlocal between
            text = json.dumps(feature(cell, kind, origin, score_colours), separators=(",", ":"), ensure_ascii=False)
            file.write(f"{between}{text}")
            between = ",\n"

        yield write
        file.write("\n]}\n")
