"""What tells a nucleus from dirt, from a fold and from a patch of cytoplasm."""

from dataclasses import replace

import cv2
import numpy as np

from deeppap.screening.nuclei.regions import WORK_MPP, Region, disc, solidity

LEAST_SOLID = 0.80  # below it a region is no nucleus, whatever else it is
CORE = 75  # percentile of a region's darkness that stands for its core
GAP, RING = disc(1), disc(2.2 / WORK_MPP)  # the blurred edge, and what lies 2 micrometres about it
MEASURES = (
    "log area",
    "log area squared",
    "log of what lacks to solidity",
    "log contrast",
    "log ring",
    "log spread",
    "parted",
)


def measure(region: Region, channel: np.ndarray) -> np.ndarray | None:
    """The MEASURES of a region, float64 (7,), in a smoothed field that is padded as the region's is.

    Area in square micrometres; contrast is how much darker the region is than the ring about it, in grey values of
    255; ring how dark that ring is, which is cytoplasm for a nucleus and glass for dirt; spread the range from its
    10th to its 90th percentile, which is wide along a fold; parted 1 for a piece of a clump. None where the region is
    too ragged to be a nucleus.
    """
    solid = solidity(region.mask)
    if solid < LEAST_SOLID:
        return None
    height, width = region.mask.shape
    around = channel[region.top : region.top + height, region.left : region.left + width]
    mask = region.mask.astype(np.uint8)
    inside = cv2.mean(around, mask)[0]
    ring = np.sort(around[_ring(region)])
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
            float(region.clump is not None),
        ]
    )


def _ring(region: Region) -> np.ndarray:
    """What lies about a region, bool (h, w), without its blurred edge and without the nuclei that it touches."""
    mask = region.mask.astype(np.uint8)
    ring = cv2.dilate(mask, RING) > cv2.dilate(mask, GAP)
    return ring if region.clump is None else ring & ~region.clump


def tighten(region: Region, channel: np.ndarray) -> Region:
    """The region cut where its darkness is half way from its ring to its core: its threshold may lie far below.

    `channel` is the smoothed field, padded as the region's is.
    """
    height, width = region.mask.shape
    around = channel[region.top : region.top + height, region.left : region.left + width]
    ring = around[_ring(region)]
    if not ring.size:
        return region
    level = (float(ring.mean()) + float(np.percentile(around[region.mask], CORE))) / 2
    dark = (region.mask & (around >= level)).astype(np.uint8)
    count, numbers, stats, _ = cv2.connectedComponentsWithStats(dark, connectivity=4)
    if count < 2:
        return region
    return replace(region, mask=numbers == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))
