"""What tells a nucleus from dirt, from a fold and from a patch of cytoplasm."""

import cv2
import numpy as np

from screening.nuclei.regions import WORK_MPP, Region, disc, solidity

LEAST_SOLID = 0.80  # below it a region is no nucleus, whatever else it is
GAP, RING = disc(1), disc(2.2 / WORK_MPP)  # the blurred edge, and what lies 2 micrometres about it
MEASURES = ("log area", "log area squared", "log of what lacks to solidity", "log contrast", "log ring", "log spread")


def measure(region: Region, channel: np.ndarray) -> np.ndarray | None:
    """The MEASURES of a region, float64 (6,), in a smoothed field that is padded as the region's is.

    Area in square micrometres; contrast is how much darker the region is than the ring about it, in grey values of
    255; ring how dark that ring is, which is cytoplasm for a nucleus and glass for dirt; spread the range from its
    10th to its 90th percentile, which is wide along a fold. None where the region is too ragged to be a nucleus.
    """
    solid = solidity(region.mask)
    if solid < LEAST_SOLID:
        return None
    height, width = region.mask.shape
    around = channel[region.top : region.top + height, region.left : region.left + width]
    mask = region.mask.astype(np.uint8)
    inside = cv2.mean(around, mask)[0]
    ring = np.sort(around[cv2.dilate(mask, RING) > cv2.dilate(mask, GAP)])
    mean, low, high = ring.mean(), float(ring[len(ring) // 10]), float(ring[9 * len(ring) // 10])
    area = np.log(np.count_nonzero(mask) * WORK_MPP**2)
    return np.array(
        [
            area,
            area**2,
            np.log1p(-min(solid, 0.995)),
            np.log(max(inside - mean, 0.5)),
            np.log(mean + 5),
            np.log(high - low + 2),
        ]
    )
