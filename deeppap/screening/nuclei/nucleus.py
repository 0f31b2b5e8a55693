"""What a nucleus is, and what a detector of nuclei is."""

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from deeppap.io.errors import UserError

PIXEL_SIZES = (0.05, 2.0)  # micrometres: finer than any objective, coarser than a nucleus can be seen at


@dataclass(frozen=True)
class Nucleus:
    """One nucleus of a field.

    `x` (column) and `y` (row) are its centre in pixels of the image it was found in, 0-based, sub-pixel; `area_um2`
    its area in square micrometres; `confidence` in 0..1 orders nuclei of one detector, it is no probability;
    `outline`, where the detector drew one, is a closed polygon, float32 (N, 2) of x, y in the same pixels.
    """

    x: float
    y: float
    area_um2: float
    confidence: float
    outline: np.ndarray | None = field(default=None, compare=False, repr=False)

    def moved(self, x: float, y: float) -> "Nucleus":
        """The same nucleus so many pixels further right and down."""
        outline = None if self.outline is None else self.outline + np.array([x, y], np.float32)
        return replace(self, x=self.x + x, y=self.y + y, outline=outline)


class Detector(Protocol):
    """Finds nuclei in a field."""

    name: str
    work_mpp: float  # micrometres of the pixels that it looks at; images of that size are not resampled
    margin_um: float  # how far from a tile's edge a nucleus must lie to be found as in the whole image

    def detect(self, image: np.ndarray, mpp: float, background: float | None = None) -> list[Nucleus]:
        """Nuclei of an image, uint8 (H, W) grey or (H, W, 3) BGR, of `mpp` micrometres a pixel, most certain first.

        `background` is the grey value of empty glass (`darkness.background_of`), for tiles of one slide to share;
        None takes the image's own. An image without nuclei gives an empty list.

        Raises
        ------
        UserError
            For an image of another type or shape, and for a pixel size that no microscope has.
        """
        ...


def require_field(image: np.ndarray, mpp: float) -> None:
    """Refuse what is no image of a field, or has no believable pixel size."""
    shape = tuple(image.shape)
    if image.dtype != np.uint8 or not (image.ndim == 2 or (image.ndim == 3 and shape[2] == 3)) or 0 in shape:
        found = f"{image.dtype} {shape}"
        raise UserError("image", "uint8 (H, W) or (H, W, 3)", found, "Convert it to 8 bits, grey or colour.")
    require_mpp(mpp)


def require_mpp(mpp: float) -> None:
    """Refuse a pixel size, in micrometres, that no microscope has."""
    low, high = PIXEL_SIZES
    if not low <= mpp <= high:
        found, do = f"{mpp:g}", "Give the image's own pixel size, e.g. 0.25."
        raise UserError("pixel size", f"{low:g} to {high:g} micrometres a pixel", found, do)
