"""What of a cell's picture is not its nucleus: the colour around it, and the picture's size."""

from functools import lru_cache

import cv2
import numpy as np

from data_prep.cells import Cell, Dataset, by_image
from data_prep.nucleus import nucleus_pixels
from data_prep.views import neighbourhood
from deeppap.io.image_file import image_size, read_image

MARGIN = 5  # pixels of the net by which the nucleus region is larger than the nucleus: its blurred rim is no background
RADIUS = 40  # pixels of the net: of the region where there is no mask


def background_colours(dataset: Dataset) -> dict[str, list[float]]:
    """Mean and standard deviation of B, G and R outside the nucleus region, six numbers a cell, by its id.

    The region is the mask's nucleus and a margin, else a disc about the centre; the picture ends at what a view
    of the cell can reach.
    """
    # cells come image after image, so one is enough
    read = lru_cache(maxsize=1)(read_image)
    return {cell.id: _colour(dataset, cell, read(cell.image)) for cell in by_image(dataset.cells)}


def image_sizes(dataset: Dataset) -> dict[str, list[float]]:
    """Width and height of each cell's image in pixels, by the cell's id."""
    sizes = {path: image_size(path) for path in {cell.image for cell in dataset.cells}}
    return {cell.id: [float(side) for side in sizes[cell.image][::-1]] for cell in dataset.cells}


def _colour(dataset: Dataset, cell: Cell, image: np.ndarray) -> list[float]:
    region = np.zeros(image.shape[:2], np.uint8)
    if cell.id in dataset.masks:
        side = 2 * round(MARGIN / cell.scale) + 1
        nucleus = nucleus_pixels(dataset.masks[cell.id]).astype(np.uint8)
        region = cv2.dilate(nucleus, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    else:
        cv2.circle(region, tuple(round(value) for value in cell.centre), round(RADIUS / cell.scale), 1, -1)
    part, _ = neighbourhood(image, cell.centre)
    outside = part[neighbourhood(region, cell.centre)[0] == 0].astype(np.float64)
    if not len(outside):  # the nucleus fills the picture: its frame is all there is
        outside = np.concatenate([part[0], part[-1], part[:, 0], part[:, -1]]).astype(np.float64)
    return [*outside.mean(axis=0).tolist(), *outside.std(axis=0).tolist()]
