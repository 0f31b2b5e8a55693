"""overlay.png: a field with every nucleus ringed in its score's colour, a scale bar and a legend."""

from pathlib import Path

import cv2
import numpy as np

from deeppap.io.files import complete_or_absent
from deeppap.screening.cells import ABNORMAL, ScreenedCell
from deeppap.screening.outputs import colours
from deeppap.screening.outputs.scale_bar import scale_bar

FONT, WHITE, BLACK = cv2.FONT_HERSHEY_SIMPLEX, (255, 255, 255), (20, 20, 20)
RING = 7.0  # micrometres: a ring's radius where there is no outline
SMALLEST = 2  # pixels of a ring's radius on a slide made small
STRIP = 66  # pixels below the picture for scale bar and legend


class Overlay:
    """A picture that cells are drawn on one by one.

    Parameters
    ----------
    small : ndarray, uint8 (h, w, 3) BGR or (h, w)
        The image, or its overview.
    size : (int, int)
        Width and height of the image itself.
    mpp : float
        Micrometres a pixel of the image itself.
    """

    def __init__(self, small: np.ndarray, size: tuple[int, int], mpp: float):
        self.picture = cv2.cvtColor(small, cv2.COLOR_GRAY2BGR) if small.ndim == 2 else small.copy()
        self.scale = self.picture.shape[1] / size[0]
        self.mpp = mpp / self.scale
        self.cells = self.abnormal = 0

    def add(self, cell: ScreenedCell) -> None:
        """Draw a cell: warm and thick where it is abnormal, so that colour is not all that tells."""
        abnormal = cell.score >= ABNORMAL
        self.cells, self.abnormal = self.cells + 1, self.abnormal + abnormal
        colour = colours.colour_of(cell.score)[::-1]
        thick = (3 if abnormal else 2) if self.scale > 0.5 else 1
        if cell.outline is not None and self.scale > 0.5:
            points = np.rint(((cell.outline + 0.5) * self.scale - 0.5) * 16).astype(np.int32).reshape(-1, 1, 2)
            for colour_, width in ((WHITE, thick + 2), (colour, thick)):
                cv2.polylines(self.picture, [points], True, colour_, width, cv2.LINE_AA, 4)
            return
        centre = [round(((v + 0.5) * self.scale - 0.5) * 16) for v in (cell.x, cell.y)]
        radius = round(max(SMALLEST, RING / self.mpp) * 16)
        for colour_, width in ((WHITE, thick + 2), (colour, thick)):
            cv2.circle(self.picture, centre, radius, colour_, width, cv2.LINE_AA, 4)

    def write(self, path: Path) -> None:
        """Write the picture, complete or absent."""
        ok, data = cv2.imencode(".png", np.vstack([self.picture, self._strip()]))
        if not ok:
            raise RuntimeError("OpenCV cannot encode PNG")
        with complete_or_absent(path) as partial:
            partial.write_bytes(data.tobytes())

    def _strip(self) -> np.ndarray:
        """Scale bar and legend, as many of its steps as fit."""
        width = self.picture.shape[1]
        strip = np.full((STRIP, width, 3), 255, np.uint8)
        length, words = scale_bar(width, self.mpp)
        cv2.rectangle(strip, (10, 12), (10 + length, 17), BLACK, -1)
        _words(strip, words, 10, 36)
        at = max(20 + length, 110)
        at = _words(strip, "P(abnormal)", at, 28) + 14
        for step, colour in enumerate(colours.STEPS):
            abnormal = step / len(colours.STEPS) >= ABNORMAL
            cv2.circle(strip, (at + 8, 23), 8, colour[::-1], 3 if abnormal else 2, cv2.LINE_AA)
            at = _words(strip, colours.label_of(step), at + 22, 28) + 16
        found = f"{self.cells} cells, {self.abnormal} with P(abnormal) of {ABNORMAL:g} or more (thick)."
        _words(strip, f"{found} Not a medical device.", 10, 58)
        return strip


def _words(picture: np.ndarray, words: str, x: int, y: int) -> int:
    """Write words and hand back where they end."""
    cv2.putText(picture, words, (x, y), FONT, 0.45, BLACK, 1, cv2.LINE_AA)
    return x + cv2.getTextSize(words, FONT, 0.45, 1)[0][0]
