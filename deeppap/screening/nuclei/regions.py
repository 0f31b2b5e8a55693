"""Dark regions of the size of a nucleus, at every threshold: the candidates for a nucleus's outline."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from scipy.spatial import cKDTree
from skimage.measure import find_contours
from skimage.segmentation import watershed

WORK_MPP = 0.45  # micrometres a pixel: the smallest nucleus still has 70 pixels
BLOCK = 8  # pixels a side that are averaged to find the glass, so that noise is not the brightest glass
GLASS = 98  # percentile of those blocks; some of every field is bare, or nearly so
MAX_ABSORBANCE = 2.0  # the natural logarithm at 255: a seventh of the light
SMOOTH = 0.5  # micrometres
AREAS = (14.0, 420.0)  # square micrometres: from a pyknotic nucleus to a large abnormal one
WIDEST = 10.0  # micrometres: a dark area of a larger radius is cytoplasm or a fold, not a nucleus
ABOVE_SURROUNDINGS = (6, 9, 12, 15, 19, 23, 28, 33, 39, 46, 54, 63, 74, 87, 102, 120, 140, 165)  # of 255
ABOVE_GLASS = tuple(range(40, 232, 10))
WINDOW = 16.0  # micrometres about a seed to each side: twice the radius of the largest nucleus
FILLED = 2  # in a flood's mask: OpenCV writes 1 into its border
FLOOD = 4 | FILLED << 8 | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY  # 4-connected
PAD = 8  # pixels round the image and round a region's box: room for the ring about a region
FULL = 0.4  # share of its box that a region must fill to be worth measuring
APART, DEEP = 2.4, 1.6  # micrometres: between the middles of two touching nuclei, and from a middle to the edge
SPLIT_BELOW = 0.93  # solidity under which a region may be several nuclei that touch
ALIKE = 0.05  # log of area: a region closer than this to another one in the same box is the same region
PIECES = 6  # more than that is no clump of nuclei
LEAST_SOLID = 0.80  # a region of a lower solidity is no nucleus
CORE = 75  # percentile of a region's darkness that stands for its core
FRAGMENT = 0.6  # share of a region's area, below which what is left of it is a dark part of a granular nucleus
RAGGED = 0.95  # share of a region's solidity, below which the same is true


def background_of(image: np.ndarray) -> float:
    """The grey value of empty glass, 1..255, in the brighter of red and green."""
    channel = _light(image)
    height, width = (max(1, n // BLOCK) for n in channel.shape)
    blocks = cv2.resize(channel, (width, height), interpolation=cv2.INTER_AREA)
    return max(1.0, float(np.percentile(blocks, GLASS)))


def _light(image: np.ndarray) -> np.ndarray:
    """The brighter of red and green, uint8 (H, W); a grey image is its own.

    Haematoxylin absorbs both. Eosin absorbs green alone, light green and the blue of cytoplasm red alone, and blood
    and orange G blue alone: none of them is dark here.
    """
    return image if image.ndim == 2 else cv2.max(cv2.extractChannel(image, 1), cv2.extractChannel(image, 2))


def darkness(image: np.ndarray, background: float | None = None) -> np.ndarray:
    """How much of the glass's light is missing, uint8 (H, W): 0 bare glass, 255 black."""
    level = background_of(image) if background is None else background
    table = np.clip(np.rint(255 * (1 - np.arange(256) / level)), 0, 255).astype(np.uint8)
    return cv2.LUT(_light(image), table)


def absorbance(image: np.ndarray, background: float | None = None) -> np.ndarray:
    """Absorbance (natural logarithm) of blue, green and red as a share of MAX_ABSORBANCE, uint8 (H, W, 3): 0 glass.

    Layers add up in it (Beer and Lambert), so a nucleus stands out as much in a thick clump of cells as alone. The
    channels of a grey image are equal.
    """
    level = background_of(image) if background is None else background
    through = np.maximum(np.arange(256), 1) / level
    table = np.clip(np.rint(-255 / MAX_ABSORBANCE * np.log(through)), 0, 255).astype(np.uint8)
    absorbed = cv2.LUT(image, table)
    return absorbed if image.ndim == 3 else cv2.cvtColor(absorbed, cv2.COLOR_GRAY2BGR)


