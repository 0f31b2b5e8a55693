"""One channel in which nuclei are dark, the same for grey and colour fields, at one pixel size."""

import cv2
import numpy as np

BLOCK = 8  # pixels a side that are averaged before the glass is looked for: noise is not the brightest glass
MOST = 2.0  # of absorbance: a seventh of the light
GLASS = 98  # percentile of those blocks; some of every field is bare, or nearly so


def light(image: np.ndarray) -> np.ndarray:
    """The brighter of red and green, uint8 (H, W); a grey image is its own.

    Haematoxylin takes both away. Eosin takes green alone, light green and the cytoplasm's blue red alone, and blood
    and orange G blue alone: none of them is dark here.
    """
    return image if image.ndim == 2 else np.maximum(image[..., 1], image[..., 2])


def background_of(image: np.ndarray) -> float:
    """The grey value of empty glass in `light(image)`, 1..255."""
    channel = light(image)
    height, width = (max(1, n // BLOCK) for n in channel.shape)
    blocks = cv2.resize(channel, (width, height), interpolation=cv2.INTER_AREA)
    return max(1.0, float(np.percentile(blocks, GLASS)))


def darkness(image: np.ndarray, background: float | None = None) -> np.ndarray:
    """How much of the glass's light is missing, uint8 (H, W): 0 bare glass, 255 black."""
    channel = light(image)
    level = background_of(image) if background is None else background
    table = np.clip(np.rint(255 * (1 - np.arange(256) / level)), 0, 255).astype(np.uint8)
    return cv2.LUT(channel, table)


def absorbance(image: np.ndarray, background: float | None = None) -> np.ndarray:
    """Absorbance (natural logarithm) over MOST, uint8 (H, W): 0 bare glass, 255 where at most exp(-MOST) comes through.

    What lies above one another adds up in it (Beer and Lambert), so a nucleus stands out as much in a thick clump of
    cells as it does alone.
    """
    channel = light(image)
    level = background_of(image) if background is None else background
    through = np.maximum(np.arange(256), 1) / level
    table = np.clip(np.rint(-255 / MOST * np.log(through)), 0, 255).astype(np.uint8)
    return cv2.LUT(channel, table)


def rescale(channel: np.ndarray, mpp: float, work: float) -> np.ndarray:
    """The same field at `work` micrometres a pixel, uint8 (H, W)."""
    height, width = (max(1, round(n * mpp / work)) for n in channel.shape[:2])
    if (height, width) == channel.shape[:2]:
        return channel
    interpolation = cv2.INTER_AREA if mpp < work else cv2.INTER_LINEAR
    return cv2.resize(channel, (width, height), interpolation=interpolation)


def whole(channel: np.ndarray, block: int) -> np.ndarray:
    """A channel, its edge repeated up to a multiple of `block`: a tile is then resampled as the image is."""
    height, width = channel.shape
    return cv2.copyMakeBorder(channel, 0, -height % block, 0, -width % block, cv2.BORDER_REPLICATE)


def to_original(points: np.ndarray, shape: tuple[int, int], original: tuple[int, int]) -> np.ndarray:
    """Points (N, 2) of x, y in an image of `shape` (H, W), in pixels of the `original` shape: centres stay centres."""
    scale = np.array([original[1] / shape[1], original[0] / shape[0]])
    return (np.asarray(points, np.float64).reshape(-1, 2) + 0.5) * scale - 0.5
