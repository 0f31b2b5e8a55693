"""One phantom cell: an image and its mask."""

import math
from typing import NamedTuple

import cv2
import numpy as np

from data_prep.herlev_classes import BACKGROUND, CYTOPLASM, NUCLEUS, SPECK, UNLABELLED
from deeppap.phantom.paint import Colour, inside, lay, outline, shift_colour, texture
from deeppap.phantom.styles import Style

FRAGMENTS = 0.04  # share of masks whose nucleus has a second, tiny component


class Layout(NamedTuple):
    """Where a cell's parts lie; `nucleus` and `cell` are outline fields, radii in pixels."""

    size: tuple[int, int]
    nucleus: np.ndarray
    nucleus_radius: float
    cell: np.ndarray
    cell_radius: float


def draw_cell(
    style: Style, rng: np.random.Generator, background: Colour, tint: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one cell of a class.

    Parameters
    ----------
    style : Style
        The class.
    rng : numpy.random.Generator
        Everything random about the cell comes from here.
    background : (float, float, float)
        The empty slide's colour, RGB.
    tint : (3,) float array
        The field's stain and light: a factor for each channel.

    Returns
    -------
    image, mask : (H, W, 3) uint8, RGB
        The mask holds herlev_classes' five colours and no other.
    """
    layout, specks, mask = draw_mask(style, rng)
    canvas = _slide(style, rng, layout, background)
    cytoplasm = _cytoplasm(style, rng, layout, canvas)
    _nucleus(style, rng, layout, canvas, cytoplasm)
    lay(canvas, 0.8 * cv2.GaussianBlur(specks.astype(np.float32), (0, 0), 0.8)[:, :, None], (70, 62, 72))
    return _camera(rng, canvas, tint), mask


def draw_mask(style: Style, rng: np.random.Generator) -> tuple[Layout, np.ndarray, np.ndarray]:
    """The first part of `draw_cell`: layout, specks (H, W) bool and mask (H, W, 3) uint8, RGB."""
    layout = place(style, rng)
    specks = _specks(rng, layout)
    return layout, specks, _mask(style, rng, layout, specks)


def place(style: Style, rng: np.random.Generator) -> Layout:
    """Choose the image's size and lay nucleus and cell out in it."""
    common = rng.normal(0, 0.11)
    height, width = (
        max(40, round(median * math.exp(common + rng.normal(0, 0.10)))) for median in (style.height, style.width)
    )
    fraction = min(style.nucleus * math.exp(rng.normal(0, style.spread)), 0.60)
    # a nucleus that fills the image has the image's shape
    ratio = (width / height) ** min(1, 2.5 * fraction) * math.exp(rng.normal(0, style.stretch) * (1 - fraction))
    radius = math.sqrt(fraction * height * width / math.pi)
    axes = (radius * math.sqrt(ratio), radius / math.sqrt(ratio))
    angle = rng.uniform(0, math.pi) if fraction < 0.1 else rng.normal(0, 0.2)

    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    slack = np.maximum(middle - np.array(axes) * (1.06 + style.rough), 0)
    centre = middle + slack * rng.uniform(-0.6, 0.6, 2)
    if rng.random() < style.border:
        side = rng.integers(2)
        far = middle[side] - axes[side] + rng.uniform(1, 4)
        centre[side] = middle[side] + rng.choice((-1, 1)) * far
    nucleus = outline(rng, (height, width), tuple(centre), axes, angle, style.rough * (1 - fraction))

    scale = math.sqrt(style.cell / (math.pi / 4)) * math.exp(rng.normal(0, 0.05))
    cell_axes = (width / 2 * scale, height / 2 * scale)
    drift = (centre - middle) * rng.uniform(0, 0.3)
    cell = outline(rng, (height, width), tuple(middle + drift), cell_axes, rng.normal(0, 0.25), 0.08)
    cell = np.minimum(cell, nucleus / 1.15)  # the nucleus always lies within its cell
    return Layout((height, width), nucleus, radius, cell, math.sqrt(cell_axes[0] * cell_axes[1]))


def _specks(rng: np.random.Generator, layout: Layout) -> np.ndarray:
    """Debris on the slide beside the cell, (H, W) bool; most images have none."""
    height, width = layout.size
    specks = np.zeros(layout.size, np.uint8)
    if rng.random() < 0.3:
        for _ in range(rng.integers(1, 4)):
            at = (int(rng.integers(width)), int(rng.integers(height)))
            axes = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
            cv2.ellipse(specks, at, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    return (specks > 0) & (layout.cell > 1.15)


def _mask(style: Style, rng: np.random.Generator, layout: Layout, specks: np.ndarray) -> np.ndarray:
    """Herlev's mask of a layout; the rim is patchy, as there."""
    mask = np.empty((*layout.size, 3), np.uint8)
    mask[:] = BACKGROUND
    patchy = texture(rng, layout.size, max(5.0, layout.cell_radius / 5)) > -0.2
    mask[(layout.cell < 1 + style.rim) & patchy] = UNLABELLED
    mask[layout.cell < 1] = CYTOPLASM
    mask[specks] = SPECK
    nucleus = layout.nucleus < 1
    if rng.random() < FRAGMENTS:
        nucleus = nucleus | _fragment(rng, nucleus, layout)
    mask[nucleus] = NUCLEUS
    return mask


def _fragment(rng: np.random.Generator, nucleus: np.ndarray, layout: Layout) -> np.ndarray:
    """A few pixels of nucleus apart from the rest, as a hand that slipped leaves them."""
    near = cv2.dilate(nucleus.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    places = np.argwhere(~near & (layout.nucleus < 1.6))
    fragment = np.zeros(layout.size, np.uint8)
    if len(places):
        y, x = places[rng.integers(len(places))]
        cv2.circle(fragment, (int(x), int(y)), int(rng.integers(0, 2)), 1, -1)
    return fragment > 0


def _slide(style: Style, rng: np.random.Generator, layout: Layout, background: Colour) -> np.ndarray:
    """The slide behind the cell, with a neighbour that reaches in from outside at times; float32."""
    height, width = layout.size
    canvas = np.empty((height, width, 3), np.float32)
    canvas[:] = shift_colour(rng, background, 7)
    canvas += 4 * texture(rng, layout.size, 14.0)[:, :, None] + 2 * texture(rng, layout.size, 2.0)[:, :, None]
    for _ in range(rng.integers(0, 3)):
        turn, away = rng.uniform(0, 2 * math.pi), rng.uniform(0.55, 0.8)
        centre = (width * (0.5 + away * math.cos(turn)), height * (0.5 + away * math.sin(turn)))
        axes = (width * rng.uniform(0.25, 0.5), height * rng.uniform(0.25, 0.5))
        field = outline(rng, layout.size, centre, axes, rng.uniform(0, math.pi), 0.12)
        colour = shift_colour(rng, _stain(style, rng), 10)
        lay(
            canvas,
            rng.uniform(0.3, 0.7) * inside(field, axes[0], 4),
            colour,
            5 * texture(rng, layout.size, 4.0),
        )
    return canvas


def _stain(style: Style, rng: np.random.Generator) -> Colour:
    weights = np.array([weight for _, weight in style.stains])
    return style.stains[rng.choice(len(weights), p=weights / weights.sum())][0]


def _cytoplasm(style: Style, rng: np.random.Generator, layout: Layout, canvas: np.ndarray) -> Colour:
    """Paint the cytoplasm and hand back its colour; flat cells are creased, the others thin out outwards."""
    colour = shift_colour(rng, _stain(style, rng), 10)
    relief = 6 * texture(rng, layout.size, layout.cell_radius / 4) + 4 * texture(rng, layout.size, 2.0)
    edge = (1 - layout.cell) * layout.cell_radius
    relief = relief - rng.uniform(4, 14) * np.exp(-((edge - 1.5) ** 2) / 4)
    opacity = inside(layout.cell, layout.cell_radius, 3) * rng.uniform(0.65, 0.9)
    if style.folded:
        creases = texture(rng, layout.size, layout.cell_radius / 3)
        relief = relief - rng.uniform(4, 16) * np.exp(-((creases / 0.06) ** 2))
        relief = relief - 18 * (texture(rng, layout.size, 1.5) > 3.1)
    else:
        opacity = opacity * np.clip(1.25 - 0.5 * layout.cell, 0, 1)[:, :, None]
    lay(canvas, opacity, colour, relief)
    return colour


def _nucleus(style: Style, rng: np.random.Generator, layout: Layout, canvas: np.ndarray, cytoplasm: Colour) -> None:
    """Paint the nucleus, clumped chromatin in a darker membrane; it is always darker than the cytoplasm."""
    colour = np.array(shift_colour(rng, style.colour, 13))
    colour = colour - max(0.0, float(colour.mean() - np.mean(cytoplasm)) + 30)
    grain = style.grain * math.exp(rng.normal(0, 0.15))
    contrast = style.contrast * math.exp(rng.normal(0, 0.2))
    relief = contrast * (texture(rng, layout.size, grain) + 0.6 * texture(rng, layout.size, 3 * grain))
    edge = (1 - layout.nucleus) * layout.nucleus_radius
    relief = relief - rng.uniform(0, 14) * np.exp(-((edge - 1.5) ** 2) / 3)
    opacity = inside(layout.nucleus, layout.nucleus_radius, rng.uniform(1.5, 3.5))
    lay(canvas, opacity * rng.uniform(0.82, 0.97), colour, relief)


def _camera(rng: np.random.Generator, canvas: np.ndarray, tint: np.ndarray) -> np.ndarray:
    """Light, focus and sensor: (H, W, 3) uint8."""
    height, width = canvas.shape[:2]
    slope = rng.normal(0, 0.04, 2)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = rng.normal(1, 0.06) * (1 + slope[0] * x + slope[1] * y)
    canvas = canvas * (light[:, :, None] * tint).astype(np.float32)
    canvas = cv2.GaussianBlur(canvas, (0, 0), rng.uniform(0.5, 1.1))
    canvas += rng.normal(0, rng.uniform(1.2, 2.2), canvas.shape)
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8)
