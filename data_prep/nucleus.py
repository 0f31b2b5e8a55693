"""The nucleus in a mask: where its centre is, how large it is."""

from pathlib import Path

import numpy as np

from data_prep.cells import Dataset
from data_prep.herlev_classes import NUCLEUS
from deeppap.io.errors import UserError
from deeppap.io.image_file import read_mask


def nucleus_pixels(path: Path) -> np.ndarray:
    """Bool (H, W): the nucleus of a mask in Herlev's colours, or all that is not black in a grey one."""
    mask = read_mask(path)
    if (mask[..., 0] == mask[..., 1]).all() and (mask[..., 1] == mask[..., 2]).all():
        return mask[..., 0] > 0
    return (mask == np.array(NUCLEUS[::-1], np.uint8)).all(axis=2)


def centroid(path: Path, image_shape: tuple[int, int]) -> tuple[float, float]:
    """Centroid (x, y) of all nucleus pixels, 0-based, sub-pixel (paper: "Patch extraction").

    Raises
    ------
    UserError
        If the mask has another size than its image, no nucleus, or nothing else.
    """
    nucleus = nucleus_pixels(path)
    if nucleus.shape != tuple(image_shape):
        sizes = [f"{w} x {h}" for h, w in (image_shape, nucleus.shape)]
        raise UserError(path, f"a mask of its image's size {sizes[0]}", sizes[1], "Get image and mask from one source.")
    rows, columns = np.nonzero(nucleus)
    do = "Give the mask of this cell again."
    if not rows.size:
        raise UserError(path, f"nucleus pixels in RGB {NUCLEUS} (or a grey mask)", "none", do)
    if rows.size == nucleus.size:
        raise UserError(path, "a nucleus in a part of the image", "one that fills it", do)
    return float(columns.mean()), float(rows.mean())


def area(path: Path) -> int:
    """Nucleus area in pixels."""
    return int(nucleus_pixels(path).sum())


def nucleus_areas(dataset: Dataset) -> dict[str, int] | None:
    """Nucleus area in pixels by cell id; None unless every cell has a mask."""
    if any(cell.id not in dataset.masks for cell in dataset.cells):
        return None
    return {cell.id: area(dataset.masks[cell.id]) for cell in dataset.cells}
