"""The screened cell, a row of every table, and the colours of scores, the same in every picture."""

import math
import uuid
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from data_prep.classes import NEITHER, THRESHOLD, known_class

ABNORMAL = THRESHOLD  # the paper's: from this score on a cell is called abnormal unless the user asks otherwise
# of the ids: the same cell has the same id in every call, so that a label finds its cell again
SPACE = uuid.UUID("5f5ee1c6-2a5d-5d0e-9d55-6f3f1b0f7a11")
# Okabe and Ito's blue, sky blue, yellow, orange and vermilion, RGB, for a fifth of the scores each: the colour-blind
# can tell them apart
COLOURS = ((0, 114, 178), (86, 180, 233), (240, 228, 66), (230, 159, 0), (213, 94, 0))
GREY = (119, 119, 119)


@dataclass(frozen=True)
class ScreenedCell:
    """One nucleus with its score."""

    image: str
    x: float  # of the nucleus' centre in pixels of the image as it came, 0-based, to 1/100
    y: float
    area_um2: float  # NaN if a person set the point, as is the confidence
    confidence: float
    score: float  # P(abnormal)
    spread: float  # its standard deviation over the views
    ood_score: float = math.nan  # distance from the training cells in units of the limit; NaN if not computed
    outline: np.ndarray | None = field(default=None, compare=False, repr=False)  # float32 (N, 2) of x, y
    label: str = ""  # of a net of several classes: "normal", "abnormal" or "neither"
    kind: str = ""  # the likeliest class of that label
    p_kind: float = 0.0  # its probability
    given: str = ""  # the class that a person gave the nucleus, as it is written
    threshold: float = ABNORMAL  # a score of this or more is called abnormal

    @cached_property
    def id(self) -> str:
        """The cell's UUID in every file: it follows from the image's name and the place, not from the net."""
        return self.id_as("detection")

    def id_as(self, kind: str) -> str:
        """Its UUID as an object of QuPath: an annotation must not share the id of the detection below it."""
        return str(uuid.uuid5(SPACE, f"{kind}\x1f{self.image}\x1f{self.x:.2f}\x1f{self.y:.2f}"))

    @property
    def out_of_distribution(self) -> bool | None:
        """Whether the cell lies beyond the limit, so that its score means little; None if it was not computed."""
        return None if math.isnan(self.ood_score) else self.ood_score > 1

    @property
    def abnormal(self) -> bool:
        """Whether the cell is called abnormal."""
        return self.score >= self.threshold

    @property
    def called(self) -> str:
        """What the cell is called: abnormal, normal, or by the class that is neither."""
        return self.kind if self.label == NEITHER else "abnormal" if self.abnormal else "normal"

    @property
    def agrees(self) -> bool | None:
        """Whether the net calls the cell what a person did; None if no one did, or a class that nobody knows."""
        known = known_class(self.given) if self.given else None
        return None if known is None else known.label == (self.label or self.called)

    @property
    def colour(self) -> tuple[int, int, int]:
        """The colour of its score, RGB; of a cell that is neither normal nor abnormal grey."""
        return GREY if self.label == NEITHER else colour_of(self.score)


def colour_of(score: float) -> tuple[int, int, int]:
    """A score's colour, RGB."""
    return COLOURS[min(len(COLOURS) - 1, max(0, int(score * len(COLOURS))))]


def hexadecimal(colour: tuple[int, int, int]) -> str:
    """A colour as web pages write it."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def legend() -> list[tuple[tuple[int, int, int], str]]:
    """Each colour with the range of scores that it stands for."""
    count = len(COLOURS)
    return [(colour, f"{k / count:.1f} to {(k + 1) / count:.1f}") for k, colour in enumerate(COLOURS)]
