"""Marks that are neither exhaustive nor quite in the middle of their nuclei, made fit to train on.

CRIC's are such: some nuclei have none, and the others lie a micrometre or more beside the centre.
"""

import cv2
import numpy as np

from deeppap.screening.nuclei.darkness import darkness, rescale
from deeppap.screening.nuclei.regions import PAD, WORK_MPP, smooth
from deeppap.screening.nuclei.threshold import scored_regions

MOVED = 3.5  # micrometres that a mark may be moved to the middle of the region that it lies in
MOVED_CONFIDENCE = 0.3
UNMARKED_CONFIDENCE, UNMARKED_UM2 = 0.3, 20.0  # a region like that and without a mark may be a nucleus; a lobe of a
# leukocyte's is smaller, and is to be learnt as none


def tidy(image: np.ndarray, mpp: float, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Marks moved to the middle of their regions, float64 (N, 2), and where nothing is known, uint8 (H, W) 0 or 255."""
    channel = smooth(rescale(darkness(image), mpp, WORK_MPP))
    regions, scores = scored_regions(channel)
    scale = np.array([channel.shape[1] / image.shape[1], channel.shape[0] / image.shape[0]])
    marks = (points + 0.5) * scale - 0.5 + PAD
    moved, best = marks.copy(), np.full(len(marks), MOVED_CONFIDENCE)
    unknown = np.zeros(tuple(n + 2 * PAD for n in channel.shape), np.uint8)
    for region, score in zip(regions, scores, strict=True):
        inside = _marks_inside(region, marks)
        place = unknown[
            region.top : region.top + region.mask.shape[0], region.left : region.left + region.mask.shape[1]
        ]
        if not len(inside):
            area = np.count_nonzero(region.mask) * WORK_MPP**2
            if score >= UNMARKED_CONFIDENCE and area >= UNMARKED_UM2:
                place[region.mask] = 255
        elif len(inside) == 1 and score > best[inside[0]]:
            rows, columns = np.nonzero(region.mask)
            middle = np.array([columns.mean() + region.left, rows.mean() + region.top])
            if np.linalg.norm(middle - marks[inside[0]]) * WORK_MPP <= MOVED:
                moved[inside[0]], best[inside[0]] = middle, score
    for x, y in moved:  # what is known to be a nucleus is known, whatever else overlaps it
        cv2.circle(unknown, (round(x), round(y)), round(MOVED / WORK_MPP), 0, -1)
    unknown = np.ascontiguousarray(unknown[PAD:-PAD, PAD:-PAD])
    unknown = cv2.resize(unknown, image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    return (moved - PAD + 0.5) / scale - 0.5, unknown


def _marks_inside(region, marks: np.ndarray) -> np.ndarray:
    """Indices of the marks that lie in a region."""
    height, width = region.mask.shape
    column = np.rint(marks[:, 0]).astype(int) - region.left
    row = np.rint(marks[:, 1]).astype(int) - region.top
    near = np.flatnonzero((column >= 0) & (column < width) & (row >= 0) & (row < height))
    return near[region.mask[row[near], column[near]]]
