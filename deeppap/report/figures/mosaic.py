"""Laying pictures out: a grid of equal tiles, and a flow of pictures that keep their own scale."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from deeppap.report.figures.style import clean, new_figure

TEXT_LINE, SPACE = 0.15, 0.08  # inches: a line of text, and between two pictures


def grid(tiles: np.ndarray, columns: int, gap: int = 1, fill: float = 1) -> np.ndarray:
    """Tile (N, H, W) or (N, H, W, 3) into one picture, row by row, with `gap` pixels of `fill` between."""
    count, height, width = tiles.shape[:3]
    rows = -(-count // columns)
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, *tiles.shape[3:])
    picture = np.full(shape, fill, tiles.dtype)
    for index, tile in enumerate(tiles):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        picture[top : top + height, left : left + width] = tile
    return picture


class Picture(NamedTuple):
    """A picture with the lines of text under it; `image` is uint8 (H, W, 3) RGB."""

    image: np.ndarray
    text: str = ""


class Row(NamedTuple):
    """A heading with the pictures under it; the row wraps where the page ends."""

    heading: str
    pictures: Sequence[Picture]
    colour: str = "black"


def flow(rows: Sequence[Row], width: float, inches_per_pixel: float, bar: float | None = None) -> Figure:
    """Draw rows of pictures, every one at the same scale.

    `bar` is the micrometres of one pixel, for a scale bar of 20 micrometres; None if unknown.
    """
    # a narrow picture still needs room for the text under it
    narrowest = max((_text_width(picture.text) for row in rows for picture in row.pictures), default=0)
    placed, headings, top = [], [], 0.05
    for row in rows:
        headings.append((row, top))
        more, top = _place_row(row, top + 0.22, width, inches_per_pixel, narrowest)
        placed += more
    # matplotlib counts from the bottom: the height must be known before anything is drawn
    height = top + (0.3 if bar else 0)
    figure = new_figure(width, height)
    for row, y in headings:
        text = {"color": row.colour, "weight": "bold", "va": "baseline"}
        figure.text(0, 1 - (y + 0.15) / height, clean(row.heading, 120), **text)
    for picture, left, y in placed:
        high, wide = (side * inches_per_pixel for side in picture.image.shape[:2])
        axes = figure.add_axes((left / width, 1 - (y + high) / height, wide / width, high / height))
        axes.imshow(picture.image, aspect="auto")
        axes.axis("off")
        for number, line in enumerate(picture.text.split("\n")):
            at = 1 - (y + high + 0.13 + number * TEXT_LINE) / height
            figure.text(left / width, at, clean(line), fontsize=7, va="baseline")
    if bar:
        _scale_bar(figure, 20 / bar * inches_per_pixel, width, height)
    return figure


def _place_row(
    row: Row, top: float, width: float, inches: float, narrowest: float
) -> tuple[list[tuple[Picture, float, float]], float]:
    """Where one row's pictures stand below `top`, in inches from the page's top left, and the bottom of the row."""
    lines = max((picture.text.count("\n") + 1 if picture.text else 0 for picture in row.pictures), default=0)
    placed, left, tallest = [], 0.0, 0.0
    for picture in row.pictures:
        high, wide = (side * inches for side in picture.image.shape[:2])
        # columns line up if every picture with text takes as much room as the widest text
        room = max(wide, narrowest if picture.text else 0)
        if left and left + room > width:  # the row wraps
            left, top, tallest = 0.0, top + tallest + lines * TEXT_LINE + 0.12, 0.0
        placed.append((picture, left, top))
        left, tallest = left + room + SPACE, max(tallest, high)
    return placed, top + tallest + lines * TEXT_LINE + 0.15


def _text_width(text: str) -> float:
    return max((len(line) for line in text.split("\n")), default=0) * 0.068  # inches a letter at 7 points


def _scale_bar(figure: Figure, length: float, width: float, height: float) -> None:
    axes = figure.add_axes((0, 0, 1, 0.3 / height))
    axes.set(xlim=(0, width), ylim=(0, 0.3))
    axes.axis("off")
    axes.plot([0, length], [0.08, 0.08], color="black", linewidth=2, solid_capstyle="butt")
    axes.text(length + 0.06, 0.08, "20 µm", fontsize=7, va="center")
