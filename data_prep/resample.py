"""Images brought to another pixel size: a net tells cells by their size too."""

import cv2
import numpy as np


def resample(image: np.ndarray, factor: float) -> np.ndarray:
    """An image, uint8 (H, W, 3), made `factor` times as large; areas are averaged where it shrinks."""
    if factor == 1:
        return image
    height, width = (max(1, round(side * factor)) for side in image.shape[:2])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)


def moved(centre: tuple[float, float], before: tuple[int, ...], after: tuple[int, ...]) -> tuple[float, float]:
    """A centre (x, y), 0-based pixels, of an image of shape `before` in its resampling of shape `after`."""
    (height, width), (new_height, new_width) = before[:2], after[:2]
    return (centre[0] + 0.5) * new_width / width - 0.5, (centre[1] + 0.5) * new_height / height - 0.5


def same_pixel(size: float, other: float) -> bool:
    """Whether a pixel is as large as another one, but for what a file's rounding makes of it."""
    return abs(size - other) <= 0.02 * other
