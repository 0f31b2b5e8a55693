"""One phantom field: drawn cells laid out on a slide, with the centres of their nuclei known."""

from typing import NamedTuple

import cv2
import numpy as np

from data_prep.herlev_classes import CLASSES, CYTOPLASM, NUCLEUS
from deeppap.phantom.cell import draw_cell
from deeppap.phantom.paint import texture
from deeppap.phantom.styles import PAP, PAP_BACKGROUND

FIELD_MPP = 0.201  # micrometres a pixel: Herlev's, whose sizes the cells are drawn in
ABNORMAL = 0.3  # share of abnormal cells
TRIES = 40  # places tried for a cell before it is left out
GAP = 9  # pixels between one cell's nucleus and another cell
FEATHER = 2.5  # pixels over which a cell's edge blends into the slide


class FieldCell(NamedTuple):
    """A drawn cell: its nucleus' centroid (x, y) in the field's pixels, 0-based, and its class, 0..6."""

    x: float
    y: float
    class7: int


def draw_field(size: tuple[int, int], cells: int, rng: np.random.Generator) -> tuple[np.ndarray, list[FieldCell]]:
    """Draw a field.

    Parameters
    ----------
    size : (int, int)
        Height and width in pixels of 0.201 um.
    cells : int
        How many to lay out; fewer where no room is left for them.

    Returns
    -------
    image, cells
        uint8 (H, W, 3), RGB, and the cells that were drawn. Cells overlap as they do on a slide; nuclei do not, and
        each lies wholly inside the field.
    """
    canvas = np.empty((*size, 3), np.float32)
    canvas[:] = PAP_BACKGROUND
    canvas += 4 * texture(rng, size, 14.0)[:, :, None] + 2 * texture(rng, size, 2.0)[:, :, None]
    cells_there, nuclei_there = np.zeros(size, bool), np.zeros(size, bool)
    drawn = []
    for _ in range(cells):
        class7 = _class(rng)
        image, mask = draw_cell(PAP[class7], rng, PAP_BACKGROUND, np.ones(3))
        nucleus = _largest((mask == NUCLEUS).all(axis=2))
        inside = (mask == CYTOPLASM).all(axis=2) | nucleus
        place = _find_place(rng, inside, nucleus, cells_there, nuclei_there)
        if place is None:
            continue
        _paste(canvas, image, inside, place)
        window = _window(place, inside.shape)
        cells_there[window] |= inside
        nuclei_there[window] |= _grown(nucleus)
        rows, columns = np.nonzero(nucleus)
        drawn.append(FieldCell(float(columns.mean() + place[1]), float(rows.mean() + place[0]), class7))
    canvas += rng.normal(0, 0.8, canvas.shape)
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8), drawn


def _class(rng: np.random.Generator) -> int:
    label = int(rng.random() < ABNORMAL)
    return int(rng.choice([index for index, known in enumerate(CLASSES) if known.label == label]))


def _largest(nucleus: np.ndarray) -> np.ndarray:
    """A nucleus without the specks that a slipped hand leaves in some of Herlev's masks."""
    _, numbers, stats, _ = cv2.connectedComponentsWithStats(nucleus.astype(np.uint8))
    return numbers == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))


def _grown(nucleus: np.ndarray) -> np.ndarray:
    return cv2.dilate(nucleus.astype(np.uint8), np.ones((GAP, GAP), np.uint8)) > 0


def _window(place: tuple[int, int], shape: tuple[int, int]) -> tuple[slice, slice]:
    return slice(place[0], place[0] + shape[0]), slice(place[1], place[1] + shape[1])


def _find_place(
    rng: np.random.Generator,
    inside: np.ndarray,
    nucleus: np.ndarray,
    cells_there: np.ndarray,
    nuclei_there: np.ndarray,
) -> tuple[int, int] | None:
    """Row and column where a cell covers no nucleus and its nucleus lies under no cell; None where there is none."""
    room = [there - own for there, own in zip(cells_there.shape, inside.shape, strict=True)]
    if min(room) < 0:
        return None
    nucleus = _grown(nucleus)
    for _ in range(TRIES):
        place = tuple(int(rng.integers(0, free + 1)) for free in room)
        window = _window(place, inside.shape)
        if not (nuclei_there[window] & inside).any() and not (cells_there[window] & nucleus).any():
            return place
    return None


def _paste(canvas: np.ndarray, image: np.ndarray, inside: np.ndarray, place: tuple[int, int]) -> None:
    opacity = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), FEATHER)[:, :, None]
    part = canvas[_window(place, inside.shape)]
    part += opacity * (image.astype(np.float32) - part)
