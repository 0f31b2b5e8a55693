"""gallery.html: cells in their fields, to look at and to label; summary.html: a row an image. Each is one file."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

import cv2
import msgspec
import numpy as np
from markupsafe import Markup

from data_prep.classes import known_class
from data_prep.image_hashes import image_key, some_names
from deeppap.io.errors import printable
from deeppap.io.files import digest, write_text
from deeppap.io.html import capital, data_uri, render
from deeppap.scoring.thresholds import short
from deeppap.screening.cells import COLOURS, ScreenedCell, colour_of, hexadecimal, legend
from deeppap.screening.plan import ImagePlan, Settings
from deeppap.screening.slides.overview import overview
from deeppap.screening.slides.slide import Box, Slide

if TYPE_CHECKING:
    from deeppap.screening.results import ImageResult

CELL_UM = 26.0  # a small picture's side: what the net sees of a cell
CELL_SIDE = 112  # pixels that it is shown at
AROUND = 512  # pixels a side of a cell's surroundings, at the image's full size
WHOLE = 4_000_000  # pixels: an image up to this size is in the gallery as a whole
FEW = 20  # images that a page holds as a whole, even if it shows few cells of each
OVERVIEW = 480  # pixels of the small map of an image that is not in the page as a whole
QUALITY = 85  # of JPEG
SHARES = (0.7, 0.9)  # columns of the summary beside the threshold; edges of the histogram
TOP = 5  # cells of an image in the summary
OOD_BANNER = 0.2  # share of cells out of distribution above which a page says so first; the limit itself marks 0.01
# the keys that label a cell, and the classes that they stand for; numbers are those of the net, if it tells several
LETTERS = {"N": "normal", "A": "abnormal", "J": "junk"}
BETHESDA = ("NILM", "ASC-US", "LSIL", "ASC-H", "HSIL", "SCC")
MOST_KEYS = 9


class _Image(msgspec.Struct):
    """An image of the page; `picture` is all of it, or its overview; the browser keeps its labels by `key`."""

    name: str
    key: str
    width: int
    height: int
    picture: str
    pixel_um: float


class _Cell(msgspec.Struct):
    """A cell of the page; `around` is a picture of its surroundings from `left`, `top`, or "" if the image is whole."""

    id: str
    x: float
    y: float
    score: float
    spread: float | None  # None of one view
    area: float | None
    called: str
    kind: str  # "" of a net of two classes
    out_of_distribution: bool
    image: int
    around: str
    left: int
    top: int
    picture: str
    outline: str  # of the nucleus, as SVG's points; "" if there is none
    rank: int | None  # among the cells that are worth a label; None if it was not chosen


class SummaryRow(NamedTuple):
    """An image in summary.html; `link` leads to its gallery."""

    result: "ImageResult"
    link: str
    highest: Sequence[_Cell]


class Gallery:
    """Collects what the page shows, an image at a time; `images` is how many will be added.

    The pictures are in memory, so show at most a few thousand cells.
    """

    def __init__(self, settings: Settings, images: int = 1):
        self.settings, self.few, self.keys = settings, images <= FEW, label_keys(settings)
        self.images: list[_Image] = []
        self.shas: list[str] = []  # of the images
        self.cells: list[_Cell] = []

    def add_image(
        self,
        plan: ImagePlan,
        slide: Slide,
        cells: Sequence[ScreenedCell],
        ranks: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """Add an image and those of its cells that are shown; `ranks` has the ids of those that are worth a label."""
        pixels = plan.width * plan.height
        # of many images each is held as the smaller of itself and the surroundings of its cells
        whole = pixels <= WHOLE and (self.few or pixels <= len(cells) * AROUND**2)
        picture = _jpeg(overview(slide, max(plan.size) if whole else OVERVIEW)[0]) if cells else ""
        for cell in cells:
            around, left, top = ("", 0, 0) if whole else _surroundings(slide, cell)
            shown = _Cell(
                id=cell.id,
                x=cell.x,
                y=cell.y,
                score=round(cell.score, 6),
                spread=round(cell.spread, 6) if self.settings.views > 1 else None,
                area=None if math.isnan(cell.area_um2) else round(cell.area_um2, 3),
                called=cell.called,
                kind=cell.kind,
                out_of_distribution=bool(cell.out_of_distribution),
                image=len(self.images),
                around=around,
                left=left,
                top=top,
                picture=_cell_picture(slide, cell, plan.mpp),
                outline=_svg_points(cell.outline),
                rank=ranks.get(cell.id),
            )
            self.cells.append(shown)
        name, key = printable(plan.name), image_key(plan.image_sha)
        self.images.append(_Image(name, key, plan.width, plan.height, picture, plan.mpp))
        self.shas.append(plan.image_sha)

    def summary_row(self, result: "ImageResult", gallery: str) -> SummaryRow:
        """The row in summary.html of the one image of this gallery, which lies beside it at `gallery`."""
        return SummaryRow(result, quote(gallery), self.cells[:TOP])

    def write(
        self, path: Path, results: Sequence["ImageResult"], others: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Write the page, complete or absent; `others` has the names of other pages that it leads to by their links."""
        self.cells.sort(key=lambda cell: (-cell.score, cell.image, cell.y, cell.x))
        colours = [hexadecimal(colour) for colour in COLOURS]
        data = {
            "images": self.images,
            "cells": self.cells,
            "threshold": self.settings.threshold,
            "colours": colours,
            "classes": self.keys,
            # of all images: labels that the browser keeps belong to images, whichever net scored them
            "key": digest("page", self.shas)[:16],
        }
        # a file name that holds </script> must not end the data
        text = Markup(msgspec.json.encode(data).decode().replace("<", "\\u003c"))
        counts = [sum(column) for column in zip(*(r.histogram for r in results), strict=True)]
        page = render(
            "screening/outputs/gallery.html",
            script="screening/outputs/gallery.js",
            title=f"Cells of {results[0].image if len(results) == 1 else f'{len(results)} images'}",
            results=results,
            others=others,
            cells=sum(r.cells for r in results),
            abnormal=sum(r.abnormal for r in results),
            checked=any(r.out_of_distribution is not None for r in results),
            marked=sum(r.out_of_distribution or 0 for r in results),
            shown=len(self.cells),
            threshold=self.settings.threshold,
            threshold_words=short(self.settings.threshold),
            threshold_doubt=self.settings.threshold_doubt,
            net=_net(self.settings),
            banners=banners(self.settings, results),
            classes=[(key, name) for key, name, _ in self.keys],
            given=[line for result in results if (line := result.given_line())],
            neither=neither_text(sum((Counter(r.neither) for r in results), Counter())),
            chosen=any(cell.rank is not None for cell in self.cells),
            counts=counts,
            colour_of=_colour_of,
            legend=[(hexadecimal(colour), scores) for colour, scores in legend()],
            data=text,
        )
        write_text(path, page)


