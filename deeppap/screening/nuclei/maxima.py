"""Maxima of a map of nuclei, read as nuclei."""

import cv2
import numpy as np
from skimage.feature import peak_local_max
from skimage.morphology import reconstruction

from deeppap.screening.nuclei.fcn_scale import STRIDE

SMOOTH = 0.7  # pixels of the map: two maxima of one bump become one
APART = 2  # pixels of the map between two maxima: the narrowest pair of nuclei is 4 micrometres apart
VALLEY = 0.85  # of the lower maximum: where the way to a higher one stays above that, both are one nucleus


def maxima(prob: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    """Places, float64 (N, 2) of x, y in pixels of the net's input, and heights, float64 (N,), highest first."""
    smoothed = cv2.GaussianBlur(prob, (0, 0), SMOOTH)
    standing = reconstruction(VALLEY * smoothed, smoothed) <= VALLEY * smoothed  # no higher one floods it
    peaks = peak_local_max(smoothed, min_distance=APART, threshold_abs=least, exclude_border=False)
    peaks = peaks[standing[tuple(peaks.T)]]
    heights = smoothed[tuple(peaks.T)].astype(np.float64)
    order = np.lexsort((peaks[:, 1], peaks[:, 0], -heights))
    places = np.array([_between(smoothed, *peak) for peak in peaks[order].tolist()]).reshape(-1, 2)
    return STRIDE * places + (STRIDE - 1) / 2, heights[order]


def _between(prob: np.ndarray, row: int, column: int) -> tuple[float, float]:
    """X and y of a maximum between the pixels: the top of the parabola through it and its neighbours."""
    x = column + _vertex(prob[row], column)
    return x, row + _vertex(prob[:, column], row)


def _vertex(line: np.ndarray, at: int) -> float:
    if not 0 < at < len(line) - 1:
        return 0.0
    before, here, after = (float(v) for v in line[at - 1 : at + 2])
    bend = before - 2 * here + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else 0.0