def rescale(channel: np.ndarray, mpp: float, work: float) -> np.ndarray:
    """The same field at `work` micrometres a pixel, uint8 (H, W) or (H, W, C)."""
    height, width = (max(1, round(n * mpp / work)) for n in channel.shape[:2])
    if (height, width) == channel.shape[:2]:
        return channel
    interpolation = cv2.INTER_AREA if mpp < work else cv2.INTER_LINEAR
    return cv2.resize(channel, (width, height), interpolation=interpolation)


def rescale_points(points: np.ndarray, shape: tuple[int, ...], other: tuple[int, ...]) -> np.ndarray:
    """Points (N, 2) of x, y in an image of `shape` (H, W), in pixels of the same image of the `other` shape."""
    scale = np.array([other[1] / shape[1], other[0] / shape[0]])
    return (np.asarray(points, np.float64).reshape(-1, 2) + 0.5) * scale - 0.5


def fill_blocks(channel: np.ndarray, block: int) -> np.ndarray:
    """A channel, its edge repeated up to a multiple of `block`: a tile is then resampled as the image is."""
    height, width = channel.shape
    return cv2.copyMakeBorder(channel, 0, -height % block, 0, -width % block, cv2.BORDER_REPLICATE)


def smooth_darkness(image: np.ndarray, mpp: float) -> np.ndarray:
    """A field's darkness at WORK_MPP without the grain of its pixels, uint8 (H, W)."""
    return smooth(rescale(darkness(image), mpp, WORK_MPP))


def smooth(channel: np.ndarray) -> np.ndarray:
    """A channel at WORK_MPP without the grain of its pixels, uint8 (H, W)."""
    return cv2.GaussianBlur(channel, (0, 0), SMOOTH / WORK_MPP)


def pad(channel: np.ndarray) -> np.ndarray:
    """A smoothed field with room about it; regions are placed in this array."""
    return cv2.copyMakeBorder(channel, PAD, PAD, PAD, PAD, cv2.BORDER_REFLECT)


@dataclass(frozen=True)
class Region:
    """A candidate."""

    mask: np.ndarray  # bool (h, w)
    top: int  # row and column of its upper left corner in the padded field
    left: int
    clump: np.ndarray | None = None  # bool (h, w): what it was split from; the rest of that is no surroundings

    def cut(self, padded: np.ndarray) -> np.ndarray:
        """The part of a padded array that the mask lies on, as a view."""
        height, width = self.mask.shape
        return padded[self.top : self.top + height, self.left : self.left + width]

    @property
    def area_um2(self) -> float:
        """Area in square micrometres."""
        return float(np.count_nonzero(self.mask) * WORK_MPP**2)


def _disc(radius: float) -> np.ndarray:
    """A round structuring element of `radius` pixels."""
    size = 2 * max(1, round(radius)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))


# the blurred edge of a region, and the ring that reaches 2 micrometres about it
GAP, RING = _disc(1), _disc(2.2 / WORK_MPP)
GREYS = np.arange(256.0)


