"""The detector without a net: dark regions at many thresholds, the best of those that overlap."""

import cv2
import numpy as np

from deeppap.screening.nuclei.darkness import darkness, rescale, to_original
from deeppap.screening.nuclei.nucleus import Nucleus, require_field
from deeppap.screening.nuclei.region_measures import measure, tighten
from deeppap.screening.nuclei.regions import PAD, WORK_MPP, Region, candidates, edge, smooth

# Weights of region_measures.MEASURES and their constant: a logistic regression of "lies on a mark" over Cervix93's
# training frames and ISBI 2014's fields, rounded; the last, for pieces of a clump, was set by hand afterwards
WEIGHTS = np.array([4.1, -0.51, -1.2, 3.4, 4.4, -2.3, -1.0])
CONSTANT = -35.2
CONFIDENCE = 0.65  # where F was highest in Cervix93's training frames
OVERLAP = 0.1  # share of a region that a better one may already have taken
BORDER_UM = 2.3  # nearer to the border a nucleus is cut in half, and neither marked nor scored


class ThresholdDetector:
    """Thresholds over surroundings and glass; size, solidity and contrast choose among the regions.

    Parameters
    ----------
    confidence : float or None
        Nuclei below it are left out; None takes the detector's own.
    """

    name = "threshold"
    work_mpp = WORK_MPP
    margin_um = 40.0

    def __init__(self, confidence: float | None = None):
        self.confidence = CONFIDENCE if confidence is None else confidence

    def detect(self, image: np.ndarray, mpp: float, background: float | None = None) -> list[Nucleus]:
        """See `Detector.detect`."""
        require_field(image, mpp)
        channel = smooth(rescale(darkness(image, background), mpp, WORK_MPP))
        regions, scores = scored_regions(channel)
        chosen = choose(regions, scores, self.confidence, tuple(n + 2 * PAD for n in channel.shape))
        padded = pad(channel)
        tight = {i: tighten(regions[i], padded) for i in chosen}
        nuclei = [nucleus_of(tight[i], scores[i], channel.shape, image.shape[:2]) for i in chosen]
        return within(nuclei, image.shape[:2], mpp)


def scored_regions(channel: np.ndarray) -> tuple[list[Region], np.ndarray]:
    """Every candidate of a smoothed field, and its confidence, float64 (N,)."""
    padded = pad(channel)
    found = [(region, values) for region in candidates(channel) if (values := measure(region, padded)) is not None]
    values = np.array([values for _, values in found]).reshape(-1, len(WEIGHTS))
    return [region for region, _ in found], confidence_of(values)


def pad(channel: np.ndarray) -> np.ndarray:
    """A smoothed field with room about it, as regions are placed in it."""
    return cv2.copyMakeBorder(channel, PAD, PAD, PAD, PAD, cv2.BORDER_REFLECT)


def confidence_of(values: np.ndarray) -> np.ndarray:
    """From region_measures.MEASURES, float64 (..., 7), to 0..1."""
    return 1 / (1 + np.exp(-(values @ WEIGHTS + CONSTANT)))


def choose(regions: list[Region], scores: np.ndarray, least: float, shape: tuple[int, int]) -> list[int]:
    """Indices of regions that do not overlap, the most certain first, down to the confidence `least`."""
    taken = np.zeros(shape, bool)
    chosen = []
    for index in np.argsort(-scores, kind="stable").tolist():
        if scores[index] < least:
            break
        region = regions[index]
        height, width = region.mask.shape
        place = taken[region.top : region.top + height, region.left : region.left + width]
        if np.count_nonzero(place & region.mask) <= OVERLAP * np.count_nonzero(region.mask):
            place |= region.mask
            chosen.append(index)
    return chosen


def nucleus_of(region: Region, score: float, shape: tuple[int, int], original: tuple[int, int]) -> Nucleus:
    """A region of a field of `shape` (H, W) as a nucleus of the `original` one."""
    rows, columns = np.nonzero(region.mask)
    corner = np.array([region.left - PAD, region.top - PAD])
    centre = to_original(np.array([columns.mean(), rows.mean()]) + corner, shape, original)[0]
    outline = to_original(edge(region.mask) + corner, shape, original).astype(np.float32)
    area = len(rows) * WORK_MPP**2
    return Nucleus(float(centre[0]), float(centre[1]), float(area), float(score), outline)


def within(nuclei: list[Nucleus], shape: tuple[int, int], mpp: float) -> list[Nucleus]:
    """Those whose centre lies further from the image's border than BORDER_UM."""
    rim = BORDER_UM / mpp
    height, width = shape
    return [n for n in nuclei if rim <= n.x <= width - 1 - rim and rim <= n.y <= height - 1 - rim]
