"""The screened cell, as a row of a table: what every output is written from."""

import math
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class ScreenedCell:
    """One nucleus with its score.

    `x`, `y` are the nucleus' centre in pixels of the image as it came, 0-based, to 1/100; `area_um2` and `confidence`
    are the detector's (NaN where a person set the point); `score` is P(abnormal), `spread` its standard deviation
    over the views; `unlike` is the distance from the net's training cells in parts of the limit, NaN where it is not
    told; `outline` is float32 (N, 2) of x, y in the same pixels, or None.
    """

    image: str
    x: float
    y: float
    area_um2: float
    confidence: float
    score: float
    spread: float
    unlike: float = math.nan
    outline: np.ndarray | None = field(default=None, compare=False, repr=False)

    @property
    def unlike_training(self) -> bool | None:
        """Whether it lies beyond the limit, so that its score means little; None where it is not told."""
        return None if math.isnan(self.unlike) else self.unlike > 1


ABNORMAL = 0.5  # the paper's threshold: scores from here on are called abnormal
