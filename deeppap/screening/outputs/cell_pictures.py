"""The pictures that the gallery shows: each cell small, and where it lies at full size."""

import base64
import math

import cv2
import numpy as np

from deeppap.screening.cells import ScreenedCell
from deeppap.screening.slides.slide import Box, Slide

CELL_UM = 26.0  # a small picture's side: what the net sees of a cell
CELL_SIDE = 112  # pixels that it is shown at
AROUND = 512  # pixels a side of a cell's surroundings, at the image's full size
WHOLE = 4_000_000  # pixels: an image up to this size is in the gallery as it is
QUALITY = 85


def jpeg_uri(image: np.ndarray) -> str:
    """A picture as a page can hold it."""
    ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not ok:
        raise RuntimeError("OpenCV cannot encode JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def is_whole(slide: Slide) -> bool:
    """Whether the gallery holds all of an image, and not just the surroundings of its cells."""
    width, height = slide.levels[0]
    return width * height <= WHOLE


def cell_picture(slide: Slide, cell: ScreenedCell, mpp: float) -> str:
    """A cell with its nucleus in the middle, about 26 um a side; black outside the image, as the net sees it."""
    side = max(8, round(CELL_UM / mpp))
    return jpeg_uri(cv2.resize(_square(slide, cell, side)[0], (CELL_SIDE, CELL_SIDE), interpolation=cv2.INTER_AREA))


def surroundings(slide: Slide, cell: ScreenedCell) -> tuple[str, int, int]:
    """What lies about a cell at full size, and the picture's first column and row in the image."""
    width, height = slide.levels[0]
    side = Box(0, 0, min(AROUND, width), min(AROUND, height))
    left = min(max(0, round(cell.x) - side.width // 2), width - side.width)
    top = min(max(0, round(cell.y) - side.height // 2), height - side.height)
    return jpeg_uri(slide.read(Box(left, top, side.width, side.height))[0]), left, top


def _square(slide: Slide, cell: ScreenedCell, side: int) -> tuple[np.ndarray, Box]:
    left, top = math.floor(cell.x) - side // 2, math.floor(cell.y) - side // 2
    box = Box(left, top, side, side).meets(Box(0, 0, *slide.levels[0]))
    part, _ = slide.read(box)
    out = np.zeros((side, side, *part.shape[2:]), np.uint8)
    out[box.y - top :, box.x - left :][: box.height, : box.width] = part
    return out, box
