"""View plans and their rendering (paper: "Data Augmentation", "Herlev Dataset").

A plan is pure and seeded; rendering is separate. A view is two resamplings, as in the paper: rotate
about the nucleus centre and cut 128 x 128, then up-sample to 256 x 256. Two changes of training views are not the
paper's and are off unless a profile asks for them: of the stain (data_prep.stain) and of the scale.
"""

import hashlib
import math
from typing import NamedTuple

import cv2
import numpy as np

from data_prep.cells import Cell
from data_prep.pixel_size import read_cell_image
from data_prep.stain import Stain, restain

PATCH = 128  # pixels cut from the cell image (paper: m)
SIZE = 256  # pixels after up-sampling, what CaffeNet was trained at
MAX_SHIFT = 10  # pixels (paper: d)
REACH = math.ceil((PATCH / 2 + MAX_SHIFT) * math.sqrt(2)) + 2  # farthest source pixel of any view


class View(NamedTuple):
    """One view of a cell: degrees counter-clockwise, then the shift of its centre in pixels.

    `border` is what lies outside the image: zeros ("constant", as in the paper) or its reflection ("reflect"). A pixel
    of the patch is `scale` pixels of the image wide. `stain` changes the colours.
    """

    angle: float
    dx: int
    dy: int
    border: str = "constant"
    scale: float = 1.0
    stain: Stain | None = None


class Jitter(NamedTuple):
    """How much the stain and the scale of training views vary; 0 is not at all, as in the paper."""

    stain: float = 0.0
    scale: float = 0.0


NO_JITTER = Jitter()


class Grid(NamedTuple):
    """How many rotations and, at each of them, translations (paper: Nr, Nt)."""

    rotations: int
    translations: int

    @property
    def views(self) -> int:
        """How many views the grid makes of one cell."""
        return self.rotations * self.translations


def rng(seed: int, *names: str | int) -> np.random.Generator:
    """A generator that depends on the seed and the names alone."""
    text = "\x1f".join([str(seed), *map(str, names)])
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big"))


def plan_view(
    cell_id: str, purpose: str, grid: Grid, index: int, seed: int, border: str = "constant", jitter: Jitter = NO_JITTER
) -> View:
    """The view number `index` of a cell: rotation index // Nt, a translation of its own."""
    # seeded by name and number: a view is the same whichever others are rendered
    dx, dy = rng(seed, cell_id, purpose, index).integers(-MAX_SHIFT, MAX_SHIFT, 2, endpoint=True)
    view = View(360.0 * (index // grid.translations) / grid.rotations, int(dx), int(dy), border)
    # drawn under names of their own: with either on or off, all else of a view stays the same
    if jitter.scale:
        view = view._replace(scale=1 + jitter.scale * rng(seed, cell_id, "scale", index).uniform(-1, 1))
    if jitter.stain:
        view = view._replace(stain=Stain.draw(rng(seed, cell_id, "stain", index), jitter.stain))
    return view


def spread(total: int, wanted: int) -> list[int]:
    """`wanted` view indices out of `total`, spread evenly over the rotations."""
    wanted = min(wanted, total)
    return [index * total // wanted for index in range(wanted)]


def shifted(centre: tuple[float, float], cell_id: str, limit: int, seed: int) -> tuple[float, float]:
    """A cell's true centre moved by up to `limit` pixels in x and y (paper: Table 3, delta)."""
    if not limit:
        return centre
    dx, dy = rng(seed, cell_id, f"shift{limit}").integers(-limit, limit, 2, endpoint=True)
    return centre[0] + int(dx), centre[1] + int(dy)


def reach_at(scale: float) -> int:
    """The farthest source pixel of any view whose scale is at most `scale`."""
    return math.ceil(REACH * scale)


def neighbourhood(
    image: np.ndarray, centre: tuple[float, float], reach: int = REACH
) -> tuple[np.ndarray, tuple[float, float]]:
    """The part of an image that any view can reach, and the centre in it: all that needs to be kept.

    It is cut `reach` pixels around a centre in the image, so a side that a view crosses is the image's own: outside
    it, the part's zeros or its reflection are the image's.
    """
    x, y = (math.floor(value) for value in centre)
    left, top = max(0, x - reach), max(0, y - reach)
    part = image[top : max(0, y + reach + 1), left : max(0, x + reach + 1)]
    return np.ascontiguousarray(part), (centre[0] - left, centre[1] - top)


def read_neighbourhood(
    cell: Cell, shift: int = 0, seed: int = 0, reach: int = REACH
) -> tuple[np.ndarray, tuple[float, float]]:
    """The neighbourhood of a cell in its image file, at most 140 kB, and the nucleus centre in it; see `shifted`."""
    image = read_cell_image(cell.image, cell.scale)
    return neighbourhood(image.pixels, shifted(image.place(cell.centre), cell.id, shift, seed), reach)


def patch_to_image(centre: tuple[float, float], view: View) -> np.ndarray:
    """Where a view's pixels come from, float64 (2, 3): from (x, y) of its 128 x 128 patch to (x, y) of the image."""
    radians = math.radians(view.angle)
    # the scale enters here, into the one cut: a view is never resampled a third time
    cos, sin = (view.scale * round(part, 15) for part in (math.cos(radians), math.sin(radians)))
    # shift, then turn back about the nucleus
    x0, y0 = view.dx - (PATCH - 1) / 2, view.dy - (PATCH - 1) / 2
    return np.array([[cos, -sin, centre[0] + cos * x0 - sin * y0], [sin, cos, centre[1] + sin * x0 + cos * y0]])


def render(image: np.ndarray, centre: tuple[float, float], view: View) -> np.ndarray:
    """Render one view.

    Parameters
    ----------
    image : ndarray, uint8 (H, W, 3), BGR
    centre : (float, float)
        Nucleus centre (x, y) in pixels of `image`.

    Returns
    -------
    ndarray, uint8 (256, 256, 3), BGR
        The centre of the patch (between its four middle pixels) is the shifted nucleus centre, sub-pixel;
        so views at angles 90 degrees apart sample the same points (to the 1/32 of a pixel that OpenCV
        rounds to). Zeros lie outside the image, or its reflection (without the outermost pixel twice).
    """
    back = patch_to_image(centre, view)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    border = cv2.BORDER_REFLECT_101 if view.border == "reflect" else cv2.BORDER_CONSTANT
    # two steps as in the paper: cut at 128 first, so that the up-sampling sees no other pixels
    patch = cv2.warpAffine(image, back, (PATCH, PATCH), flags=flags, borderMode=border, borderValue=0)
    if view.stain is not None:
        patch = restain(patch, view.stain)
    return cv2.resize(patch, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
