"""What every reader of labels yields, and what it is handed to work with.

All coordinates here are those of a manifest: pixels, x the column, (0, 0) the centre of the first pixel. Most programs
count from that pixel's corner instead, so their readers subtract half a pixel (`HALF`).
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.classes import CellClass
from data_prep.importers.image_index import ImageIndex
from deeppap.io.errors import Mistakes, UserError

HALF = 0.5
LARGEST_UM2 = 1000.0  # area of a nucleus; what is larger is a whole cell or a region
ROUNDED = 0.02  # of a rectangle's diagonal, by which rounding may move a corner


class Box(NamedTuple):
    """A rectangle, its sides in the coordinates of pixel centres."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def middle(self) -> tuple[float, float]:
        """Its centre (x, y)."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    @property
    def shorter(self) -> float:
        """The length of its shorter side."""
        return min(self.right - self.left, self.bottom - self.top)

    @classmethod
    def of_corners(cls, left: float, top: float, right: float, bottom: float) -> "Box":
        """From sides counted from the corner of the first pixel."""
        return cls(left - HALF, top - HALF, right - HALF, bottom - HALF)


@dataclass
class Labelled:
    """One labelled object of an image."""

    where: str  # the file, with line or object, for messages
    image: Path
    kind: str  # the class as the source names it; empty where it names none
    centre: tuple[float, float] | None  # of the nucleus, (x, y); None where only a box is known
    box: Box | None = None  # without a centre what the nucleus lies in; else for the checks alone
    area: float | None = None  # of the nucleus in pixels, where its outline or mask is known
    group: str | None = None
    id: str | None = None
    pixel_um: float | None = None  # side of a pixel in micrometres, where the source states it
    centre_from: str = "point"  # or "outline", "mask", and of a box "middle" or "detector"
    whole_cell: bool = False  # the box is that of a cell, not of a nucleus: its middle is no nucleus centre
    label: str = ""  # normal, abnormal or neither, where the source says so beside the class
    by: str = ""  # who labelled it, and when (ISO 8601, UTC), where the source says so
    at: str = ""
    round: int = 0  # place of the source among all sources
    slide_sha256: str = ""  # of the slide that the image was cut out of
    corner: tuple[int, int] = (0, 0)  # where on that slide the image's first pixel (x, y) lies
    known: CellClass | None = None  # what `kind` means; set once the reader has ended

    @property
    def picture(self) -> Path | str:
        """What was labelled: the image, or the slide that it was cut out of, by its checksum."""
        return self.slide_sha256 or self.image

    @property
    def place(self) -> tuple[float, float]:
        """Where the nucleus centre (x, y) lies in that picture."""
        return self.centre[0] + self.corner[0], self.centre[1] + self.corner[1]


def shifted(one: Labelled, x: float, y: float) -> Labelled:
    """An object whose places lie further to the right and down by so many pixels."""
    centre = one.centre and (one.centre[0] + x, one.centre[1] + y)
    box = one.box and Box(one.box.left + x, one.box.top + y, one.box.right + x, one.box.bottom + y)
    return replace(one, centre=centre, box=box)


@dataclass
class Source:
    """What a reader works with: the images, what the user said, and where to note what it meets."""

    path: Path
    images: ImageIndex
    mpp: float | None = None
    xy_is_centre: bool = False
    reviewed: bool = False  # a person has looked at every object, so that a net's class that stands is a label too
    mistakes: Mistakes = field(default_factory=Mistakes)
    left_out: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # where, by the reason
    warnings: list[str] = field(default_factory=list)
    format: str = ""  # set by the reader
    corner_boxes: bool = False  # set by the reader: that x and y are a box's corner is a guess

    def from_qupath(self, one: Labelled) -> Labelled:
        """An object whose places QuPath has counted: of some slides it shows the scanned part alone."""
        slide = self.images.slide(one.image)
        return shifted(one, *slide.origin) if slide else one

    def require_size(self, where: str, image: Path, width: int | None, height: int | None) -> None:
        """Refuse labels of a larger or smaller copy of the image; 0 and None tell nothing."""
        have = self.images.size(image)[::-1]
        if width and height and (width, height) != have:
            do = "Give the images that were labelled: all places shift in a scaled copy."
            raise UserError(where, f"{image.name} of {width} x {height} pixels", f"{have[0]} x {have[1]}", do)

    @contextmanager
    def reading(self, where: str, what: str) -> Iterator[None]:
        """Note what is wrong with one object and go on; `what` names the object that was expected."""
        try:
            yield
        except UserError as error:
            self.mistakes.add(error)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            # JSON and XML may hold anything in any place; a value of another type shows itself where it is used
            self.mistakes.add(UserError(where, what, in_words(error), "Correct it, or remove it."))

    def warn(self, line: str) -> None:
        """Note a line for the user to read, once."""
        if line not in self.warnings:
            self.warnings.append(line)


def in_words(error: Exception) -> str:
    """What is wrong with a value of a file, without the words of Python, which mean nothing to who labelled cells."""
    if isinstance(error, KeyError):
        return f"no {error.args[0]}"[:60]
    if isinstance(error, json.JSONDecodeError):
        return f"no JSON at line {error.lineno}, column {error.colno}"
    return "objects nested too deep" if isinstance(error, RecursionError) else "a value of another kind"


def numbers(where: str, values: Sequence, count: int, what: str) -> list[float]:
    """`count` finite numbers, from text or JSON.

    Raises UserError naming what was expected; true, infinity and text that is no number are none.
    """
    try:
        found = [float(value) for value in values if not isinstance(value, bool)]
    except (TypeError, ValueError, OverflowError):  # of a whole number with hundreds of digits
        found = []
    if len(found) != count or not all(abs(value) < 1e9 for value in found):
        shown = ", ".join(map(str, values))[:60] if isinstance(values, list | tuple) else str(values)[:60]
        raise UserError(where, what, shown or "nothing", "Correct it, or remove it.")
    return found


def ring_points(where: str, ring: object) -> np.ndarray:
    """The corners of an outline or the points of a list, float64 (N, 2); a third coordinate is dropped."""
    pairs = ring if isinstance(ring, list) and ring else [None]
    firsts = [pair[:2] if isinstance(pair, list) else [] for pair in pairs]
    return np.array([numbers(where, pair, 2, "points of two numbers, x and y") for pair in firsts])


def outlined(where: str, rings: Sequence[np.ndarray]) -> dict:
    """What outlines tell, as arguments of `Labelled`; holes count as filled, several outlines as one object.

    A rectangle, upright or turned, is a box: what its tool draws says where a cell is, not where its nucleus.
    `rings` are corners in pixel-centre coordinates, each float64 (N, 2).
    """
    area, centre = measured(where, rings)
    every = np.concatenate(rings)
    box = Box(*every.min(axis=0).tolist(), *every.max(axis=0).tolist())
    if len(rings) == 1 and _is_rectangle(rings[0]):
        return {"centre": None, "box": box}
    return {"centre": centre, "box": box, "area": area, "centre_from": "outline"}


def measured(where: str, rings: Sequence[np.ndarray]) -> tuple[float, tuple[float, float]]:
    """Area and centroid of an object that outlines, each float64 (N, 2), make up; UserError if it has none."""
    every = np.concatenate(rings)
    areas, centroids = zip(*map(area_and_centroid, rings), strict=True)
    area = sum(areas)
    if not area > 0:
        raise UserError(where, "an outline with an area", f"{len(every)} points without one", "Draw it again.")
    centre = centroids[0] if len(rings) == 1 else np.average(centroids, axis=0, weights=areas)
    if (centre < every.min(axis=0)).any() or (centre > every.max(axis=0)).any():
        # the parts of an outline that crosses itself count against each other
        found = "a centroid at {:g}, {:g} outside it".format(*centre)
        raise UserError(where, "an outline that does not cross itself", found, "Draw it again.")
    return float(area), tuple(centre.tolist())


def _is_rectangle(ring: np.ndarray) -> bool:
    """Whether a ring, float64 (N, 2), has four corners whose diagonals halve each other and are as long."""
    corners = ring[(ring != np.roll(ring, 1, axis=0)).any(axis=1)]  # without the first one's repeat at the end
    if len(corners) != 4:
        return False
    first, second = corners[2] - corners[0], corners[3] - corners[1]
    length = np.linalg.norm(first)
    between = (corners[0] + corners[2] - corners[1] - corners[3]) / 2
    return max(np.linalg.norm(between), abs(length - np.linalg.norm(second))) <= ROUNDED * length


def area_and_centroid(ring: np.ndarray) -> tuple[float, np.ndarray]:
    """Of one ring, float64 (N, 2); the area is 0 of one that has none.

    Counted from its first corner, so that far from the origin no digits are lost.
    """
    if len(ring) < 3:
        return 0.0, ring[0]
    here = ring - ring[0]
    after = np.concatenate([here[1:], here[:1]])
    cross = here[:, 0] * after[:, 1] - after[:, 0] * here[:, 1]
    area = cross.sum() / 2
    if area == 0:
        return 0.0, ring[0]
    return abs(area), ring[0] + ((here + after) * cross[:, None]).sum(axis=0) / (6 * area)


def masked(where: str, mask: np.ndarray, left: int = 0, top: int = 0) -> dict:
    """What a mask, bool (H, W), whose first pixel is (left, top), tells, as arguments of `Labelled`."""
    rows, columns = np.nonzero(mask)
    if not rows.size:
        raise UserError(where, "a mask with pixels", "none", "Draw it again, or remove it.")
    rows, columns = rows + top, columns + left
    sides = (columns.min() - HALF, rows.min() - HALF, columns.max() + HALF, rows.max() + HALF)
    centre = (float(columns.mean()), float(rows.mean()))
    return {"centre": centre, "box": Box(*map(float, sides)), "area": float(rows.size), "centre_from": "mask"}
