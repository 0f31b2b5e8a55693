"""Field images that are decoded whole: PNG, BMP and JPEG."""

from pathlib import Path

import numpy as np

from deeppap.io.image_file import read_field
from deeppap.screening.slides.slide import Box, Damage


class FieldImage:
    """A field in memory. These formats state no pixel size that can be trusted."""

    mpp, stated, origin = None, "none", (0, 0)

    def __init__(self, path: Path):
        self.path = path
        self.image = read_field(path)
        height, width = self.image.shape[:2]
        self.levels, self.colour = [(width, height)], self.image.ndim == 3

    def read(self, box: Box, level: int = 0) -> tuple[np.ndarray, list[Damage]]:
        """See `Slide.read`; a decoded image has no damage."""
        return self.image[box.y : box.bottom, box.x : box.right], []