def write_summary(path: Path, settings: Settings, rows: Sequence[SummaryRow]) -> None:
    """Write summary.html, complete or absent."""
    thresholds = sorted({settings.threshold, *SHARES})
    page = render(
        "screening/outputs/summary.html",
        script="screening/outputs/summary.js",
        title="Screened images",
        rows=rows,
        cells=sum(row.result.cells for row in rows),
        abnormal=sum(row.result.abnormal for row in rows),
        warned=sum(bool(row.result.warnings()) for row in rows),
        banners=banners(settings, [row.result for row in rows]),
        thresholds=thresholds,
        threshold_doubt=settings.threshold_doubt,
        out_of_distribution=any(row.result.out_of_distribution is not None for row in rows),
        headings=[
            f"{'abnormal: ' * (threshold == settings.threshold)}{short(threshold)} or more" for threshold in thresholds
        ],
        net=_net(settings),
        colour_of=_colour_of,
    )
    write_text(path, page)


def label_keys(settings: Settings) -> list[tuple[str, str, str]]:
    """Each key that labels a cell, the class it stands for, and whether that is normal, abnormal or neither."""
    letters = [(key, name, known_class(name).label) for key, name in LETTERS.items()]
    own = settings.classes or [(name, known_class(name).label) for name in BETHESDA]
    others = [(name, label) for name, label in own if name not in LETTERS.values()]
    return letters + [(str(key), *one) for key, one in enumerate(others[:MOST_KEYS], 1)]


