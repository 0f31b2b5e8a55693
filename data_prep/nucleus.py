"""The nucleus in a mask: where its centre is, how large it is."""

from pathlib import Path

import cv2
import numpy as np
from scipy.ndimage import binary_fill_holes

from data_prep.cells import Dataset
from data_prep.herlev_classes import NUCLEUS
from deeppap.io.errors import UserError
from deeppap.io.image_file import read_mask

SPECK = 0.1  # share of a nucleus' pixels that may lie apart from the rest
FLAT = 0.01  # of the largest area of one number, the area that another must have at least
DO = "Give the mask of this cell again."


def nucleus_pixels(path: Path) -> np.ndarray:
    """Bool (H, W): the nucleus of a mask in Herlev's colours, or all that is not 0 in one of numbers."""
    return _marked(read_mask(path))


def _marked(mask: np.ndarray) -> np.ndarray:
    return mask > 0 if mask.ndim == 2 else (mask == np.array(NUCLEUS[::-1], np.uint8)).all(axis=2)


def centroid(path: Path, image_shape: tuple[int, int]) -> tuple[float, float]:
    """Centroid (x, y) of all nucleus pixels, 0-based, sub-pixel (paper: "Patch extraction").

    Raises UserError if the mask has another size than its image, no nucleus, or nothing else. A mask of numbers is
    refused too if its background is marked, or if it holds several nuclei or a cell's cytoplasm.
    """
    mask = read_mask(path)
    nucleus = _marked(mask)
    if nucleus.shape != tuple(image_shape):
        sizes = [f"{w} x {h}" for h, w in (image_shape, nucleus.shape)]
        raise UserError(path, f"a mask of its image's size {sizes[0]}", sizes[1], "Get image and mask from one source.")
    rows, columns = np.nonzero(nucleus)
    if not rows.size:
        raise UserError(path, f"nucleus pixels in RGB {NUCLEUS} (or a grey mask)", "none", DO)
    if rows.size == nucleus.size:
        raise UserError(path, "a nucleus in a part of the image", "one that fills it", DO)
    if mask.ndim == 2:
        require_background(path, mask)
        numbers = flat_numbers(mask)
        if len(numbers) > 1:
            do = "It looks like a label map: import it with tools/import_labels.py."
            raise UserError(path, "a mask of one nucleus", f"the numbers {', '.join(map(str, numbers))[:60]}", do)
        one_piece(path, nucleus, True)
    return float(columns.mean()), float(rows.mean())


def require_background(path: Path, mask: np.ndarray) -> None:
    """Refuse a mask of numbers, whole (H, W), whose edge is marked for the most part: nuclei do not lie so."""
    edge = np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]])
    if 2 * np.count_nonzero(edge) > edge.size:
        do = "Its background must be 0, and nuclei other numbers: it looks inverted."
        raise UserError(path, "0 outside the nuclei", "other numbers along most of its edge", do)


def flat_numbers(mask: np.ndarray) -> list[int]:
    """The numbers but 0 that fill areas of a mask (H, W), not only the rim that smoothing gives to an area."""
    around = np.ones((3, 3), np.uint8)
    # OpenCV erodes no integers of 32 bits
    whole = mask.astype(np.float64) if mask.dtype.itemsize > 2 else mask
    # all around a pixel inside an area there is one number; on a smoothed rim they differ
    inside = mask[(cv2.erode(whole, around) == cv2.dilate(whole, around)) & (mask > 0)]
    numbers, counts = np.unique(inside, return_counts=True)
    return numbers[counts >= max(4, FLAT * counts.max(initial=0))].tolist()


def one_piece(where: str | Path, mask: np.ndarray, number: int) -> np.ndarray:
    """The pixels, bool (H, W), of one nucleus in a mask of numbers, without specks that lie apart.

    Raises UserError if the number is that of several nuclei, or of a region about another number.
    """
    count, pieces, stats, _ = cv2.connectedComponentsWithStats((mask == number).astype(np.uint8), connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    if areas.sum() - areas.max() > SPECK * areas.sum():
        do = "Mark each nucleus alone: in a label map by a number of its own, as scikit-image's measure.label does."
        raise UserError(where, "one nucleus", f"{count - 1} pieces apart", do)
    nucleus = pieces == 1 + areas.argmax()
    # a nucleus in its cytoplasm fills a hole of it, so the cytoplasm is what was numbered
    if set(np.unique(mask[binary_fill_holes(nucleus)])) - {0, number}:
        do = "It looks like a map of cytoplasm and nucleus. Save the nuclei alone, each with a number of its own."
        raise UserError(where, "a nucleus", "a region with another number inside it", do)
    return nucleus


def nucleus_areas(dataset: Dataset) -> dict[str, float] | None:
    """Nucleus area in pixels, as a net sees them, by cell id; None unless every cell has a mask."""
    if any(cell.id not in dataset.masks for cell in dataset.cells):
        return None
    areas = {cell.id: int(nucleus_pixels(dataset.masks[cell.id]).sum()) for cell in dataset.cells}
    return {cell.id: areas[cell.id] * cell.scale**2 for cell in dataset.cells}
