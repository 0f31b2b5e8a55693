"""The phantom's brushes: outlines, textures and layers."""

import math

import cv2
import numpy as np

Colour = tuple[float, float, float]


def outline(
    rng: np.random.Generator,
    size: tuple[int, int],
    centre: tuple[float, float],
    axes: tuple[float, float],
    angle: float,
    rough: float,
) -> np.ndarray:
    """A field below 1 inside an irregular ellipse and above 1 outside, (H, W) float32.

    The area enclosed is pi * axes[0] * axes[1] whatever the roughness. `size` is (height, width);
    `centre` and `axes` are (x, y) in pixels, `angle` in radians.
    """
    orders = np.arange(2, 7)
    heights = rng.normal(0, rough, orders.size) * 2 / orders
    phases = rng.uniform(0, 2 * math.pi, orders.size)
    circle = np.linspace(0, 2 * math.pi, 360, endpoint=False)
    radii = 1 + (heights[:, None] * np.cos(orders[:, None] * circle + phases[:, None])).sum(0)
    radii = np.maximum(radii, 0.5)
    radii /= math.sqrt((radii**2).mean())

    y, x = np.ogrid[: size[0], : size[1]]
    x, y = x - centre[0], y - centre[1]
    u = (x * math.cos(angle) + y * math.sin(angle)) / axes[0]
    v = (y * math.cos(angle) - x * math.sin(angle)) / axes[1]
    turn = np.arctan2(v, u) % (2 * math.pi)
    return (np.hypot(u, v) / np.interp(turn, circle, radii, period=2 * math.pi)).astype(np.float32)


def texture(rng: np.random.Generator, size: tuple[int, int], grain: float) -> np.ndarray:
    """Smooth noise with clumps of about `grain` pixels, mean 0, deviation 1, (H, W) float32."""
    step = max(1, int(grain))  # coarse noise is drawn small and enlarged: as smooth, and many times faster
    small = rng.standard_normal((size[0] // step + 3, size[1] // step + 3), dtype=np.float32)
    small = cv2.GaussianBlur(small, (0, 0), max(grain / step, 0.5))
    noise = cv2.resize(small, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
    return (noise - noise.mean()) / max(float(noise.std()), 1e-6)


def inside(field: np.ndarray, radius: float, soft: float) -> np.ndarray:
    """Opacity 0..1 of an outline whose edge is `soft` pixels wide, (H, W, 1) float32."""
    return np.clip((1 - field) * radius / soft + 0.5, 0, 1)[:, :, None]


def lay(canvas: np.ndarray, opacity: np.ndarray, colour: Colour, grey: np.ndarray | float = 0.0) -> None:
    """Blend `colour` plus a grey relief (H, W) into the canvas (H, W, 3) float32, in place."""
    relief = np.asarray(grey, np.float32)
    layer = np.asarray(colour, np.float32) + (relief[:, :, None] if relief.ndim else relief)
    canvas += opacity * (layer - canvas)


def shift_colour(rng: np.random.Generator, colour: Colour, spread: float) -> Colour:
    """`colour` made lighter or darker as a whole, and each channel a little by itself."""
    together = rng.normal(0, spread)
    return tuple(value + together + own for value, own in zip(colour, rng.normal(0, spread / 3, 3), strict=True))
