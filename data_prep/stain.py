"""Stain jitter: views as if their cells had been stained otherwise (Tellez et al. 2019, "HED jitter").

Stains absorb light, and their optical densities add up (Beer-Lambert). So an image is taken apart into the densities of
haematoxylin, eosin and a third stain (Ruifrok and Johnston 2001). Each density d becomes (1 + a) d + b, and the image
is put together again. A net that sees many stainings learns less of the staining of one laboratory.
"""

from typing import NamedTuple

import cv2
import numpy as np

# optical density of each stain in red, green and blue: haematoxylin, eosin, and the third stain of both papers (DAB)
STAINS = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
TO_STAINS = np.linalg.inv(STAINS)
# minus the optical density of each 8-bit value; 0 has none, and takes that of 1
LOG = np.log(np.maximum(np.arange(256), 1) / 255).astype(np.float32)
BLACK = (0, 0, 0)


class Stain(NamedTuple):
    """By what each of the three densities is multiplied, and what is added to it."""

    factors: tuple[float, float, float]
    shifts: tuple[float, float, float]

    @classmethod
    def draw(cls, random: np.random.Generator, strength: float) -> "Stain":
        """Factors 1 + U(-strength, strength), and shifts U(-strength, strength) in units of natural optical density."""
        factors, shifts = random.uniform(-strength, strength, (2, 3)).tolist()
        return cls(tuple(1 + value for value in factors), tuple(shifts))


def restain(image: np.ndarray, stain: Stain) -> np.ndarray:
    """Change the stain of an image, uint8 (H, W, 3) BGR. Black pixels stay black: they are padding, not stain."""
    # all three steps are linear in the densities, so they are one 3 x 4 matrix; reversed for channels B, G, R
    linear = (TO_STAINS * stain.factors) @ STAINS
    matrix = np.column_stack([linear.T, -np.array(stain.shifts) @ STAINS])[::-1][:, [2, 1, 0, 3]]
    values = cv2.exp(cv2.transform(cv2.LUT(image, LOG), matrix))
    changed = cv2.convertScaleAbs(values, alpha=255)  # rounds, and clips at white
    changed[cv2.inRange(image, BLACK, BLACK) > 0] = 0
    return changed