def _above_surroundings(channel: np.ndarray) -> np.ndarray:
    """How much darker each pixel is than what is wider than a nucleus about it, uint8 (H, W)."""
    small = 4  # the opening's disc is large and its result smooth: a quarter of the resolution is enough
    height, width = channel.shape
    blocks = fill_blocks(channel, small)
    size = tuple(n // small for n in blocks.shape[::-1])
    coarse = cv2.resize(blocks, size, interpolation=cv2.INTER_AREA)
    radius = WIDEST / WORK_MPP
    coarse = cv2.morphologyEx(coarse, cv2.MORPH_OPEN, _disc(radius / small))
    opened = cv2.resize(coarse, blocks.shape[::-1], interpolation=cv2.INTER_LINEAR)[:height, :width]
    return cv2.subtract(channel, cv2.GaussianBlur(opened, (0, 0), radius / 3))


def candidates_about(channel: np.ndarray, seeds: np.ndarray) -> Iterator[list[Region]]:
    """For each seed, int (N, 2) of row, column, the regions that hold it and no other.

    `channel` is a smoothed field, uint8 (H, W) at WORK_MPP. Only a window about each seed is looked at. What reaches
    out of it is no nucleus, and a region is split only where it holds another seed as well.
    """
    half = round(WINDOW / WORK_MPP)
    places = seeds + PAD
    # over its surroundings and over glass, both with room about them
    images = (_above_surroundings(channel), ABOVE_SURROUNDINGS), (channel, ABOVE_GLASS)
    images = [(np.pad(image, PAD), levels) for image, levels in images]
    for index, (row, column) in enumerate(places.tolist()):
        top, left = max(0, row - half), max(0, column - half)
        windows = [(image[top : row + half + 1, left : column + half + 1], levels) for image, levels in images]
        others = places - (top, left)
        near = ((others >= 0) & (others < windows[0][0].shape)).all(axis=1)
        near[index] = False
        seed = (row - top, column - left)
        yield [region for window in windows for region in _about(*window, seed, (top, left), others[near])]


def _about(
    window: np.ndarray, levels: tuple[int, ...], seed: tuple[int, int], corner: tuple[int, int], others: np.ndarray
) -> Iterator[Region]:
    """What is connected to a seed above each level of a window, uint8 (h, w), if it may be a nucleus without others.

    `seed` and `others`, the other seeds (M, 2) of the window, are rows and columns in it; `corner` is its own in the
    field.
    """
    height, width = window.shape
    row, column = seed
    darkest = int(window[row, column])
    smallest, largest = (area / WORK_MPP**2 for area in AREAS)
    room = np.zeros((height + 2 + 2 * PAD, width + 2 + 2 * PAD), np.uint8)
    filled = room[PAD:-PAD, PAD:-PAD]
    component = filled[1:-1, 1:-1]
    found: dict[tuple, tuple] = {}
    # from the highest level, outside of which the seed does not lie, down: a region holds those before it
    for level in reversed([level for level in levels if level < darkest]):
        filled[:] = 0
        # far faster than to number every component of the window
        area, _, _, (x, y, wide, high) = cv2.floodFill(
            window, filled, (column, row), 0, darkest - level - 1, 255, FLOOD
        )
        if min(x, y) == 0 or x + wide == width or y + high == height or area > 2 * largest:
            break
        if area < max(smallest, FULL * wide * high):
            continue
        # of the field, not of a window, whose corner a rounded seed may move
        key = ((x + corner[1]) // 2, (y + corner[0]) // 2, wide // 2, high // 2, round(math.log(area) / ALIKE))
        found.pop(key, None)  # of regions that are alike the largest is kept
        mask = room[y + 1 : y + 1 + high + 2 * PAD, x + 1 : x + 1 + wide + 2 * PAD] == FILLED
        held = others[component[others[:, 0], others[:, 1]] == FILLED]
        found[key] = area, mask, (y - PAD, x - PAD), held
    for area, mask, (top, left), held in reversed(found.values()):
        place = top + corner[0], left + corner[1]
        if not len(held):
            if area <= largest:
                yield Region(mask, *place)
        elif area >= 2 * smallest and _solidity(mask) < SPLIT_BELOW:
            piece = _piece(mask, (row - top, column - left), held - (top, left))
            if piece is not None and smallest <= np.count_nonzero(piece) <= largest:
                yield Region(piece, *place, mask)


def _piece(mask: np.ndarray, seed: tuple[int, int], others: np.ndarray) -> np.ndarray | None:
    """The nucleus about a seed, bool (h, w), of several that touch in a region, split at its waists.

    None if the region has one middle or too many, or if that nucleus holds one of the `others` (M, 2) as well.
    """
    pieces = _pieces(mask.tobytes(), mask.shape)
    if pieces is None:
        return None
    own = pieces[seed]
    return None if (pieces[tuple(others.T)] == own).any() else pieces == own


@lru_cache(maxsize=256)  # each seed of a clump asks for the same
def _pieces(pixels: bytes, shape: tuple[int, int]) -> np.ndarray | None:
    """The nuclei of a region, numbered from 1, int32 (h, w), or None if it has one middle or too many."""
    mask = np.frombuffer(pixels, bool).reshape(shape)
    depth = cv2.GaussianBlur(cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, 3), (0, 0), 1)
    middles = peaks(depth, int(APART / WORK_MPP), DEEP / WORK_MPP)
    if not 2 <= len(middles) <= PIECES:
        return None
    markers = np.zeros(mask.shape, np.int32)
    markers[tuple(middles.T)] = np.arange(1, len(middles) + 1)
    return watershed(-depth, markers, mask=mask)


def peaks(height: np.ndarray, apart: int, least: float) -> np.ndarray:
    """Places, int (N, 2) of row, column, higher than all within `apart` pixels and than `least`, highest first.

    Of equals that are nearer than that, the first counts.
    """
    highest = height == cv2.dilate(height, np.ones((2 * apart + 1, 2 * apart + 1), np.uint8))
    found = np.argwhere(highest & (height > least))
    found = found[np.argsort(-height[tuple(found.T)], kind="stable")]
    dropped: set[int] = set()
    if len(found) > 1:
        for first, second in sorted(cKDTree(found).query_pairs(apart - 0.5, p=np.inf)):
            if first not in dropped:
                dropped.add(second)
    return np.delete(found, list(dropped), axis=0)


def outline_of(mask: np.ndarray) -> np.ndarray:
    """The longest outline along the pixels' edges, float64 (N, 2) of x, y: it encloses the area of the pixels."""
    found = find_contours(np.pad(mask, 1).astype(np.float32), 0.5, fully_connected="high")
    return max(found, key=len)[:-1, ::-1] - 1


def _solidity(mask: np.ndarray) -> float:
    """A region's share of its convex hull, 0..1, both counted in pixels; its mask, bool (h, w), has PAD about it."""
    contours, _ = cv2.findContours(mask.view(np.uint8)[PAD:-PAD, PAD:-PAD], cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.convexHull(max(contours, key=len))
    pixels = cv2.contourArea(hull) + cv2.arcLength(hull, True) / 2 + 1  # Pick's formula, approximately
    return min(1.0, np.count_nonzero(mask) / pixels)


def measure(region: Region, padded: np.ndarray) -> np.ndarray | None:
    """What tells a nucleus from dirt, folds and cytoplasm, float64 (7,); None for a region too ragged to be a nucleus.

    `padded` is the smoothed field. Darkness is in grey values of 255, area in square micrometres:

    0, 1  log of the area, and its square
    2     log of what the solidity lacks to 1
    3     log of the contrast: how much darker the region is than the ring about it
    4     log of how dark that ring is: cytoplasm for a nucleus, glass for dirt
    5     log of the ring's range from its 10th to its 90th percentile, which is wide along a fold
    6     1 for a piece of a clump
    """
    solid = _solidity(region.mask)
    if solid < LEAST_SOLID:
        return None
    around = region.cut(padded)
    inside = cv2.mean(around, region.mask.view(np.uint8))[0]
    counts = cv2.calcHist([around], [0], _ring(region), [256], [0, 256])[:, 0].astype(np.float64)
    below = counts.cumsum()
    size = int(below[-1])
    mean = counts @ GREYS / size
    low, high = np.searchsorted(below, (size // 10, 9 * size // 10), side="right")
    area = np.log(region.area_um2)
    contrast = np.log(max(inside - mean, 0.5))
    rest = (np.log1p(-min(solid, 0.995)), contrast, np.log(mean + 5), np.log(float(high - low) + 2))
    return np.array([area, area**2, *rest, float(region.clump is not None)])


def _ring(region: Region) -> np.ndarray:
    """The ring about a region, uint8 (h, w), without its blurred edge and without the nuclei that it touches."""
    mask = region.mask.view(np.uint8)
    ring = cv2.subtract(cv2.dilate(mask, RING), cv2.dilate(mask, GAP))
    return ring if region.clump is None else cv2.subtract(ring, region.clump.view(np.uint8))


def _without_holes(mask: np.ndarray) -> np.ndarray:
    """A mask, bool (h, w), whose border is empty, with all that it encloses."""
    filled = mask.astype(np.uint8)
    cv2.floodFill(filled, None, (0, 0), FILLED)
    return filled != FILLED


def tighten(region: Region, padded: np.ndarray) -> Region:
    """The region without holes, cut half way from its ring's darkness to its core's: its threshold may be far lower."""
    around = region.cut(padded)
    ring = around[_ring(region) > 0]
    if ring.size:
        dark = np.sort(around[region.mask])
        core = np.interp(CORE / 100 * (len(dark) - 1), np.arange(len(dark)), dark)  # the percentile, faster
        level = (float(ring.mean()) + core) / 2
        dark = (region.mask & (around >= level)).astype(np.uint8)
        count, numbers, stats, _ = cv2.connectedComponentsWithStats(dark, connectivity=4)
        if count > 1:
            tight = _without_holes(numbers == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))
            enough = np.count_nonzero(tight) >= FRAGMENT * np.count_nonzero(region.mask)
            # coarse chromatin falls apart at such a level
            if enough and _solidity(tight) >= RAGGED * _solidity(region.mask):
                return replace(region, mask=tight)
    return replace(region, mask=_without_holes(region.mask))
