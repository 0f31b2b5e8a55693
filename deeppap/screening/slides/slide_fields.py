"""Labels on slides: fields are cut out about the labelled cells, so that a data set has images of a usual size."""

from functools import cache, cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2

from data_prep.importers.image_index import SlideFacts
from deeppap.io.errors import UserError
from deeppap.io.image_file import SLIDES, is_large_tiff
from deeppap.screening.open_image import image_sha256, open_image
from deeppap.screening.slides.slide import Box

SQUARE_UM = 64.0  # side of the squares that divide a slide; a square with labelled cells becomes one field
MARGIN_UM = 40.0  # about a square: at 0.3 um a pixel a view reaches 32 um from its nucleus, and jitter a tenth more
USUAL_UM = 0.25  # the pixel of a 40x scan, where nobody says


class SlideFields:
    """Slides that labels name, and the fields that are cut out of them; the fields' files last as long as this object.

    A slide is divided into squares from its own corner, whatever is labelled. So the same cell is found in the same
    field again when more labels are imported later.
    """

    def __init__(self, out: Path | None = None):
        self.out = out  # the fields lie beside it: the system's folder for such files is often small
        self.facts = cache(_facts)
        self.cut = cache(self._cut)

    @cached_property
    def folder(self) -> TemporaryDirectory:
        """Made when it is needed; if the process is killed, the name lets `own_partial` remove it."""
        if self.out is None:
            return TemporaryDirectory()
        self.out.parent.mkdir(parents=True, exist_ok=True)
        return TemporaryDirectory(prefix=f".{self.out.name}.", suffix=".partial", dir=self.out.parent)

    def field(self, slide: Path, x: float, y: float, um: float | None) -> tuple[Path, tuple[int, int]]:
        """The field that holds a place of a slide, and the field's first pixel (x, y).

        `um` is the size of a pixel in micrometres if the slide does not state it.

        Raises UserError if the field cannot be read or has no colours.
        """
        size = self.facts(slide).mpp or um or USUAL_UM
        side = round(SQUARE_UM / size)
        return self.cut(slide, int((x + 0.5) // side), int((y + 0.5) // side), side, round(MARGIN_UM / size))

    def _cut(self, slide: Path, column: int, row: int, side: int, margin: int) -> tuple[Path, tuple[int, int]]:
        facts = self.facts(slide)
        height, width = facts.size
        left, top = max(0, column * side - margin), max(0, row * side - margin)
        right, bottom = min(width, (column + 1) * side + margin), min(height, (row + 1) * side + margin)
        source = open_image(str(slide)).slide
        if not source.colour:
            raise UserError(slide, "a slide in colour", "a grey one", "Label another slide: the nets need colours.")
        pixels, damages = source.read(Box(left, top, right - left, bottom - top))
        if damages:
            do = "Leave the cells there out, or get the slide again."
            raise UserError(slide, f"a readable part at {left}, {top}", damages[0].reason, do)
        folder = Path(self.folder.name) / facts.sha256[:16]  # two slides may bear one name
        folder.mkdir(exist_ok=True)
        path = folder / f"{slide.stem}_{left}_{top}.png"
        try:
            path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
        except OSError as error:
            error.filename = str(path)  # a full disk names none
            raise
        return path, (left, top)


def _facts(path: Path) -> SlideFacts | None:
    if path.suffix.lower() not in SLIDES and not is_large_tiff(path):
        return None
    image = open_image(str(path))
    (width, height), slide = image.slide.levels[0], image.slide
    return SlideFacts((height, width), slide.mpp, slide.origin, image_sha256(path, image.facts))
