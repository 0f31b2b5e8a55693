"""summary.html: a row an image with its cells, the shares above thresholds, the highest scores and its gallery."""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from deeppap.io.errors import printable
from deeppap.io.files import write_text
from deeppap.screening.cells import ABNORMAL, ScreenedCell
from deeppap.screening.outputs import colours
from deeppap.screening.outputs.cell_pictures import cell_picture
from deeppap.screening.outputs.page import filled, part
from deeppap.screening.slides.slide import Slide

if TYPE_CHECKING:
    from deeppap.screening.result import ImageResult

THRESHOLDS = (ABNORMAL, 0.7, 0.9)
TOP = 5  # cells of an image that are shown


class Summary:
    """Collects a row an image; the pictures of few cells each are in memory."""

    def __init__(self):
        self.rows: list[str] = []
        self.cells = self.images = self.warned = 0

    def add_image(self, result: "ImageResult", slide: Slide, cells: Sequence[ScreenedCell], gallery: str) -> None:
        """Add an image, its cells of the highest scores first, and where its gallery lies beside this page."""
        warnings = [html.escape(printable(line[3:])) for line in result.lines() if line.startswith("!! ")]
        name = f'<a href="{html.escape(quote(gallery))}">{html.escape(printable(result.plan.name))}</a>'
        shares = "".join(f"<td>{_share(result.above(t), result.cells)}</td>" for t in THRESHOLDS)
        pictures = "".join(_picture(slide, cell, result.plan.mpp) for cell in cells[:TOP])
        told = "".join(f'<p class="warning">{line}</p>' for line in warnings)
        self.rows.append(f"<tr><td>{name}{told}</td><td>{result.cells:,}</td>{shares}<td>{pictures}</td></tr>\n")
        self.images, self.cells = self.images + 1, self.cells + result.cells
        self.warned += bool(warnings)

    def write(self, path: Path) -> None:
        """Write the page, complete or absent."""
        warned = f", of which <strong>{self.warned}</strong> could not be screened as a whole" if self.warned else ""
        fill = {
            "CSS": part("gallery.css"),
            "COUNTS": f"<strong>{self.cells:,}</strong> cells in {self.images:,} images{warned}.",
            "THRESHOLDS": "".join(f'<th scope="col">{threshold:g} or more</th>' for threshold in THRESHOLDS),
            "ROWS": "".join(self.rows),
        }
        write_text(path, filled("summary.html", fill))


def _share(count: int, cells: int) -> str:
    return f"{100 * count / cells:.1f} %<br>{count:,}" if cells else "-"


def _picture(slide: Slide, cell: ScreenedCell, mpp: float) -> str:
    colour = colours.hexadecimal(colours.colour_of(cell.score))
    said = f"P(abnormal) {cell.score:.3f} at {cell.x:.0f}, {cell.y:.0f}"
    return f'<img src="{cell_picture(slide, cell, mpp)}" style="border-color:{colour}" alt="{said}" title="{said}">'
