"""Cells that a net has no business scoring, made of those it can score: changed, empty, or noise."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from data_prep.cells import Cell
from data_prep.views import REACH, moved, resample
from deeppap.io.image_file import read_image
from deeppap.scoring.cell_views import CellViews, ViewChoice, of_pixels

Change = Callable[[np.ndarray], np.ndarray]


def grey(image: np.ndarray) -> np.ndarray:
    """Without colour, three channels all the same."""
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """Out of focus by a Gaussian of so many pixels."""
    return cv2.GaussianBlur(image, (0, 0), sigma)


CHANGES: dict[str, Change] = {
    "grey": grey,
    "blurred, sigma 2 pixels": lambda image: blurred(image, 2),
    "blurred, sigma 4 pixels": lambda image: blurred(image, 4),
    "inverted": lambda image: 255 - image,
}


def changed(
    cells: Sequence[Cell], choice: ViewChoice, factor: float = 1.0, change: Change = lambda image: image
) -> Iterator[CellViews]:
    """Cells of a data set, image after image, resampled by a factor and changed."""
    last, image, shape = None, None, None
    for cell in sorted(cells, key=lambda cell: (str(cell.image), cell.id)):
        if cell.image != last:
            whole = read_image(cell.image)
            last, image, shape = cell.image, change(resample(whole, factor)), whole.shape
        yield of_pixels(image, moved(cell.centre, shape, image.shape), choice, cell.image)


def empty_places(images: Sequence[Path], choice: ViewChoice, factor: float, each: int) -> Iterator[CellViews]:
    """The places of each field with the least contrast around them, none in another's neighbourhood."""
    for path in images:
        image = resample(read_image(path), factor)
        contrast = _contrast(image)
        for _ in range(each):
            y, x = np.unravel_index(contrast.argmin(), contrast.shape)
            if not np.isfinite(contrast[y, x]):
                break  # no room for another
            yield of_pixels(image, (float(x), float(y)), choice, path)
            contrast[max(0, y - REACH) : y + REACH, max(0, x - REACH) : x + REACH] = np.inf


def _contrast(image: np.ndarray) -> np.ndarray:
    """Standard deviation of grey about each pixel, as far as views reach, float32 (H, W); infinite at the border."""
    plain = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    size = (2 * REACH - 1, 2 * REACH - 1)
    found = np.sqrt(np.maximum(cv2.blur(plain * plain, size) - cv2.blur(plain, size) ** 2, 0))
    inner = np.full_like(found, np.inf)
    inside = (slice(REACH, -REACH), slice(REACH, -REACH))
    inner[inside] = found[inside]
    return inner


def noise(count: int, choice: ViewChoice, seed: int) -> Iterator[CellViews]:
    """Pixels of every value alike."""
    rng, side = np.random.default_rng(seed), 2 * REACH + 1
    for _ in range(count):
        yield of_pixels(rng.integers(0, 256, (side, side, 3), np.uint8), (REACH, REACH), choice, Path("<noise>"))
