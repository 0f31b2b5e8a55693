"""Screening in the tests: settings of a small net, drawn images in every format, cells made by hand, their pages."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
import tifffile

from deeppap.engines.device import Device
from deeppap.scoring.trained_model import TrainedModel
from deeppap.screening.cells import ScreenedCell
from deeppap.screening.outputs.pages import Gallery, write_summary
from deeppap.screening.parts import Part
from deeppap.screening.plan import ImagePlan, Settings, settings_of
from deeppap.screening.results import ImageResult
from deeppap.screening.slides.open_slide import FieldImage
from deeppap.screening.slides.slide import Damage
from tests.support.pictures import plain

MPP = 0.201  # micrometres a pixel of the phantom's fields
LEVELS = (1, 2, 4)  # how much smaller the levels of a slide are
SCN = "http://www.leica-microsystems.com/scn/2010/10/01"


def settings_for(fold: Path, tile: int = 2048, **more) -> Settings:
    """What `tools/screen.py --gpu none --training-mpp 0.201` makes of a fold, by 1 view of 1 crop."""
    given = {"views": 1, "crops": 1, "training_mpp": MPP, "tile": tile, **more}
    return settings_of([TrainedModel.open(fold)], Device(without_gpu=True), **given)


def plain_settings(**more) -> Settings:
    """Settings that no net stands behind, for what never scores."""
    facts = {"folds": ("none",), "weights_sha": "ab" * 32, "device": Device(), "views": 2, "crops": 1}
    return Settings(**{**facts, "training_mpp": MPP, "detector": "none", "detector_sha": "ef" * 32, **more})


def plan_of(image: Path, size: tuple[int, int] = (600, 400), **more) -> ImagePlan:
    """A plan of an image of (width, height), made by hand."""
    facts = {"image": str(image), "image_sha": "cd" * 32, "facts": "", "width": size[0], "height": size[1], "mpp": MPP}
    return ImagePlan(**{**facts, "settings": plain_settings(), "parts": str(image.parent / "parts"), **more})


def cell_at(x: float, y: float, score: float = 0.7, image: str = "field.png", **more) -> ScreenedCell:
    """A cell with a square outline."""
    outline = np.array([(x - 5, y - 5), (x + 5, y - 5), (x + 5, y + 5), (x - 5, y + 5)], np.float32)
    facts = {"area_um2": 40.25, "confidence": 0.9, "score": score, "spread": 0.05, "outline": outline}
    return ScreenedCell(image, x, y, **{**facts, **more})


def write_pages(
    folder: Path,
    *images: tuple[ImagePlan, np.ndarray | None, Sequence[ScreenedCell]],
    settings: Settings | None = None,
    ranks: Mapping[str, int] = MappingProxyType({}),
    found: Sequence[ScreenedCell] = (),
    unreadable: Sequence[Damage] = (),
    not_screened: Sequence[Damage] = (),
) -> list[str]:
    """Write gallery.html and summary.html of images, and return both: each has its plan, pixels (None: plain), cells.

    `found` are all cells of an image, where it has more than are shown.
    """
    settings = settings or plain_settings()
    gallery, rows = Gallery(settings, len(images)), []
    for plan, pixels, cells in images:
        cv2.imwrite(plan.image, plain((*plan.size[::-1], 3), 200) if pixels is None else pixels)
        result, own, slide = ImageResult.of(plan), Gallery(settings), FieldImage(plan.image)
        result.not_screened = list(not_screened)
        result.add(Part(list(found or cells), tuple(unreadable)))
        own.add_image(plan, slide, cells)
        gallery.add_image(plan, slide, cells, ranks)
        rows.append(own.summary_row(result, f"{plan.name[:-4]}/gallery.html"))
    gallery.write(folder / "gallery.html", [row.result for row in rows])
    write_summary(folder / "summary.html", settings, rows)
    return [(folder / name).read_text(encoding="utf-8") for name in ("gallery.html", "summary.html")]


def write_tiff(path: Path, image: np.ndarray, mpp: float | None = MPP, **options) -> Path:
    """An image, BGR or grey, as a TIFF that states its pixel size; `options` are tifffile's."""
    if mpp:
        options |= {"resolution": (1e4 / mpp, 1e4 / mpp), "resolutionunit": "CENTIMETER"}
    pixels = image[..., ::-1] if image.ndim == 3 else image
    photometric = "rgb" if image.ndim == 3 else "minisblack"
    tifffile.imwrite(path, np.ascontiguousarray(pixels), **{"photometric": photometric, "metadata": None, **options})
    return path


def write_pyramid(path: Path, image: np.ndarray, mpp: float = MPP, **options) -> Path:
    """A tiled pyramid of an image, BGR: full size, a half and a quarter."""
    with tifffile.TiffWriter(path) as writer:
        _write_levels(writer, image, mpp, **options)
    return path


def _write_levels(writer: tifffile.TiffWriter, image: np.ndarray, mpp: float, **options) -> None:
    options = {"tile": (128, 128), "photometric": "rgb", "metadata": None, **options}
    for shrink in LEVELS:
        small = cv2.resize(image, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA)
        size = {"resolution": (1e4 / mpp / shrink, 1e4 / mpp / shrink), "resolutionunit": "CENTIMETER"}
        writer.write(np.ascontiguousarray(small[..., ::-1]), subfiletype=int(shrink > 1), **size, **options)


def write_scn(path: Path, size: tuple[int, int], areas: dict[tuple[int, int], np.ndarray], mpp: float = MPP) -> Path:
    """A Leica slide of (width, height) of which the scanner took pictures, BGR, at some places (x, y) alone."""
    whole = np.full((size[1] // 8, size[0] // 8, 3), 255, np.uint8)  # a small picture of all, which OpenSlide asks for
    pictures = [((0, 0), size, whole), *((place, area.shape[1::-1], area) for place, area in areas.items())]
    images = ""
    for number, (place, extent, picture) in enumerate(pictures):
        view = {"sizeX": extent[0], "sizeY": extent[1], "offsetX": place[0], "offsetY": place[1]}
        view = " ".join(f'{name}="{round(1000 * mpp * pixels)}"' for name, pixels in view.items())  # nanometres
        sizes = [(level, *(n // shrink for n in picture.shape[1::-1])) for level, shrink in enumerate(LEVELS)]
        pixels = "".join(f'<dimension ifd="{3 * number + n}" sizeX="{w}" sizeY="{h}"/>' for n, w, h in sizes)
        light = "<illuminationSettings><illuminationSource>brightfield</illuminationSource></illuminationSettings>"
        lens = "<objectiveSettings><objective>40</objective></objectiveSettings>"
        settings = f"<scanSettings>{lens}{light}</scanSettings>"
        images += f"<image><view {view}/><pixels>{pixels}</pixels>{settings}</image>"
    all_of_it = " ".join(f'size{axis}="{round(1000 * mpp * pixels)}"' for axis, pixels in zip("XY", size, strict=True))
    xml = f'<scn xmlns="{SCN}"><collection {all_of_it}>{images}</collection></scn>'
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        for number, (*_, picture) in enumerate(pictures):
            _write_levels(writer, picture, mpp, description="" if number else xml, compression="zlib")
    return path


def spoil_segment(path: Path, page: int, index: int) -> None:
    """Overwrite one tile or strip of a TIFF, in all its length."""
    with tifffile.TiffFile(path) as file:
        offset, count = file.pages[page].dataoffsets[index], file.pages[page].databytecounts[index]
    with path.open("r+b") as raw:
        raw.seek(offset)
        raw.write(b"\xff" * count)
