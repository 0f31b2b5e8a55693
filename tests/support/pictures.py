"""Pictures without cells: all of one value but for a corner, as an image of one single value is refused."""

import numpy as np


def plain(shape: tuple[int, ...], value: int, dtype=np.uint8) -> np.ndarray:
    """Pixels of one value, and of the next in the first row's first one."""
    image = np.full(shape, value, dtype)
    image[0, 0] = value + 1 if value < 200 else value - 1
    return image
