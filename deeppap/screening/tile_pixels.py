"""A tile with its surroundings, resampled on one lattice for the whole image: a pixel is the same in every tile."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

from data_prep.views import REACH
from deeppap.screening.slides.slide import Box, Slide

# lattice pixels that a region's corner is a multiple of, so that a detector's strides and blocks start alike
ALIGN = 72
ROUND = 2  # pixels beyond the reach of a view, for rounding


class Span(NamedTuple):
    """A run of pixels along one axis."""

    first: int
    count: int


@dataclass(frozen=True)
class Axis:
    """One axis of a lattice: `size` pixels of the image, `scale` of them to a pixel of the lattice.

    The centre of lattice pixel u lies at (u + 0.5) * scale - 0.5 of the image, as everywhere 0-based pixel centres.
    """

    size: int
    scale: float

    @property
    def count(self) -> int:
        """Lattice pixels along the whole image."""
        return max(1, round(self.size / self.scale))

    @property
    def _reach(self) -> float:
        """Image pixels on either side of its centre that a lattice pixel is made of."""
        return 2.0 if self.scale < 1 else self.scale / 2 + 0.5

    def to_lattice(self, value: float) -> float:
        """A coordinate of the image on the lattice."""
        return (value + 0.5) / self.scale - 0.5

    def to_image(self, value: float) -> float:
        """A coordinate of the lattice on the image."""
        return (value + 0.5) * self.scale - 0.5

    def cover(self, low: float, high: float) -> Span:
        """Lattice pixels that cover the image from `low` to `high`: from a multiple of ALIGN to the next."""
        first = min(max(0, math.floor(self.to_lattice(low))), self.count - 1) // ALIGN * ALIGN
        last = math.ceil(self.to_lattice(high)) // ALIGN * ALIGN + ALIGN - 1
        return Span(first, max(1, min(last, self.count - 1) - first + 1))

    def source(self, span: Span) -> Span:
        """Image pixels that a span of the lattice is made of."""
        first = max(0, math.floor(self.to_image(span.first) - self._reach))
        last = min(self.size - 1, math.ceil(self.to_image(span.first + span.count - 1) + self._reach))
        return Span(first, last - first + 1)

    def weights(self, span: Span, source: Span) -> csr_matrix:
        """The weight of each image pixel of `source` in each lattice pixel of `span`, float32.

        A larger pixel is the mean of what it covers, a smaller one a cubic between four, as `data_prep.pixel_size`
        resamples what a net learns from (OpenCV's INTER_AREA and INTER_CUBIC).
        """
        centres = self.to_image(np.arange(span.first, span.first + span.count))
        reach = math.ceil(self._reach)
        pixels = np.floor(centres)[:, None].astype(np.int64) + np.arange(-reach, reach + 1)
        apart = np.abs(pixels - centres[:, None])
        if self.scale < 1:
            weight = _cubic(apart)
            # beyond the border lies its last pixel again
            pixels = np.clip(pixels, 0, self.size - 1)
        else:
            weight = np.clip((self.scale + 1) / 2 - apart, 0, 1)
            weight[(pixels < 0) | (pixels >= self.size)] = 0
            # at the image's border a pixel is made of fewer, which weigh more
            weight /= weight.sum(axis=1, keepdims=True)
        rows, taps = np.nonzero(weight)
        columns = pixels[rows, taps] - source.first
        shape = (span.count, source.count)
        return csr_matrix((weight[rows, taps].astype(np.float32), (rows, columns)), shape)


def _cubic(apart: np.ndarray) -> np.ndarray:
    """What a pixel weighs that lies so far from the place in question: Keys' cubic with OpenCV's a of -0.75."""
    a = -0.75
    near = (a + 2) * apart**3 - (a + 3) * apart**2 + 1
    far = a * (apart**3 - 5 * apart**2 + 8 * apart - 4)
    return np.where(apart <= 1, near, np.where(apart < 2, far, 0))


def resample(image: np.ndarray, axes: tuple[Axis, Axis], spans: tuple[Span, Span], sources: tuple[Span, Span]):
    """The lattice's pixels of two spans (rows, columns), uint8, from the image's pixels of `sources`.

    Every pixel is the same mean of the same image pixels, in the same order, whatever the spans: so tiles agree to
    the bit where they overlap. At scale 1 nothing changes.
    """
    if axes[0].scale == axes[1].scale == 1:
        (top, high), (left, wide) = [(s.first - o.first, s.count) for s, o in zip(spans, sources, strict=True)]
        return np.ascontiguousarray(image[top : top + high, left : left + wide])
    height, width = image.shape[:2]
    rest = image.shape[2:]
    down = axes[0].weights(spans[0], sources[0]) @ image.reshape(height, -1).astype(np.float32)
    across = down.reshape(spans[0].count, width, -1).transpose(1, 0, 2).reshape(width, -1)
    both = axes[1].weights(spans[1], sources[1]) @ np.ascontiguousarray(across)
    both = both.reshape(spans[1].count, spans[0].count, *rest).swapaxes(0, 1)
    return np.ascontiguousarray(np.clip(np.rint(both), 0, 255).astype(np.uint8))


class TilePixels:
    """The pixels of an image that are needed to find and to score a tile's nuclei, read once.

    `mpp` are micrometres a pixel of the image, `training_mpp` of the pixels that views are cut from, `detector_mpp` of
    those the detector works on; `margin_um` is how far beyond the tile the detector must see.
    """

    def __init__(
        self,
        slide: Slide,
        tile: Box,
        mpp: float,
        training_mpp: float,
        detector_mpp: float | None = None,
        margin_um: float = 0.0,
    ):
        size = slide.levels[0]
        self._training = _Region(size, tile, _whole(size, training_mpp / mpp), REACH + ROUND)
        box = self._training.box
        if detector_mpp is not None:
            margin = math.ceil(margin_um / detector_mpp) + ROUND
            self._detector = _Region(size, tile, (detector_mpp / mpp,) * 2, margin)
            box = _hull(box, self._detector.box)
        self._box = box
        # one read for the detector and the views: decoding takes longer than resampling
        self._pixels, self.damages = slide.read(box)

    def for_detector(self) -> np.ndarray:
        """The tile with the detector's margin, at the detector's pixel size."""
        return self._detector.cut(self._pixels, self._box)

    def from_detector(self, points: np.ndarray) -> np.ndarray:
        """Points (N, 2) of x, y in `for_detector`'s pixels, in pixels of the whole image."""
        (rows, columns), (down, across) = self._detector.axes, self._detector.spans
        x, y = np.asarray(points, np.float64).reshape(-1, 2).T
        return np.column_stack([columns.to_image(x + across.first), rows.to_image(y + down.first)])

    @cached_property
    def _for_views(self) -> np.ndarray:
        """The tile with what its cells' views reach, at the training set's pixel size."""
        return self._training.cut(self._pixels, self._box)

    def neighbourhood(self, x: float, y: float) -> tuple[np.ndarray, tuple[float, float]]:
        """Everything that a view of the cell at (x, y) of the image can show, and the cell's centre in it.

        Its pixels have the training set's size. They are the same as `data_prep.views.neighbourhood` cuts from the
        whole resampled image, in every tile.
        """
        (rows, columns), (down, across) = self._training.axes, self._training.spans
        u, v = columns.to_lattice(x), rows.to_lattice(y)
        left, top = max(0, math.floor(u) - REACH), max(0, math.floor(v) - REACH)
        right, bottom = min(columns.count, math.floor(u) + REACH + 1), min(rows.count, math.floor(v) + REACH + 1)
        part = self._for_views[top - down.first : bottom - down.first, left - across.first : right - across.first]
        return np.ascontiguousarray(part), (u - left, v - top)

    def damaged_near(self, x: float, y: float) -> bool:
        """Whether any view of a cell at (x, y) would show what could not be read."""
        reach = math.ceil((REACH + ROUND) * self._training.axes[0].scale) + ROUND
        near = Box(math.floor(x) - reach, math.floor(y) - reach, 2 * reach + 2, 2 * reach + 2)
        return any(damage.box.overlap(near) for damage in self.damages)


class _Region:
    """A tile with a margin on the lattice of one pixel size."""

    def __init__(self, size: tuple[int, int], tile: Box, scales: tuple[float, float], margin: int):
        # 1 where it is the same pixel size, rounded another way
        wide, high = (1.0 if abs(scale - 1) < 1e-6 else scale for scale in scales)
        rows, columns = self.axes = Axis(size[1], high), Axis(size[0], wide)
        far = margin * max(high, wide)
        self.spans = rows.cover(tile.y - far, tile.bottom + far), columns.cover(tile.x - far, tile.right + far)
        down, across = rows.source(self.spans[0]), columns.source(self.spans[1])
        self.box = Box(across.first, down.first, across.count, down.count)

    def cut(self, pixels: np.ndarray, box: Box) -> np.ndarray:
        """The region's pixels on the lattice, from the image's pixels of `box`."""
        return resample(pixels, self.axes, self.spans, (Span(box.y, box.height), Span(box.x, box.width)))


def _whole(size: tuple[int, int], scale: float) -> tuple[float, float]:
    """The scales of x and y that make a whole number of pixels of an image, as `data_prep.pixel_size` does."""
    return tuple(side / Axis(side, scale).count for side in size)


def _hull(one: Box, other: Box) -> Box:
    x, y = min(one.x, other.x), min(one.y, other.y)
    return Box(x, y, max(one.right, other.right) - x, max(one.bottom, other.bottom) - y)
