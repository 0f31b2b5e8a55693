"""What a nucleus is, and what image it can be found in."""

from dataclasses import dataclass, field, replace

import numpy as np

from deeppap.io.errors import FieldError
from deeppap.screening.slides.slide import require_pixel_size


@dataclass(frozen=True)
class Nucleus:
    """One nucleus of a field."""

    x: float  # its centre in pixels of the image it was found in, 0-based, sub-pixel; x is the column
    y: float
    area_um2: float  # square micrometres
    confidence: float  # 0..1; it orders the nuclei of one detector and is no probability
    # a closed polygon, float (N, 2) of x, y in the same pixels; None of a point that a person set
    outline: np.ndarray | None = field(default=None, compare=False, repr=False)
    given: str = ""  # the class that a person gave it, as it is written

    def moved(self, x: float, y: float) -> "Nucleus":
        """The same nucleus so many pixels further right and down."""
        outline = None if self.outline is None else self.outline + np.array([x, y], np.float32)
        return replace(self, x=self.x + x, y=self.y + y, outline=outline)


def require_field(image: np.ndarray, mpp: float) -> None:
    """Refuse what is no image of a field, or has no plausible pixel size."""
    shape = tuple(image.shape)
    if image.dtype != np.uint8 or not (image.ndim == 2 or (image.ndim == 3 and shape[2] == 3)) or 0 in shape:
        found = f"{image.dtype} {shape}"
        raise FieldError("image", "uint8 (H, W) or (H, W, 3)", found, "Convert it to 8 bits, grey or colour.")
    require_pixel_size(mpp)
