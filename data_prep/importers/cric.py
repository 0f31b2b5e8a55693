"""CRIC Cervix as its authors publish it: classifications.json, or the same as CSV (read by `table`)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_prep.importers.labelled import Labelled, Source, numbers

NAME = "CRIC"
FIRST = 1.0  # CRIC's README: "integer between 1 and 1376"
WIDTH, PIXEL_UM = 1376, 0.228  # of the published images; copies of another width were scaled


def matches(data: Any) -> bool:
    """Whether JSON is CRIC's list of images with their classifications."""
    return isinstance(data, list) and bool(data) and isinstance(data[0], dict) and "classifications" in data[0]


def read(data: Any, name: str, path: Path, source: Source) -> Iterator[Labelled]:
    """The cells of all images."""
    for number, entry in enumerate(data, 1):
        cells: list = []
        with source.reading(f"{name}, image {number}", "an image with image_name and classifications"):
            image = source.images.find(entry["image_name"], path)
            cells = entry["classifications"]
        for cell in cells:
            where = f"{name}, image {number}"
            with source.reading(where, "a cell with bethesda_system, nucleus_x and nucleus_y"):
                where += f", cell {cell.get('cell_id')}"
                x, y = numbers(where, (cell["nucleus_x"], cell["nucleus_y"]), 2, "nucleus_x and nucleus_y")
                identity = str(cell["cell_id"]) if "cell_id" in cell else None
                place = (x - FIRST, y - FIRST)
                yield Labelled(where, image, str(cell["bethesda_system"]), place, id=identity)
