"""The detector of nuclei: NucleusFCN's map of a field, by any engine, its maxima read as nuclei."""

from pathlib import Path

import cv2
import numpy as np
from skimage.morphology import reconstruction

from deeppap.engines.device import Device
from deeppap.engines.map_net import installed_engine, open_map_net
from deeppap.io.caffe_messages import ROOT
from deeppap.io.errors import FieldError, UserError
from deeppap.screening.nuclei.nucleus import Nucleus, require_field
from deeppap.screening.nuclei.outlines import nucleus_of, outline_at, within_border
from deeppap.screening.nuclei.regions import WORK_MPP as REGION_MPP
from deeppap.screening.nuclei.regions import (
    absorbance,
    background_of,
    darkness,
    fill_blocks,
    peaks,
    rescale,
    rescale_points,
    smooth,
)

DEPLOY = ROOT / "prototxt/nucleus_fcn/deploy.prototxt"
WEIGHTS = ROOT / "models/nucleus_fcn/nucleus_fcn.caffemodel"  # shipped; its readme says what it was trained on
# micrometres a pixel of the net's input: a nucleus is 12 to 50 pixels wide. The net learns at 0.5, from nuclei that are
# enlarged more than they are reduced, and finds more nuclei, large and small, in a field of slightly smaller pixels
WORK_MPP = 0.4
STRIDE = 2  # pixels of the input to a pixel of the net's map
CONFIDENCE = 0.4  # where F is highest on Cervix93; recall on smears asks for no more
BLOCK = 36  # pixels at WORK_MPP that are a whole number of those that outlines are looked for in, 32
MULTIPLE = 4  # of both sides of the net's input: it is halved twice and enlarged again
SMOOTH = 0.7  # pixels of the map: two maxima of one bump become one
APART = 2  # pixels of the map between two maxima: the narrowest pair of nuclei is 4 micrometres apart
SHARES = np.arange(256, dtype=np.float32) / np.float32(255)
VALLEY = 0.9  # of the lower maximum: if the way to a higher one stays above that, both are one nucleus


class NucleusDetector:
    """Finds nuclei with NucleusFCN.

    `weights` are a .caffemodel of tools/train_detector.py, or None for the shipped one. Maxima below `confidence`, 0 to
    1, are left out; None takes the detector's own. `device` has the engine that runs the net, and on what; None takes
    the CPU with an engine that is installed.

    Raises UserError for a confidence out of range, and weights that are missing, cut short or of another net.
    """

    work_mpp = WORK_MPP  # images of that pixel size are not resampled
    # how far from a tile's edge a nucleus must lie to be found as in the whole image: what the net sees to each side,
    # 24, and as far as a neighbour that shares an outline may lie, 16
    margin_um = 60.0

    def __init__(self, weights: Path | None = None, confidence: float | None = None, device: Device | None = None):
        if confidence is not None and not 0 <= confidence <= 1:
            do = "Leave it out for the detector's own."
            raise FieldError("confidence", "a number from 0 to 1", f"{confidence:g}", do)
        self.weights = weights or WEIGHTS
        do = "Give the weights of tools/train_detector.py, or none for the shipped ones."
        self.net = open_map_net(DEPLOY, self.weights, device or installed_engine(), do)
        self.confidence = CONFIDENCE if confidence is None else confidence

    def detect(self, image: np.ndarray, mpp: float, background: float | None = None) -> list[Nucleus]:
        """Nuclei of an image, uint8 (H, W) grey or (H, W, 3) BGR, of `mpp` micrometres a pixel, most certain first.

        `background` is the grey value of empty glass (`regions.background_of`), which the tiles of one slide share;
        None takes the image's own. An image without nuclei gives an empty list.

        Raises UserError for an image of another type or shape, and for a pixel size that no microscope has.
        """
        require_field(image, mpp)
        background = background_of(image) if background is None else background
        absorbed = rescale(absorbance(image, background), mpp, WORK_MPP)
        places, heights = maxima(self.map(absorbed), self.confidence)
        centres = rescale_points(places, absorbed.shape, image.shape)
        blocks = fill_blocks(darkness(image, background), BLOCK)
        fine = smooth(rescale(blocks, mpp, REGION_MPP))
        regions, _ = outline_at(fine, rescale_points(centres, blocks.shape, fine.shape))
        nuclei = []
        for region, (x, y), height in zip(regions, centres.tolist(), heights.tolist(), strict=True):
            shape = nucleus_of(region, height, fine.shape, blocks.shape)
            nuclei.append(Nucleus(x, y, shape.area_um2, height, shape.outline))
        return within_border(nuclei, image.shape[:2], mpp)

    def map(self, absorbed: np.ndarray) -> np.ndarray:
        """The map of nuclei, float32 (ceil(H/2), ceil(W/2)), of a field's absorbance, uint8 (H, W, 3) at WORK_MPP."""
        height, width, channels = absorbed.shape
        size = tuple(-(-n // MULTIPLE) * MULTIPLE for n in (height, width))
        padded = np.zeros((channels, *size), np.float32)  # bare glass
        for channel, plane in zip(cv2.split(absorbed), padded, strict=True):
            plane[:height, :width] = cv2.LUT(channel, SHARES)
        # one view is enough: the mean with the map of the field upside down changed F by less than 0.01
        prob = self.net(padded[None])[0, 0]
        if not np.isfinite(prob).all():
            raise UserError(self.weights, "a finite map of nuclei", "NaN: its training diverged", "Train again.")
        return prob[: -(-height // STRIDE), : -(-width // STRIDE)]


def maxima(prob: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    """Places, float64 (N, 2) of x, y in pixels of the net's input, and heights, float64 (N,), highest first."""
    smoothed = cv2.GaussianBlur(prob, (0, 0), SMOOTH)
    found = peaks(smoothed, APART, least)
    found = found[_standing(smoothed, found, least)]
    heights = smoothed[tuple(found.T)].astype(np.float64)
    order = np.lexsort((found[:, 1], found[:, 0], -heights))
    places = [
        (column + _vertex(smoothed[row], column), row + _vertex(smoothed[:, column], row))
        for row, column in found[order].tolist()
    ]
    return STRIDE * np.array(places).reshape(-1, 2) + (STRIDE - 1) / 2, heights[order]


def _standing(smoothed: np.ndarray, found: np.ndarray, least: float) -> np.ndarray:
    """Whether each maximum, int (N, 2), stands, bool (N,): no higher one floods it above its valley."""
    # a flood from one to another stays within what is higher than the lowest valley
    _, numbers, boxes, _ = cv2.connectedComponentsWithStats((smoothed > VALLEY * least).astype(np.uint8))
    own = numbers[tuple(found.T)]
    standing = np.ones(len(found), bool)
    for number in np.flatnonzero(np.bincount(own, minlength=1) > 1):
        left, top, width, height, _ = boxes[number]
        box = slice(top, top + height), slice(left, left + width)
        here = np.where(numbers[box] == number, smoothed[box], 0)
        inside = own == number
        flooded = reconstruction(VALLEY * here, here) <= VALLEY * here
        standing[inside] = flooded[tuple((found[inside] - (top, left)).T)]
    return standing


def _vertex(line: np.ndarray, at: int) -> float:
    """How far, in pixels, the top of the parabola through a maximum and its two neighbours lies from it."""
    if not 0 < at < len(line) - 1:
        return 0.0
    before, here, after = (float(v) for v in line[at - 1 : at + 2])
    bend = before - 2 * here + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else 0.0