def neither_text(counts: Mapping[str, int]) -> str:
    """How many cells are called by each class that is neither normal nor abnormal."""
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))


def banners(settings: Settings, results: Sequence["ImageResult"]) -> list[str]:
    """The lines above everything: why the net is doubted, and that its scores are not for such cells."""
    said = [*(f"{doubt}." for doubt in settings.doubts), *settings.not_adapted]
    if trained := [result.image for result in results if result.trained]:
        said.append(trained_text(trained, len(results)))
    return [capital(line) for line in said] + ([line] if (line := ood_banner(results)) else [])


def trained_text(trained: Sequence[str], images: int) -> str:
    """What a screening of so many images says of those that the net learned from."""
    which = "this image" if images == 1 else f"{len(trained)} of {images} images ({some_names(trained)})"
    return f"the net learned from {which}: there its scores look better than on new images."


def ood_banner(results: Sequence["ImageResult"]) -> str | None:
    """The line above everything if so many cells are out of distribution that the scores should not be used."""
    checked = [result for result in results if result.out_of_distribution is not None]
    marked, cells = sum(result.out_of_distribution for result in checked), sum(result.cells for result in checked)
    if not cells or marked < OOD_BANNER * cells:
        return None
    share = f"{marked:,} of {cells:,} cells are out of distribution: the net was trained on cells that look different."
    return f"{share} Do not use these scores. Label some cells and adapt the net."


def _svg_points(outline: np.ndarray | None) -> str:
    """An outline, float32 (N, 2), as SVG writes points; from a pixel's corner, half a pixel before its centre."""
    if outline is None or len(outline) < 3:
        return ""
    return " ".join(f"{x + 0.5:.1f},{y + 0.5:.1f}" for x, y in outline)


def _colour_of(score: float) -> str:
    return hexadecimal(colour_of(score))


def _net(settings: Settings) -> str:
    """Which net the scores are of, and the threshold if the user chose it."""
    names = ", ".join("/".join(Path(fold).absolute().parts[-2:]) for fold in settings.folds)
    said = f"; {settings.threshold_said}" if settings.threshold_said else ""
    return f"Scored by {names} (weights {settings.weights_sha[:12]}){said}"


def _jpeg(image: np.ndarray) -> str:
    """A picture as a page can hold it."""
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    return data_uri(data.tobytes(), "image/jpeg")


def _cell_picture(slide: Slide, cell: ScreenedCell, mpp: float) -> str:
    """A cell with its nucleus in the middle, about 26 um a side; black outside the image, as the net sees it."""
    side = max(8, round(CELL_UM / mpp))
    square = Box(math.floor(cell.x) - side // 2, math.floor(cell.y) - side // 2, side, side)
    inside = square.overlap(Box(0, 0, *slide.levels[0]))
    pixels, _ = slide.read(inside)
    picture = np.zeros((side, side, *pixels.shape[2:]), np.uint8)
    picture[inside.within(square)] = pixels
    return _jpeg(cv2.resize(picture, (CELL_SIDE, CELL_SIDE), interpolation=cv2.INTER_AREA))


def _surroundings(slide: Slide, cell: ScreenedCell) -> tuple[str, int, int]:
    """What lies about a cell at full size, and the picture's first column and row in the image."""
    width, height = slide.levels[0]
    wide, high = min(AROUND, width), min(AROUND, height)
    left = min(max(0, round(cell.x) - wide // 2), width - wide)
    top = min(max(0, round(cell.y) - high // 2), height - high)
    return _jpeg(slide.read(Box(left, top, wide, high))[0]), left, top
