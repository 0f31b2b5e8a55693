"""Dark regions of the size of a nucleus, at every threshold: the candidates of the threshold detector."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from skimage.feature import peak_local_max
from skimage.measure import find_contours
from skimage.segmentation import watershed

from deeppap.screening.nuclei.darkness import whole

WORK_MPP = 0.45  # micrometres a pixel: the smallest nucleus still has 70 pixels
SMOOTH = 0.5  # micrometres
AREAS = (14.0, 260.0)  # square micrometres: from a pyknotic nucleus to a large abnormal one
WIDEST = 10.0  # micrometres: radius beyond which what is dark is cytoplasm or a fold, not a nucleus
ABOVE_SURROUNDINGS = (6, 9, 12, 15, 19, 23, 28, 33, 39, 46, 54, 63, 74, 87, 102, 120, 140, 165)  # of 255
ABOVE_GLASS = tuple(range(40, 232, 10))
PAD = 8  # pixels round the image and round a region's box: room for the ring about a region
FULL = 0.4  # share of its box that a region must fill to be worth measuring
APART, DEEP = 2.4, 1.6  # micrometres: between the middles of two touching nuclei, and from a middle to the edge
SPLIT_BELOW = 0.93  # solidity under which a region may be several nuclei that touch
NARROW = 0.7  # a waist below this share of the nuclei's own width is no nucleus's shape: they are several
ALIKE = 0.05  # log of area within which a region in the same box is the one of another threshold over again
PIECES = 6  # more than that is no clump of nuclei


@dataclass(frozen=True)
class Region:
    """A candidate: `mask` bool (h, w), its upper left corner at row `top`, column `left` of the padded field.

    `clump` bool (h, w) is what it was parted from, if it was: what else is in that is no surroundings.
    """

    mask: np.ndarray
    top: int
    left: int
    clump: np.ndarray | None = None


def disc(radius: float) -> np.ndarray:
    """A round structuring element of `radius` pixels."""
    size = 2 * max(1, round(radius)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))


def smooth(channel: np.ndarray) -> np.ndarray:
    """A field's darkness at WORK_MPP without the grain of its pixels, uint8 (H, W)."""
    return cv2.GaussianBlur(channel, (0, 0), SMOOTH / WORK_MPP)


def above_surroundings(channel: np.ndarray) -> np.ndarray:
    """How much darker each pixel is than what is wider than a nucleus about it, uint8 (H, W)."""
    small = 4  # the opening's disc is large, and its result smooth: a quarter of the resolution will do
    height, width = channel.shape
    blocks = whole(channel, small)
    size = tuple(n // small for n in blocks.shape[::-1])
    coarse = cv2.resize(blocks, size, interpolation=cv2.INTER_AREA)
    radius = WIDEST / WORK_MPP
    coarse = cv2.morphologyEx(coarse, cv2.MORPH_OPEN, disc(radius / small))
    opened = cv2.resize(coarse, blocks.shape[::-1], interpolation=cv2.INTER_LINEAR)[:height, :width]
    return cv2.subtract(channel, cv2.GaussianBlur(opened, (0, 0), radius / 3))


def candidates(channel: np.ndarray, seeds: np.ndarray | None = None) -> Iterator[Region]:
    """Regions of a smoothed field, uint8 (H, W) at WORK_MPP, above every threshold over surroundings and over glass.

    With `seeds`, int (N, 2) of row, column, only regions that hold one: what the net found needs an outline, no search.
    """
    seen: set[tuple] = set()
    for image, levels in ((above_surroundings(channel), ABOVE_SURROUNDINGS), (channel, ABOVE_GLASS)):
        padded = np.pad(image, PAD)
        for level in levels:
            yield from _at(padded > level, seeds, seen)


def _at(binary: np.ndarray, seeds: np.ndarray | None, seen: set[tuple]) -> Iterator[Region]:
    _, numbers, stats, _ = cv2.connectedComponentsWithStats(binary.astype(np.uint8), connectivity=4)
    smallest, largest = (area / WORK_MPP**2 for area in AREAS)
    areas = stats[:, cv2.CC_STAT_AREA]
    full = areas >= FULL * stats[:, cv2.CC_STAT_WIDTH] * stats[:, cv2.CC_STAT_HEIGHT]
    fits = (areas >= smallest) & (areas <= 2 * largest) & full
    if seeds is not None:
        fits &= np.bincount(numbers[tuple(seeds.T + PAD)], minlength=len(fits)) > 0
    fits[0] = False  # what lies outside
    for number in np.flatnonzero(fits).tolist():
        left, top, width, height, area = stats[number].tolist()
        key = (left // 2, top // 2, width // 2, height // 2, round(math.log(area) / ALIKE))
        if key in seen:
            continue
        seen.add(key)
        top, left, height, width = top - PAD, left - PAD, height + 2 * PAD, width + 2 * PAD
        mask = numbers[top : top + height, left : left + width] == number
        pieces, waist = split(mask) if area >= 2 * smallest and solidity(mask) < SPLIT_BELOW else ([], 1.0)
        if area <= largest and waist > NARROW:
            yield Region(mask, top, left)
        for piece in pieces:
            if smallest <= np.count_nonzero(piece) <= largest:
                yield Region(piece, top, left, mask)


def split(mask: np.ndarray) -> tuple[list[np.ndarray], float]:
    """The nuclei that touch in a region, each bool (h, w), parted at its waists, and the width of the widest waist.

    That width is a share of the smaller nucleus's beside it; no nuclei and 1 where the region has one middle.
    """
    depth = cv2.GaussianBlur(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3), (0, 0), 1)
    apart, deep = int(APART / WORK_MPP), DEEP / WORK_MPP
    highest = depth == cv2.dilate(depth, np.ones((2 * apart + 1, 2 * apart + 1), np.uint8))
    if np.count_nonzero(highest & (depth > deep)) < 2:  # most have one; peak_local_max is far slower to say so
        return [], 1.0
    middles = peak_local_max(depth, min_distance=apart, threshold_abs=deep, exclude_border=False)
    if not 2 <= len(middles) <= PIECES:
        return [], 1.0
    markers = np.zeros(mask.shape, np.int32)
    markers[tuple(middles.T)] = np.arange(1, len(middles) + 1)
    pieces = watershed(-depth, markers, mask=mask)
    seam = cv2.morphologyEx(pieces.astype(np.int16), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    seam &= cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    waist = float(depth[seam].max(initial=0) / depth[tuple(middles.T)].min())
    return [pieces == number for number in range(1, len(middles) + 1)], waist


def contour(mask: np.ndarray) -> np.ndarray:
    """The longest outline of a region through the middles of its outermost pixels, int32 (N, 1, 2) of x, y."""
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return max(found, key=len)


def edge(mask: np.ndarray) -> np.ndarray:
    """The longest outline of a region along its pixels' edges, float64 (N, 2) of x, y: it encloses what they cover."""
    found = find_contours(np.pad(mask, 1).astype(np.float32), 0.5, fully_connected="high")
    return max(found, key=len)[:-1, ::-1] - 1


def solidity(mask: np.ndarray) -> float:
    """A region's share of its convex hull, 0..1, both counted in pixels."""
    hull = cv2.convexHull(contour(mask))
    pixels = cv2.contourArea(hull) + cv2.arcLength(hull, True) / 2 + 1  # Pick's formula, near enough
    return min(1.0, np.count_nonzero(mask) / pixels)
