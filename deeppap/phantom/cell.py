"""One drawn cell: how each class looks, and an image and a mask of it."""

import math
from typing import NamedTuple

import cv2
import numpy as np

from data_prep.herlev_classes import BACKGROUND, CYTOPLASM, NUCLEUS, SPECK, UNLABELLED

Colour = tuple[float, float, float]

# colours of the cytoplasm, RGB: the Papanicolaou stain (eosin, light green and mixtures), then haematoxylin and eosin
PINK, CYAN, VIOLET, GREEN = (178, 112, 132), (112, 130, 154), (146, 134, 158), (132, 146, 142)
ROSE, LILAC = (202, 158, 178), (184, 160, 192)


class Style(NamedTuple):
    """How one class is drawn. Lengths are in pixels, areas are fractions of the image's area."""

    height: int  # median of the image's, as is the width
    width: int
    nucleus: float  # median area of the nucleus
    spread: float  # the standard deviation of its logarithm
    cell: float  # area of nucleus and cytoplasm together
    rough: float  # irregularity of the nucleus' outline
    stretch: float  # standard deviation of the logarithm of its axes' ratio
    colour: tuple[int, int, int]  # the nucleus' mean, RGB
    grain: float  # size of the chromatin texture
    contrast: float  # of that texture, in grey levels
    stains: tuple[tuple[tuple[int, int, int], float], ...]  # the cytoplasm's colours and how often each occurs
    rim: float  # width of the unlabelled rim, relative to the cell
    border: float  # share of nuclei that touch the image's border
    folded: bool  # whether the cytoplasm is flat and creased, as in superficial cells


_SUPERFICIAL = ((PINK, 0.75), (GREEN, 0.25))
_INTERMEDIATE = ((CYAN, 0.8), (VIOLET, 0.2))
_MIXED = ((VIOLET, 0.4), (CYAN, 0.3), (GREEN, 0.2), (PINK, 0.1))

# Papanicolaou stain, in the order of herlev_classes.CLASSES; sizes and colours were measured on Herlev
PAP = (
    Style(310, 322, 0.0060, 0.25, 0.62, 0.05, 0.10, (80, 56, 90), 1.2, 7, _SUPERFICIAL, 0.14, 0, True),
    Style(264, 292, 0.0170, 0.25, 0.60, 0.05, 0.12, (66, 63, 102), 1.2, 8, _INTERMEDIATE, 0.16, 0, True),
    Style(82, 92, 0.177, 0.28, 0.56, 0.06, 0.28, (96, 88, 132), 1.3, 8, _MIXED, 0.20, 0.13, False),
    Style(150, 175, 0.166, 0.25, 0.65, 0.06, 0.14, (101, 90, 126), 1.7, 9, _MIXED, 0.06, 0.01, False),
    Style(122, 124, 0.228, 0.25, 0.64, 0.09, 0.18, (90, 83, 123), 1.9, 9, _MIXED, 0.08, 0.05, False),
    Style(88, 95, 0.302, 0.28, 0.67, 0.12, 0.26, (84, 75, 121), 1.9, 9.5, _MIXED, 0.08, 0.13, False),
    Style(81, 85, 0.421, 0.20, 0.70, 0.13, 0.22, (87, 73, 115), 2.1, 10, _MIXED, 0.10, 0.20, False),
)

_HE = ((ROSE, 0.6), (LILAC, 0.4))

# haematoxylin and eosin stain, 20x objective, 0: normal, 1: abnormal (paper: "HEMLBC Dataset")
HE = (
    Style(114, 118, 0.026, 0.38, 0.58, 0.05, 0.14, (112, 92, 150), 1.0, 8, _HE, 0.10, 0, True),
    Style(104, 108, 0.062, 0.35, 0.50, 0.07, 0.24, (88, 66, 128), 1.4, 10, _HE, 0.10, 0, False),
)

PAP_BACKGROUND, HE_BACKGROUND = (186, 176, 188), (212, 205, 212)  # empty glass, RGB

FRAGMENTS = 0.04  # share of masks with a second, tiny nucleus component: about 4 % of Herlev's masks have one


class Layout(NamedTuple):
    """Where a cell's parts lie.

    `size` is (height, width). `nucleus` and `cell` are (H, W) float32 fields from `outline`; radii are in pixels.
    """

    size: tuple[int, int]
    nucleus: np.ndarray
    nucleus_radius: float
    cell: np.ndarray
    cell_radius: float


