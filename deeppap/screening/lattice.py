"""Resampling to another pixel size on one lattice for the whole image, so that a pixel is the same in every tile."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

ALIGN = 72  # lattice pixels that a region's corner is a multiple of: strides and blocks of a detector fall alike


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
    def reach(self) -> float:
        """Image pixels on either side of its centre that a lattice pixel is made of."""
        return 1.0 if self.scale < 1 else self.scale / 2 + 0.5

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
        first = max(0, math.floor(self.to_image(span.first) - self.reach))
        last = min(self.size - 1, math.ceil(self.to_image(span.first + span.count - 1) + self.reach))
        return Span(first, last - first + 1)

    def weights(self, span: Span, source: Span) -> csr_matrix:
        """How much each image pixel of `source` counts in each lattice pixel of `span`, float32.

        A larger pixel is the mean of what it covers, a smaller one interpolated between two, as OpenCV's
        INTER_AREA and INTER_LINEAR do.
        """
        centres = (np.arange(span.first, span.first + span.count) + 0.5) * self.scale - 0.5
        width = 2 * math.ceil(self.reach) + 1
        pixels = np.floor(centres)[:, None].astype(np.int64) + np.arange(-(width // 2), width // 2 + 1)
        apart = np.abs(pixels - centres[:, None])
        weight = np.clip(1 - apart if self.scale < 1 else (self.scale + 1) / 2 - apart, 0, 1)
        weight[(pixels < 0) | (pixels >= self.size)] = 0
        weight /= weight.sum(axis=1, keepdims=True)
        rows, taps = np.nonzero(weight)
        columns = pixels[rows, taps] - source.first
        shape = (span.count, source.count)
        return csr_matrix((weight[rows, taps].astype(np.float32), (rows, columns)), shape)


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
