"""The outline and area of a nucleus whose centre is known."""

import cv2
import numpy as np

from deeppap.screening.nuclei.darkness import darkness, rescale
from deeppap.screening.nuclei.region_measures import measure, tighten
from deeppap.screening.nuclei.regions import PAD, WORK_MPP, Region, candidates, smooth
from deeppap.screening.nuclei.threshold import confidence_of, pad

TYPICAL, SURE = 3.5, 0.5  # micrometres; the confidence of an outline that is believed
REACH = 6.0  # micrometres about a centre in which an outline is looked for where no region holds it


def outline_at(channel: np.ndarray, centres: np.ndarray) -> tuple[list[Region], np.ndarray]:
    """The best region about every centre, float64 (N, 2) of x, y, in a smoothed field uint8 (H, W) at WORK_MPP.

    That is the threshold detector's best candidate with this centre and no other in it, with its confidence, float64
    (N,); where there is none, what is darker than half way from the centre to the darkness about it, and 0.
    """
    limits = np.array(channel.shape[::-1]) - 1
    seeds = np.clip(np.rint(centres).astype(int), 0, limits)[:, ::-1].reshape(-1, 2)
    padded = pad(channel)
    best: list[Region | None] = [None] * len(seeds)
    scores = np.zeros(len(seeds))
    for region in candidates(channel, seeds):
        inside = holds(region, seeds)
        if len(inside) != 1 or (values := measure(region, padded)) is None:
            continue
        score = confidence_of(values)
        if score > scores[inside[0]]:
            best[inside[0]], scores[inside[0]] = region, score
    regions = [
        tighten(region, padded) if region else half_way(channel, *seed)
        for region, seed in zip(best, seeds.tolist(), strict=True)
    ]
    return regions, scores


def radii(image: np.ndarray, mpp: float, points: np.ndarray) -> np.ndarray:
    """Radii in micrometres, float64 (N,), of the nuclei at points (N, 2) of x, y; TYPICAL where no outline is sure."""
    channel = smooth(rescale(darkness(image), mpp, WORK_MPP))
    scale = np.array([channel.shape[1] / image.shape[1], channel.shape[0] / image.shape[0]])
    regions, scores = outline_at(channel, (points + 0.5) * scale - 0.5)
    areas = np.array([np.count_nonzero(region.mask) for region in regions]) * WORK_MPP**2
    return np.where(scores >= SURE, np.sqrt(areas / np.pi), TYPICAL)


def holds(region: Region, seeds: np.ndarray) -> np.ndarray:
    """Indices of the seeds, int (N, 2) of row, column of the field, that lie in a region."""
    place = seeds + PAD - np.array([region.top, region.left])
    near = np.flatnonzero(((place >= 0) & (place < region.mask.shape)).all(axis=1))
    return near[region.mask[tuple(place[near].T)]]


def half_way(channel: np.ndarray, row: int, column: int) -> Region:
    """What is connected to a pixel, near it, and darker than half way from it to the median about it."""
    reach = round(REACH / WORK_MPP)
    top, left = max(0, row - reach), max(0, column - reach)
    around = channel[top : row + reach + 1, left : column + reach + 1]
    level = (float(channel[row, column]) + float(np.median(around))) / 2
    dark = (around >= min(level, channel[row, column])).astype(np.uint8)
    _, numbers = cv2.connectedComponents(dark, connectivity=4)
    return Region(numbers == numbers[row - top, column - left], top + PAD, left + PAD)
