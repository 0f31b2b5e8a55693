"""The outline and area of a nucleus whose centre is known."""

import cv2
import numpy as np

from screening.nuclei.region_measures import measure
from screening.nuclei.regions import PAD, WORK_MPP, Region, candidates
from screening.nuclei.threshold import confidence_of

REACH = 6.0  # micrometres about a centre in which an outline is looked for where no region holds it


def outline_at(channel: np.ndarray, centres: np.ndarray) -> list[Region]:
    """The best region about every centre, float64 (N, 2) of x, y, in a smoothed field uint8 (H, W) at WORK_MPP.

    That is the threshold detector's best candidate with this centre and no other in it; where there is none, what is
    darker than half way from the centre to the darkness about it.
    """
    limits = np.array(channel.shape[::-1]) - 1
    seeds = np.clip(np.rint(centres).astype(int), 0, limits)[:, ::-1].reshape(-1, 2)
    padded = cv2.copyMakeBorder(channel, PAD, PAD, PAD, PAD, cv2.BORDER_REFLECT)
    best: list[Region | None] = [None] * len(seeds)
    scores = np.zeros(len(seeds))
    for region in candidates(channel, seeds):
        inside = holds(region, seeds)
        if len(inside) != 1 or (values := measure(region, padded)) is None:
            continue
        score = confidence_of(values)
        if score > scores[inside[0]]:
            best[inside[0]], scores[inside[0]] = region, score
    return [region or half_way(channel, *seed) for region, seed in zip(best, seeds.tolist(), strict=True)]


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
