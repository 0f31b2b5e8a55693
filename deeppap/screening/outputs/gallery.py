"""gallery.html: the cells with the highest scores, where they lie, and all scores counted; one file, from disk."""

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deeppap.io.errors import printable
from deeppap.io.files import write_text
from deeppap.screening.cells import ABNORMAL, ScreenedCell
from deeppap.screening.outputs import colours
from deeppap.screening.outputs.cell_pictures import AROUND, cell_picture, is_whole, jpeg_uri, surroundings
from deeppap.screening.outputs.histogram import histogram_svg
from deeppap.screening.outputs.page import filled, part
from deeppap.screening.slides.overview import overview
from deeppap.screening.slides.slide import Slide

if TYPE_CHECKING:
    from deeppap.screening.plan import Plan
    from deeppap.screening.result import ImageResult

OVERVIEW = 480  # pixels of the small map of an image that is not in the page as a whole
FEW = 20  # images that a page holds whole, whatever few cells of each it shows


class Gallery:
    """Collects what the page shows, an image at a time; pictures are in memory, so the cells must be few hundred.

    `images` says how many will come.
    """

    def __init__(self, images: int = 1):
        self.few = images <= FEW
        self.images: list[dict] = []
        self.cells: list[dict] = []

    def add_image(self, plan: "Plan", slide: Slide, cells: Sequence[ScreenedCell]) -> None:
        """Add an image and those of its cells that are shown."""
        whole = is_whole(slide) and (self.few or plan.width * plan.height <= len(cells) * AROUND**2)
        picture = overview(slide, max(plan.size) if whole else OVERVIEW)
        number = len(self.images)
        about = {"name": printable(plan.name), "width": plan.width, "height": plan.height, "mpp": plan.mpp}
        self.images.append({**about, "whole": whole, "picture": jpeg_uri(picture) if cells else ""})
        for cell in cells:
            around, left, top = ("", 0, 0) if whole else surroundings(slide, cell)
            facts = {"x": cell.x, "y": cell.y, "score": round(cell.score, 6), "spread": round(cell.spread, 6)}
            facts |= {"area": _number(cell.area_um2), "confidence": _number(cell.confidence)}
            facts["unlike"] = bool(cell.unlike_training)
            places = {"image": number, "around": around, "left": left, "top": top}
            self.cells.append({**facts, **places, "picture": cell_picture(slide, cell, plan.mpp)})

    def write(self, path: Path, results: Sequence["ImageResult"]) -> None:
        """Write the page, complete or absent."""
        self.cells.sort(key=lambda cell: (-cell["score"], cell["image"], cell["y"], cell["x"]))
        data = {"images": self.images, "cells": self.cells, "threshold": ABNORMAL}
        data["colours"] = [colours.hexadecimal(colour) for colour in colours.STEPS]
        write_text(path, _page(data, results))


def _number(value: float) -> float | None:
    return round(value, 3) if value == value else None


def _page(data: dict, results: Sequence["ImageResult"]) -> str:
    script = part("gallery.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # the page may load nothing and run this one script alone, whatever a file name holds
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    held = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    fill = {
        "POLICY": policy,
        "CSS": part("gallery.css"),
        "COUNTS": _counts(results, len(data["cells"])),
        "HISTOGRAM": histogram_svg([sum(column) for column in zip(*(r.histogram for r in results), strict=True)]),
        "LEGEND": _legend(),
        "WARNINGS": _warnings(results),
        "IMAGES": _images(results),
        "DATA": held,
        "SCRIPT": script,
    }
    return filled("gallery.html", fill)


def _counts(results: Sequence["ImageResult"], shown: int) -> str:
    cells, abnormal = sum(r.cells for r in results), sum(r.abnormal for r in results)
    share = f" ({100 * abnormal / cells:.1f} %)" if cells else ""
    images = f"{len(results)} image{'s' * (len(results) != 1)}"
    given = [r.plan.nuclei_file for r in results if r.plan.nuclei]
    images += f", at the nuclei of {html.escape(printable(given[0]))}, none detected here" if given else ""
    below = "all of them shown" if shown == cells else f"the {shown:,} with the highest scores shown"
    return (
        f"<strong>{cells:,}</strong> cells in {images}, <strong>{abnormal:,}</strong>{share} with P(abnormal) of "
        f"{ABNORMAL:g} or more; {below if cells else 'no nucleus was found'}."
    )


def _legend() -> str:
    items = (
        f'<li><span class="dot" style="background:{colours.hexadecimal(colour)}"></span>{colours.label_of(step)}</li>'
        for step, colour in enumerate(colours.STEPS)
    )
    return "".join(items)


def _warnings(results: Sequence["ImageResult"]) -> str:
    lines = [line[3:] for r in results for line in r.lines() if line.startswith("!! ")]
    return "".join(f'<p class="warning">{html.escape(printable(line))}</p>' for line in lines)


def _images(results: Sequence["ImageResult"]) -> str:
    if len(results) < 2:
        return ""
    options = "".join(
        f'<option value="{k}">{html.escape(printable(r.plan.name))}</option>' for k, r in enumerate(results)
    )
    return f'<label>image <select id="image"><option value="">all</option>{options}</select></label>'
