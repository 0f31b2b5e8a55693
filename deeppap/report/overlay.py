"""Heat laid over a cell's picture: red where it speaks for abnormal, blue where for normal."""

import numpy as np
from matplotlib.colors import to_rgb

from deeppap.report.figures.style import KIND_COLOURS

STRONGEST = 0.8  # share of the colour where the heat is greatest
PEAK = 99.5  # percentile of the heat's size that counts as its greatest: a single pixel shall not dim the rest


def overlay(picture: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """The picture, uint8 (H, W, 3) RGB, under the heat of its pixels, float (H, W); each cell on its own scale."""
    size = np.abs(heat.astype(np.float64))
    share = STRONGEST * (size / max(np.percentile(size, PEAK), 1e-12)).clip(0, 1)[..., None]
    normal, abnormal = (255 * np.array(to_rgb(colour)) for colour in KIND_COLOURS)
    colour = np.where(heat[..., None] > 0, abnormal, normal)
    return np.rint((1 - share) * picture + share * colour).astype(np.uint8)
