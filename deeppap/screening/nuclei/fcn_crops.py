"""Training crops of the nucleus net: cut from fields, turned, scaled and jittered, with the map to learn."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from deeppap.screening.nuclei.darkness import absorbance, rescale
from deeppap.screening.nuclei.fcn_scale import STRIDE, WORK_MPP
from deeppap.screening.nuclei.fields import Field
from deeppap.screening.nuclei.loose_marks import tidy
from deeppap.screening.nuclei.outline import radii

CROP = 128  # pixels at the net's pixel size: 64 micrometres, one whole cell and its neighbours
SIGMA = 1.75  # micrometres: the least bump drawn on a nucleus; those of a binucleate cell have a valley between them
WIDE = 0.45  # of its radius: the bump of a larger nucleus, of which a small one would be learnt as fragments
PEAK, UNKNOWN = 200, 255  # in the target map; train_val.prototxt says what becomes of them
RIM = 3.0  # micrometres along a field's border where cut nuclei may or may not be marked
NEAR = 12.0  # micrometres: a crop meant for a nucleus has it no further than this from its middle
AT_NUCLEI = 0.75  # of the crops are meant for a nucleus, the others lie anywhere
SCALE = (-0.25, 0.35)  # log of size; up more than down: large abnormal nuclei are rare
GAIN, OFFSET, NOISE = 0.3, 5.0, 2.0  # log of contrast, grey values, grey values


@dataclass(frozen=True)
class Prepared:
    """A field at the net's pixel size.

    `channel` is its absorbance, uint8 (H, W); `points` float64 (N, 2) of x, y in it; `weights` float64 (N,) say how
    often each nucleus is chosen, `sigmas` float64 (N,) how wide its bump is, in pixels; `unknown` uint8 (H, W) is 255
    where nothing is known of nuclei.
    """

    channel: np.ndarray
    points: np.ndarray
    weights: np.ndarray
    sigmas: np.ndarray
    unknown: np.ndarray


def prepare(field: Field, mpp: float, weights: np.ndarray, loose: bool = False) -> Prepared:
    """A field of `mpp` micrometres a pixel, ready to be cut; `loose` marks are tidied first."""
    image = field.image()
    points, unknown = tidy(image, mpp, field.points) if loose else (field.points, np.zeros(image.shape[:2], np.uint8))
    channel = rescale(absorbance(image), mpp, WORK_MPP)
    scale = np.array([channel.shape[1] / image.shape[1], channel.shape[0] / image.shape[0]])
    known = cv2.resize(unknown, channel.shape[::-1], interpolation=cv2.INTER_NEAREST)
    rim = round(RIM / WORK_MPP)
    hidden = np.full(known.shape, UNKNOWN, np.uint8)
    hidden[rim:-rim, rim:-rim] = known[rim:-rim, rim:-rim]
    sigmas = np.maximum(SIGMA, WIDE * radii(image, mpp, points)) / WORK_MPP
    return Prepared(channel, (points + 0.5) * scale - 0.5, np.asarray(weights, np.float64), sigmas, hidden)


def cut(fields: Sequence[Prepared], shares: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One crop, uint8 (128, 128), and its target, uint8 (64, 64); `shares` (F,) says how often each field is chosen."""
    field = fields[rng.choice(len(fields), p=shares)]
    matrix = _placement(field, rng)
    size = (CROP, CROP)
    image = cv2.warpAffine(field.channel, matrix, size, flags=cv2.INTER_CUBIC)  # bare glass outside the field
    hidden = cv2.warpAffine(field.unknown, matrix, size, flags=cv2.INTER_NEAREST, borderValue=UNKNOWN)
    points = field.points @ matrix[:, :2].T + matrix[:, 2]
    sigmas = field.sigmas * math.sqrt(abs(np.linalg.det(matrix[:, :2])))
    return _jitter(image, rng), target(points, sigmas, hidden[::STRIDE, ::STRIDE])


def _placement(field: Prepared, rng: np.random.Generator) -> np.ndarray:
    """The affine map from field to crop: a place, a turn, perhaps a mirror, a size; float64 (2, 3)."""
    height, width = field.channel.shape
    if len(field.points) and rng.random() < AT_NUCLEI:
        at = rng.choice(len(field.points), p=field.weights / field.weights.sum())
        centre = field.points[at] + rng.uniform(-NEAR, NEAR, 2) / WORK_MPP
    else:
        centre = rng.uniform((0, 0), (width, height))
    turn, scale = rng.uniform(0, 2 * math.pi), math.exp(rng.uniform(*SCALE))
    cos, sin = scale * math.cos(turn), scale * math.sin(turn)
    linear = np.array([[cos, -sin], [sin, cos]])
    if rng.random() < 0.5:
        linear[:, 0] *= -1
    return np.column_stack([linear, (CROP - 1) / 2 - linear @ centre])


def _jitter(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another stain, lamp and focus."""
    value = image.astype(np.float32) * math.exp(rng.uniform(-GAIN, GAIN)) + rng.uniform(-OFFSET, OFFSET)
    if rng.random() < 0.3:
        value = cv2.GaussianBlur(value, (0, 0), rng.uniform(0.4, 1.0))
    value += rng.uniform(0, NOISE) * rng.standard_normal(value.shape, np.float32)
    return np.clip(np.rint(value), 0, 255).astype(np.uint8)


def target(points: np.ndarray, sigmas: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """The map to learn, uint8 (h, w): a bump of 200 on every point, 255 where `hidden` is; in pixels of the crop."""
    height, width = hidden.shape
    u, v = (STRIDE * np.arange(n) + (STRIDE - 1) / 2 for n in (width, height))
    bumps = np.zeros((height, width))
    for (x, y), sigma in zip(points, sigmas, strict=True):
        if -4 * sigma < x < u[-1] + 4 * sigma and -4 * sigma < y < v[-1] + 4 * sigma:
            one = np.exp(-((v - y)[:, None] ** 2 + (u - x)[None] ** 2) / (2 * sigma**2))
            np.maximum(bumps, one, out=bumps)
    return np.where(hidden > 0, UNKNOWN, np.rint(PEAK * bumps)).astype(np.uint8)
