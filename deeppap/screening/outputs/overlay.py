"""overlay.png: a field with every nucleus ringed in its score's colour, a scale bar and a legend."""

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from deeppap.io.files import write_bytes
from deeppap.screening.cells import ABNORMAL, COLOURS, ScreenedCell, legend

WHITE, BLACK = (255, 255, 255), (20, 20, 20)
FONT_SIZE = 13
RING = 7.0  # micrometres: a ring's radius if there is no outline
SMALLEST = 2  # pixels of a ring's radius on a slide made small
STRIP = 66  # pixels below the picture for scale bar and legend
SHIFT = 4  # OpenCV draws in sixteenths of a pixel
LENGTHS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)  # of a scale bar


class Overlay:
    """A picture that cells are drawn on one by one.

    `small` is the image or its overview, uint8 (h, w, 3) BGR or (h, w); `size` is width and height of the image
    itself, `mpp` its micrometres a pixel. A score of `threshold` or more is abnormal.
    """

    def __init__(self, small: np.ndarray, size: tuple[int, int], mpp: float, threshold: float = ABNORMAL):
        self.picture = cv2.cvtColor(small, cv2.COLOR_GRAY2BGR) if small.ndim == 2 else small.copy()
        self.scale = self.picture.shape[1] / size[0]
        self.mpp = mpp / self.scale
        self.threshold = threshold
        self.cells = self.abnormal = 0

    def add(self, cell: ScreenedCell) -> None:
        """Draw a cell; abnormal ones are thicker, too, so that colour is not the only sign."""
        self.cells, self.abnormal = self.cells + 1, self.abnormal + cell.abnormal
        thick = 1
        if self.scale > 0.5:
            thick = 3 if cell.abnormal else 2
        # a white ring below keeps the colour visible on dark nuclei
        for colour, width in ((WHITE, thick + 2), (cell.colour[::-1], thick)):
            # at half size and less an outline is a dot, and a circle is seen better
            if cell.outline is not None and self.scale > 0.5:
                points = np.rint(self._place(cell.outline)).astype(np.int32).reshape(-1, 1, 2)
                cv2.polylines(self.picture, [points], True, colour, width, cv2.LINE_AA, SHIFT)
            else:
                centre = [round(self._place(v)) for v in (cell.x, cell.y)]
                radius = round(max(SMALLEST, RING / self.mpp) * 2**SHIFT)
                cv2.circle(self.picture, centre, radius, colour, width, cv2.LINE_AA, SHIFT)

    def _place(self, value):
        """Coordinates of the image in sixteenths of the picture's pixels."""
        return ((value + 0.5) * self.scale - 0.5) * 2**SHIFT

    def write(self, path: Path) -> None:
        """Write the picture, complete or absent."""
        write_bytes(path, cv2.imencode(".png", np.vstack([self.picture, self._strip()]))[1].tobytes())

    def _strip(self) -> np.ndarray:
        """Scale bar and legend, as many of its colours as fit."""
        width = self.picture.shape[1]
        strip = np.full((STRIP, width, 3), 255, np.uint8)
        length, words = scale_bar(width, self.mpp)
        cv2.rectangle(strip, (10, 12), (10 + length, 17), BLACK, -1)
        _write(strip, words, 10, 36)
        at = max(20 + length, 110)
        at = _write(strip, "P(abnormal)", at, 28) + 14
        for step, (colour, scores) in enumerate(legend()):
            thick = 3 if step / len(COLOURS) >= self.threshold else 2
            cv2.circle(strip, (at + 8, 23), 8, colour[::-1], thick, cv2.LINE_AA)
            at = _write(strip, scores, at + 22, 28) + 16
        found = f"{self.cells} cells, {self.abnormal} with P(abnormal) of {self.threshold:g} or more (thick)."
        _write(strip, f"Not a medical device. {found}", 10, 58)
        return strip


def scale_bar(pixels: int, mpp: float) -> tuple[int, str]:
    """The longest round length that takes at most a fifth of a picture's width: in pixels, and in words."""
    longest = pixels * mpp / 5
    micrometres = max([length for length in LENGTHS if length <= longest], default=LENGTHS[0])
    words = f"{micrometres} µm" if micrometres < 1000 else f"{micrometres // 1000} mm"
    return max(1, round(micrometres / mpp)), words


def _write(picture: np.ndarray, words: str, x: int, y: int) -> int:
    """Write words on the line `y` and return the column where they end."""
    written = Image.fromarray(picture)
    ImageDraw.Draw(written).text((x, y), words, BLACK, font(), anchor="ls")
    picture[:] = np.asarray(written)
    return x + round(font().getlength(words))


@cache
def font() -> ImageFont.FreeTypeFont:
    """A font with a µ: those of OpenCV and Pillow have none."""
    from matplotlib import get_data_path  # a tenth of a second that only pictures need

    return ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf", FONT_SIZE)
