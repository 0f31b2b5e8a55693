"""LabelMe's JSON, a file an image; it counts from the corner of the first pixel, its masks whole pixels."""

import base64
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.importers.labelled import HALF, Box, Labelled, Source, masked, outlined, ring_points
from deeppap.io.errors import UserError
from deeppap.io.image_file import decode_mask

NAME = "LabelMe"
POLYGONS = ("polygon", "rectangle")


def matches(data: Any) -> bool:
    """Whether JSON is LabelMe's."""
    return isinstance(data, dict) and "shapes" in data


def read(data: Any, name: str, path: Path, source: Source) -> Iterator[Labelled]:
    """The shapes of the file's image."""
    image = source.images.find_own(str(data.get("imagePath") or path.stem), path)
    source.require_size(name, image, data.get("imageWidth"), data.get("imageHeight"))
    for number, shape in enumerate(data["shapes"], 1):
        where = f"{name}, shape {number}"
        with source.reading(where, "a shape with label, points and shape_type"):
            yield Labelled(where, image, str(shape.get("label") or ""), **_place(where, shape))


def _place(where: str, shape: dict) -> dict:
    points, kind = ring_points(where, shape["points"]) - HALF, shape.get("shape_type") or "polygon"
    if kind == "point":
        return {"centre": tuple(points[0].tolist())}
    if kind == "mask":
        # a picture, in base64, of the mask's box alone; its first pixel is the image's at the first point
        picture = decode_mask(where, base64.b64decode(shape["mask"]))
        drawn = picture > 0 if picture.ndim == 2 else (picture > 0).any(axis=2)
        return masked(where, drawn, *np.rint(points[0] + HALF).astype(int).tolist())
    if kind == "circle" and len(points) == 2:  # its centre, and a point on the circle
        radius = math.dist(*points)
        box = Box(*(points[0] - radius).tolist(), *(points[0] + radius).tolist())
        return {"centre": tuple(points[0].tolist()), "box": box, "area": math.pi * radius**2, "centre_from": "outline"}
    if kind == "rotation" or kind == "rectangle" and len(points) == 2:  # a turned box; two corners, in any order
        return {"centre": None, "box": Box(*points.min(axis=0).tolist(), *points.max(axis=0).tolist())}
    if kind in POLYGONS:
        return outlined(where, [points])
    raise UserError(where, "a point, polygon, rectangle, circle or mask", f"{kind}"[:40], "Draw one, or delete it.")
