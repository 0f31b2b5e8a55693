"""How bright bare glass is: what a part that no scanner looked at is shown as."""

import numpy as np

from deeppap.screening.slides.slide import MISSING

PERCENTILE = 95  # of what was scanned, of each channel
READ = 16_000_000  # pixels: what is read at once to know that


def bare_glass(pixels: np.ndarray) -> np.ndarray:
    """The colour of bare glass among scanned pixels, uint8 (N, 3) or (N,); white, which would be brighter than it, only
    where there are none: all nuclei are judged by that.
    """
    if not len(pixels):
        return np.full(pixels.shape[1:], MISSING, np.uint8)
    return np.percentile(pixels, PERCENTILE, axis=0).astype(np.uint8)
