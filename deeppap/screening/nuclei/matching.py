"""Which detected nuclei are hits: the protocol of Cervix93 for points, and its like for masks; one to one."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from deeppap.screening.nuclei.fields import Field
from deeppap.screening.nuclei.nucleus import Nucleus

RADIUS = 10.0  # pixels: a detected point counts as a disc of this radius, in which a mark is a hit


@dataclass(frozen=True)
class Matched:
    """What a detector found in one field, beside what is there.

    `found` float64 (N, 2) is x, y of the `nuclei`, `points` float64 (M, 2) of the field's marks, in pixels; `pairs`
    int (K, 2) are the hits, a row a pair (detected, marked); the rest of `found` is false, of `points` missed.
    `radius` is how far off a hit may be, in pixels.
    """

    field: Field
    nuclei: list[Nucleus]
    pairs: np.ndarray
    radius: float = RADIUS

    @cached_property
    def found(self) -> np.ndarray:
        """Centres of the nuclei."""
        return centres(self.nuclei)

    @property
    def points(self) -> np.ndarray:
        """Centres of the marks."""
        return self.field.points

    @property
    def errors(self) -> np.ndarray:
        """Distance of every hit from its mark, pixels, float64 (K,)."""
        return np.linalg.norm(self.found[self.pairs[:, 0]] - self.points[self.pairs[:, 1]], axis=1)

    @property
    def false(self) -> np.ndarray:
        """Rows of `found` that hit nothing."""
        return np.setdiff1d(np.arange(len(self.found)), self.pairs[:, 0])

    @property
    def missed(self) -> np.ndarray:
        """Rows of `points` that nothing hit."""
        return np.setdiff1d(np.arange(len(self.points)), self.pairs[:, 1])


def centres(nuclei: list[Nucleus]) -> np.ndarray:
    """X and y of nuclei, float64 (N, 2)."""
    return np.array([(n.x, n.y) for n in nuclei], np.float64).reshape(-1, 2)


def match(field: Field, nuclei: list[Nucleus], radius: float = RADIUS, regions: bool = False) -> Matched:
    """Pair detected with marked nuclei: by the mask where the field has one, else a mark in the disc is a hit.

    With `regions`, a mark inside a nucleus's outline is a hit as well: the disc stands for detectors that give points.
    """
    found, mask = centres(nuclei), field.mask()
    distance = np.linalg.norm(found[:, None] - field.points[None], axis=2)
    allowed = distance <= radius if mask is None else _inside(found, mask, len(field.points))
    if regions and mask is None:
        for row, nucleus in enumerate(nuclei):
            if nucleus.outline is not None:
                allowed[row] |= [cv2.pointPolygonTest(nucleus.outline, (x, y), False) >= 0 for x, y in field.points]
    return Matched(field, nuclei, assign(distance, allowed), radius)


def _inside(found: np.ndarray, mask: np.ndarray, count: int) -> np.ndarray:
    """Whether each point lies in each nucleus of a mask, bool (N, M)."""
    height, width = mask.shape
    column = np.clip(np.rint(found[:, 0]).astype(int), 0, width - 1)
    row = np.clip(np.rint(found[:, 1]).astype(int), 0, height - 1)
    return mask[row, column][:, None] == np.arange(1, count + 1)[None]


def assign(distance: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Pairs (row, column), int (K, 2): as many as are allowed, and among those the nearest, each used once."""
    if not distance.size:
        return np.empty((0, 2), int)
    forbidden = 1 + distance.max() * (1 + min(distance.shape))  # dearer than any number of allowed pairs
    rows, columns = linear_sum_assignment(np.where(allowed, distance, forbidden))
    keep = allowed[rows, columns]
    return np.column_stack([rows[keep], columns[keep]])
