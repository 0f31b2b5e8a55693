"""A tile with its surroundings, resampled to the pixel size that a step needs."""

import math

import numpy as np

from data_prep.views import REACH
from deeppap.screening.lattice import Axis, Span, resample
from deeppap.screening.slides.slide import Box, Slide


class Look:
    """What of an image is needed to find and to score a tile's nuclei, read once.

    Parameters
    ----------
    mpp : float
        Micrometres a pixel of the image.
    training_mpp, detector_mpp : float
        Of the pixels that views are cut from, and of those the detector looks at.
    margin_um : float
        How far beyond the tile the detector must see.
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
        self.training = _Region(size, tile, training_mpp / mpp, REACH + 2)
        regions = [self.training]
        if detector_mpp is not None:
            self.detector = _Region(size, tile, detector_mpp / mpp, math.ceil(margin_um / detector_mpp) + 2)
            regions.append(self.detector)
        self.box = _hull([region.box for region in regions])
        self.pixels, self.damages = slide.read(self.box)

    def for_detector(self) -> np.ndarray:
        """The tile with the detector's margin, at the detector's pixel size."""
        return self.detector.cut(self.pixels, self.box)

    def from_detector(self, points: np.ndarray) -> np.ndarray:
        """Points (N, 2) of x, y in `for_detector`'s pixels, in pixels of the whole image."""
        rows, columns = self.detector.axes
        first = np.array([self.detector.spans[1].first, self.detector.spans[0].first])
        scale = np.array([columns.scale, rows.scale])
        return (np.asarray(points, np.float64).reshape(-1, 2) + first + 0.5) * scale - 0.5

    def for_views(self) -> "TrainingPixels":
        """The tile with what its cells' views reach, at the training set's pixel size."""
        return TrainingPixels(self.training, self.training.cut(self.pixels, self.box))

    def damaged_near(self, x: float, y: float) -> bool:
        """Whether any view of a cell at (x, y) would show what could not be read."""
        reach = math.ceil((REACH + 2) * self.training.axes[0].scale) + 2
        near = Box(math.floor(x) - reach, math.floor(y) - reach, 2 * reach + 2, 2 * reach + 2)
        return any(damage.box.meets(near) for damage in self.damages)


class _Region:
    """A tile with a margin on the lattice of one pixel size."""

    def __init__(self, size: tuple[int, int], tile: Box, scale: float, margin: int):
        if abs(scale - 1) < 1e-6:
            scale = 1.0  # the same pixel size, written a little otherwise
        width, height = size
        self.axes = Axis(height, scale), Axis(width, scale)
        far = margin * scale
        self.spans = (
            self.axes[0].cover(tile.y - far, tile.bottom + far),
            self.axes[1].cover(tile.x - far, tile.right + far),
        )
        rows, columns = (axis.source(span) for axis, span in zip(self.axes, self.spans, strict=True))
        self.box = Box(columns.first, rows.first, columns.count, rows.count)

    def cut(self, pixels: np.ndarray, box: Box) -> np.ndarray:
        return resample(pixels, self.axes, self.spans, (Span(box.y, box.height), Span(box.x, box.width)))


class TrainingPixels:
    """Pixels of the training set's size, from which a cell's neighbourhood is cut as from the whole image."""

    def __init__(self, region: _Region, pixels: np.ndarray):
        self.region, self.pixels = region, pixels

    def neighbourhood(self, x: float, y: float) -> tuple[np.ndarray, tuple[float, float]]:
        """All that a view of the cell at (x, y) of the image can show, and its centre in that, as
        `data_prep.views.neighbourhood` gives it for the whole resampled image: the same in every tile.
        """
        (rows, columns), (down, across) = self.region.axes, self.region.spans
        u, v = columns.to_lattice(x), rows.to_lattice(y)
        left, top = max(0, math.floor(u) - REACH), max(0, math.floor(v) - REACH)
        right, bottom = min(columns.count, math.floor(u) + REACH + 1), min(rows.count, math.floor(v) + REACH + 1)
        part = self.pixels[top - down.first : bottom - down.first, left - across.first : right - across.first]
        return np.ascontiguousarray(part), (u - left, v - top)


def _hull(boxes: list[Box]) -> Box:
    x, y = min(b.x for b in boxes), min(b.y for b in boxes)
    return Box(x, y, max(b.right for b in boxes) - x, max(b.bottom for b in boxes) - y)
