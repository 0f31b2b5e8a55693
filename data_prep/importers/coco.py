"""COCO's JSON: boxes, polygons, and masks in run-length encoding, counted from the corner of the first pixel."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import find_objects

from data_prep.importers.labelled import HALF, Box, Labelled, Source, masked, numbers, outlined
from data_prep.nucleus import one_piece
from deeppap.io.errors import UserError
from deeppap.io.machine import extra

NAME = "COCO"
CROWD = "boxes about several objects (iscrowd)"
OF_NET = "objects with a score, which a net gave them (`reviewed` takes them as labels)"


def matches(data: Any) -> bool:
    """Whether JSON is COCO's."""
    return isinstance(data, dict) and "images" in data and "annotations" in data


def read(data: Any, name: str, path: Path, source: Source) -> Iterator[Labelled]:
    """The objects of all images."""
    images, kinds = {}, {}
    for part in ("images", "annotations", "categories"):
        if not isinstance(data.get(part, []), list):
            raise UserError(name, f"a list of {part}", f"{data[part]}"[:40], "Export it again.")
    for entry in data["images"]:
        with source.reading(f"{name}, image {entry}"[:200], "an image with id and file_name"):
            _add(images, entry["id"], {**entry, "file_name": str(entry["file_name"])}, name)
    for entry in data.get("categories", []):
        with source.reading(f"{name}, category {entry}"[:200], "a category with id and name"):
            _add(kinds, entry["id"], str(entry["name"]), name)
    for number, entry in enumerate(data["annotations"], 1):
        where = f"{name}, annotation {number}"
        with source.reading(where, "an annotation with id, image_id and category_id"):
            where = f"{name}, annotation {entry.get('id', number)}"
            if (named := entry["image_id"]) not in images:
                raise UserError(where, "an image_id among the file's images", f"{named}", "Export it again.")
            image = source.images.find(images[named]["file_name"], path)
            source.require_size(name, image, images[named].get("width"), images[named].get("height"))
            if entry.get("score") is not None and not source.reviewed:
                source.left_out[OF_NET].append(where)
                continue
            if entry.get("iscrowd") and not entry.get("segmentation"):
                source.left_out[CROWD].append(where)
                continue
            kind = kinds.get(entry.get("category_id"), "")
            yield Labelled(where, image, kind, **_place(where, entry, image, source))


def _add(known: dict, identity: Any, value: Any, name: str) -> None:
    """Keep an image or a category; two of one id are a mistake, as where two files were put together."""
    if known.setdefault(identity, value) != value:
        found = f"two of id {identity}"
        raise UserError(name, "one image and one category of each id", found, "Import each file alone.")


def _place(where: str, entry: dict, image: Path, source: Source) -> dict:
    """From the segmentation where there is one, else from a single keypoint, else from the box."""
    segmentation = entry.get("segmentation")
    points = entry.get("keypoints") or []
    keypoints = np.array(numbers(where, points, len(points), "keypoints, x, y and visible")).reshape(-1, 3)
    marked = keypoints[keypoints[:, 2] > 0, :2] - HALF
    if len(marked) == 1 and not segmentation:
        return {"centre": tuple(marked[0].tolist())}
    if isinstance(segmentation, dict):
        mask = _decoded(where, segmentation, source.images.size(image))
        if not (parts := find_objects(mask)):
            return masked(where, mask)
        # a crowd is several objects in one mask, and between them lies no nucleus
        rows, columns = parts[0]
        return masked(where, one_piece(where, mask[rows, columns], 1), columns.start, rows.start)
    if segmentation:
        what = "x and y in turn, three corners or more"
        rings = [np.array(numbers(where, ring, len(ring), what)).reshape(-1, 2) - HALF for ring in segmentation]
        found = outlined(where, rings)
        # parts of one nucleus lie about its centroid; between those of several objects there is none
        if found["centre"] and not any(
            (ring.min(axis=0) <= found["centre"]).all() and (ring.max(axis=0) >= found["centre"]).all()
            for ring in rings
        ):
            x, y = found["centre"]
            what = f"{len(rings)} parts about an empty centroid at {x:g}, {y:g}"
            raise UserError(where, "the outline of one object", what, "Draw each object alone.")
        return found
    left, top, width, height = numbers(where, entry["bbox"], 4, "a bbox of x, y, width and height")
    return {"centre": None, "box": Box.of_corners(left, top, left + width, top + height)}


def _decoded(where: str, segmentation: dict, size: tuple[int, int]) -> np.ndarray:
    """A run-length mask, 0 and 1 (H, W); its size is checked first, or a small file could fill the memory."""
    rle = extra("pycocotools.mask", "COCO's masks", "labels")
    if tuple(segmentation["size"]) != tuple(size):
        expected, found = f"a mask of its image's {size[1]} x {size[0]} pixels", f"size {segmentation['size']}"
        raise UserError(where, expected, found, "Export it again from the same images.")
    counts = segmentation["counts"]
    if isinstance(counts, list):
        total = sum(numbers(where, counts, len(counts), "counts of pixels"))
        if total != size[0] * size[1]:
            raise UserError(where, f"counts of {size[0] * size[1]} pixels in all", f"{total:g}", "Export it again.")
        return rle.decode(rle.frPyObjects(segmentation, *size))
    return rle.decode({"size": list(size), "counts": counts.encode()})
