"""The outline of a nucleus about a known centre, and how likely a dark region is one."""

import cv2
import numpy as np

from deeppap.screening.nuclei.nucleus import Nucleus
from deeppap.screening.nuclei.regions import (
    PAD,
    WORK_MPP,
    Region,
    candidates_about,
    measure,
    outline_of,
    pad,
    rescale_points,
    smooth_darkness,
    tighten,
)

# a logistic regression on regions.measure of "lies on a mark" over Cervix93's training frames and ISBI 2014's
# fields, rounded; the last weight, for pieces of a clump, was set by hand afterwards, and the first, of the area's
# log, raised by 1: about a known centre a small region is rather a part of a nucleus than dirt
WEIGHTS = np.array([5.1, -0.51, -1.2, 3.4, 4.4, -2.3, -1.0])
CONSTANT = -39.2  # a region of 55 square micrometres is as likely as before
BORDER_UM = 2.3  # nearer to the border a nucleus is cut in half, and neither marked nor scored
NOISE = 3  # digits of a pixel after which a centre differs between tiles: a half is then a half in each
REACH = 6.0  # micrometres about a centre in which an outline is looked for if no region holds it


def nucleus_of(region: Region, score: float, shape: tuple[int, int], original: tuple[int, int]) -> Nucleus:
    """A region of a field of `shape` (H, W) as a nucleus of the `original` one."""
    corner = np.array([region.left - PAD, region.top - PAD])
    ((x, y),) = rescale_points(middle_of(region), shape, original).tolist()
    outline = rescale_points(outline_of(region.mask) + corner, shape, original)
    return Nucleus(x, y, region.area_um2, float(score), outline)


def middle_of(region: Region) -> np.ndarray:
    """The middle of a region's pixels, float64 (2,) of x, y in the smoothed field."""
    rows, columns = np.nonzero(region.mask)
    return np.array([columns.mean() + region.left, rows.mean() + region.top]) - PAD


def within_border(nuclei: list[Nucleus], shape: tuple[int, int], mpp: float) -> list[Nucleus]:
    """The nuclei whose centre lies further from the image's border than BORDER_UM."""
    rim = BORDER_UM / mpp
    height, width = shape
    return [n for n in nuclei if rim <= n.x <= width - 1 - rim and rim <= n.y <= height - 1 - rim]


def outline_at(channel: np.ndarray, centres: np.ndarray) -> tuple[list[Region], np.ndarray]:
    """The best region about every centre, float64 (N, 2) of x, y, in a smoothed field uint8 (H, W) at WORK_MPP.

    It is the best candidate that holds this centre and no other, with its confidence, float64 (N,). If there is none,
    it is what is darker than half way from the centre to the darkness about it, with confidence 0.
    """
    limits = np.array(channel.shape[::-1]) - 1
    seeds = np.clip(np.rint(np.round(centres, NOISE)).astype(int), 0, limits)[:, ::-1].reshape(-1, 2)
    padded = pad(channel)
    best: list[Region | None] = [None] * len(seeds)
    scores = np.zeros(len(seeds))
    for index, regions in enumerate(candidates_about(channel, seeds)):
        for region in regions:
            if (values := measure(region, padded)) is None:
                continue
            score = 1 / (1 + np.exp(-(values @ WEIGHTS + CONSTANT)))
            if score > scores[index]:
                best[index], scores[index] = region, score
    regions = [
        tighten(region, padded) if region else _half_way(channel, *seed)
        for region, seed in zip(best, seeds.tolist(), strict=True)
    ]
    return regions, scores


def outlined(image: np.ndarray, mpp: float, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Middle, radius and confidence of the outline about each point, float64 (N, 2) of x, y.

    Middles are float64 (N, 2) of x, y, radii float64 (N,) in micrometres. Outlines of large nuclei seldom have a
    confidence above 0.3, and are as good as others.
    """
    channel = smooth_darkness(image, mpp)
    regions, scores = outline_at(channel, rescale_points(points, image.shape, channel.shape))
    middles = np.array([middle_of(region) for region in regions]).reshape(-1, 2)
    areas = np.array([region.area_um2 for region in regions])
    return rescale_points(middles, channel.shape, image.shape), np.sqrt(areas / np.pi), scores


def _half_way(channel: np.ndarray, row: int, column: int) -> Region:
    """What is connected to a pixel, near it, and darker than half way from it to the median about it."""
    reach = round(REACH / WORK_MPP)
    top, left = max(0, row - reach), max(0, column - reach)
    around = channel[top : row + reach + 1, left : column + reach + 1]
    level = (float(channel[row, column]) + float(np.median(around))) / 2
    dark = (around >= min(level, channel[row, column])).astype(np.uint8)
    _, numbers = cv2.connectedComponents(dark, connectivity=4)
    return Region(numbers == numbers[row - top, column - left], top + PAD, left + PAD)