def draw_cell(
    style: Style, rng: np.random.Generator, background: Colour, tint: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one cell of a class: image and mask, both (H, W, 3) uint8, RGB; the mask has herlev_classes' five colours.

    `background` is the empty slide's colour, RGB; `tint` the field's stain and light, a factor for each channel.
    """
    layout, specks, mask = draw_mask(style, rng)
    canvas = _slide(style, rng, layout, background)
    cytoplasm = _cytoplasm(style, rng, layout, canvas)
    _nucleus(style, rng, layout, canvas, cytoplasm)
    speck_opacity = 0.8 * cv2.GaussianBlur(specks.astype(np.float32), (0, 0), 0.8)
    lay(canvas, speck_opacity[:, :, None], (70, 62, 72))
    return _camera(rng, canvas, tint), mask


def draw_mask(style: Style, rng: np.random.Generator) -> tuple[Layout, np.ndarray, np.ndarray]:
    """Draw the mask without the image: layout, specks (H, W) bool and mask (H, W, 3) uint8, RGB."""
    layout = _layout(style, rng)
    specks = _specks(rng, layout)
    return layout, specks, _mask(style, rng, layout, specks)


def _layout(style: Style, rng: np.random.Generator) -> Layout:
    """Choose the image's size and the outlines of nucleus and cell."""
    # height and width vary together: a large cell is large in both
    common = rng.normal(0, 0.11)
    height = max(40, round(style.height * math.exp(common + rng.normal(0, 0.10))))
    width = max(40, round(style.width * math.exp(common + rng.normal(0, 0.10))))
    # above 0.6 the outline would not fit into the image
    fraction = min(style.nucleus * math.exp(rng.normal(0, style.spread)), 0.60)
    # the larger the nucleus, the more its shape follows the image's: Herlev's images are cut close to the cell
    image_shape = (width / height) ** min(1, 2.5 * fraction)
    ratio = image_shape * math.exp(rng.normal(0, style.stretch) * (1 - fraction))
    radius = math.sqrt(fraction * height * width / math.pi)
    axes = (radius * math.sqrt(ratio), radius / math.sqrt(ratio))
    angle = rng.uniform(0, math.pi) if fraction < 0.1 else rng.normal(0, 0.2)

    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    # a nucleus off the centre, as far as the image has room for it
    slack = np.maximum(middle - np.array(axes) * (1.06 + style.rough), 0)
    centre = middle + slack * rng.uniform(-0.6, 0.6, 2)
    if rng.random() < style.border:
        # move the nucleus until 1 to 4 pixels of it are cut off
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
    """Herlev's mask of a layout; the unlabelled rim around the cell has gaps, as in Herlev."""
    mask = np.empty((*layout.size, 3), np.uint8)
    mask[:] = BACKGROUND
    # a rim with gaps: a net must not find the cell by a closed line
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
    """A few nucleus pixels away from the nucleus, as Herlev's hand-drawn masks have them; (H, W) bool."""
    # apart from the nucleus, or it would not be a component of its own
    near = cv2.dilate(nucleus.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    places = np.argwhere(~near & (layout.nucleus < 1.6))
    fragment = np.zeros(layout.size, np.uint8)
    if len(places):
        y, x = places[rng.integers(len(places))]
        cv2.circle(fragment, (int(x), int(y)), int(rng.integers(0, 2)), 1, -1)
    return fragment > 0


def _slide(style: Style, rng: np.random.Generator, layout: Layout, background: Colour) -> np.ndarray:
    """The slide behind the cell, with up to two neighbours that reach into the image; (H, W, 3) float32."""
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
        opacity = rng.uniform(0.3, 0.7) * inside(field, axes[0], 4)
        lay(canvas, opacity, colour, 5 * texture(rng, layout.size, 4.0))
    return canvas


def _stain(style: Style, rng: np.random.Generator) -> Colour:
    weights = np.array([weight for _, weight in style.stains])
    return style.stains[rng.choice(len(weights), p=weights / weights.sum())][0]


def _cytoplasm(style: Style, rng: np.random.Generator, layout: Layout, canvas: np.ndarray) -> Colour:
    """Paint the cytoplasm and return its colour. Flat cells get creases, the others fade towards their edge."""
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
    """Paint the nucleus: chromatin texture and a darker membrane."""
    colour = np.array(shift_colour(rng, style.colour, 13))
    # at least 30 grey levels darker than the cytoplasm, as in every stain used here
    colour = colour - max(0.0, float(colour.mean() - np.mean(cytoplasm)) + 30)
    grain = style.grain * math.exp(rng.normal(0, 0.15))
    contrast = style.contrast * math.exp(rng.normal(0, 0.2))
    relief = contrast * (texture(rng, layout.size, grain) + 0.6 * texture(rng, layout.size, 3 * grain))
    edge = (1 - layout.nucleus) * layout.nucleus_radius
    relief = relief - rng.uniform(0, 14) * np.exp(-((edge - 1.5) ** 2) / 3)
    opacity = inside(layout.nucleus, layout.nucleus_radius, rng.uniform(1.5, 3.5))
    lay(canvas, opacity * rng.uniform(0.82, 0.97), colour, relief)


def _camera(rng: np.random.Generator, canvas: np.ndarray, tint: np.ndarray) -> np.ndarray:
    """Add uneven light, blur and sensor noise; (H, W, 3) uint8."""
    height, width = canvas.shape[:2]
    slope = rng.normal(0, 0.04, 2)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = rng.normal(1, 0.06) * (1 + slope[0] * x + slope[1] * y)
    canvas = canvas * (light[:, :, None] * tint).astype(np.float32)
    canvas = cv2.GaussianBlur(canvas, (0, 0), rng.uniform(0.5, 1.1))
    # noise comes after the blur: a sensor adds it behind the optics
    canvas += rng.normal(0, rng.uniform(1.2, 2.2), canvas.shape)
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8)


def outline(
    rng: np.random.Generator,
    size: tuple[int, int],
    centre: tuple[float, float],
    axes: tuple[float, float],
    angle: float,
    rough: float,
) -> np.ndarray:
    """An irregular ellipse as a field that is below 1 inside and above 1 outside, (H, W) float32.

    `size` is (height, width); `centre` and `axes` are (x, y) in pixels; `angle` is in radians.
    """
    # order 0 would change the size and order 1 the place; above 6 an outline looks torn
    orders = np.arange(2, 7)
    # high orders are weaker, as in outlines of real nuclei
    heights = rng.normal(0, rough, orders.size) * 2 / orders
    phases = rng.uniform(0, 2 * math.pi, orders.size)
    circle = np.linspace(0, 2 * math.pi, 360, endpoint=False)
    radii = 1 + (heights[:, None] * np.cos(orders[:, None] * circle + phases[:, None])).sum(0)
    radii = np.maximum(radii, 0.5)
    radii /= math.sqrt((radii**2).mean())  # the area stays pi * axes[0] * axes[1] at any roughness

    y, x = np.ogrid[: size[0], : size[1]]
    x, y = x - centre[0], y - centre[1]
    u = (x * math.cos(angle) + y * math.sin(angle)) / axes[0]
    v = (y * math.cos(angle) - x * math.sin(angle)) / axes[1]
    turn = np.arctan2(v, u) % (2 * math.pi)
    return (np.hypot(u, v) / np.interp(turn, circle, radii, period=2 * math.pi)).astype(np.float32)


def texture(rng: np.random.Generator, size: tuple[int, int], grain: float) -> np.ndarray:
    """Smooth noise with clumps of about `grain` pixels, mean 0, standard deviation 1, (H, W) float32."""
    step = max(1, int(grain))  # coarse noise is drawn small and enlarged: the same look, many times faster
    small = rng.standard_normal((size[0] // step + 3, size[1] // step + 3), dtype=np.float32)
    small = cv2.GaussianBlur(small, (0, 0), max(grain / step, 0.5))
    noise = cv2.resize(small, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
    return (noise - noise.mean()) / max(float(noise.std()), 1e-6)


def inside(field: np.ndarray, radius: float, soft: float) -> np.ndarray:
    """Opacity 0 to 1 of an outline with an edge of `soft` pixels, (H, W, 1) float32."""
    return np.clip((1 - field) * radius / soft + 0.5, 0, 1)[:, :, None]


def lay(canvas: np.ndarray, opacity: np.ndarray, colour: Colour, grey: np.ndarray | float = 0.0) -> None:
    """Blend `colour` plus a grey relief, (H, W) or a number, into the canvas (H, W, 3) float32, in place."""
    relief = np.asarray(grey, np.float32)
    layer = np.asarray(colour, np.float32) + (relief[:, :, None] if relief.ndim else relief)
    canvas += opacity * (layer - canvas)


def shift_colour(rng: np.random.Generator, colour: Colour, spread: float) -> Colour:
    """`colour` with random brightness, and a third of that spread in each channel."""
    brightness = rng.normal(0, spread)
    red, green, blue = rng.normal(0, spread / 3, 3)
    return colour[0] + brightness + red, colour[1] + brightness + green, colour[2] + brightness + blue
