"""One tile of one image, from its file to its part: a pure function of the plan and the tile.

The open slide, the nets and the detector are opened once a process and kept.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import tee
from pathlib import Path
from typing import NoReturn

import numpy as np

from deeppap.engines.engine import ViewInput
from deeppap.io.errors import UserError
from deeppap.io.files import sha256_file
from deeppap.scoring.cell_views import CellViews, ViewChoice, of_pixels
from deeppap.scoring.ood import FILE as OOD_FILE
from deeppap.scoring.ood import OODReference
from deeppap.scoring.score_cells import averaged, score_cells
from deeppap.scoring.trained_model import TrainedModel
from deeppap.screening.cells import ScreenedCell
from deeppap.screening.nuclei.detector import NucleusDetector
from deeppap.screening.nuclei.nucleus import Nucleus
from deeppap.screening.open_image import changed, close_image, file_facts, planned_image, require_unchanged
from deeppap.screening.parts import Part, nuclei_inside, pixels_of, write_part
from deeppap.screening.plan import ImagePlan, Settings, one_sha256, ood_sha256
from deeppap.screening.slides.overview import Tissue
from deeppap.screening.slides.slide import Box
from deeppap.screening.tile_pixels import TilePixels

DIGITS = 2  # of a centre after the point
NOISE = 6  # digits after which rounding differs between tiles


def screen_tile(plan: ImagePlan, tile: Box) -> int:
    """Find and score the nuclei that a tile owns, write them as its part, complete or absent, and count them."""
    part = cells_of(plan, tile)
    write_part(plan.part(tile), plan.key, tile, part)
    return len(part.cells)


def cells_of(plan: ImagePlan, tile: Box) -> Part:
    """The cells of a tile, scored, in order of y and x."""
    image = planned_image(plan)
    if plan.nuclei is None:
        detector = _detector(plan.settings)
        sizes = (plan.settings.training_mpp, detector.work_mpp)
        pixels = TilePixels(image.slide, tile, plan.mpp, *sizes, detector.margin_um)
        nuclei = _owned(_detect(pixels, detector, image.glass), tile, plan.size, image.tissue)
    else:
        _require_nuclei(Path(plan.nuclei), plan.nuclei_sha, file_facts(Path(plan.nuclei)))
        nuclei = nuclei_inside(Path(plan.nuclei), tile)
        if not nuclei:
            return Part([])
        pixels = TilePixels(image.slide, tile, plan.mpp, plan.settings.training_mpp)
    # a view that reaches into what could not be read would not show its cell
    kept = [n for n in nuclei if not pixels.damaged_near(n.x, n.y)]
    damages = tuple(damage for damage in pixels.damages if damage.box.overlap(tile))
    part = Part(_score(plan, pixels, kept) if kept else [], damages, len(nuclei) - len(kept))
    # last: what was read before the image changed is not kept
    require_unchanged(plan, image)
    return part


@lru_cache(maxsize=1)
def _require_nuclei(path: Path, sha256: str, _facts: str) -> None:
    """Refuse nuclei of a later call: a worker may still be at work for a driver that has died."""
    if not path.exists() or sha256_file(path) != sha256:
        raise changed(path)


def _detect(pixels: TilePixels, detector: NucleusDetector, glass: float) -> list[Nucleus]:
    """All nuclei that the detector finds in a tile and its margin, in pixels of the whole image."""
    found = detector.detect(pixels.for_detector(), detector.work_mpp, background=glass)
    centres = _rounded(pixels.from_detector(np.array([(n.x, n.y) for n in found])))
    moved = []
    for nucleus, (x, y) in zip(found, centres.tolist(), strict=True):
        outline = nucleus.outline
        if outline is not None:
            outline = _rounded(pixels.from_detector(outline)).astype(np.float32)
        moved.append(replace(nucleus, x=x, y=y, outline=outline))
    return moved


def _rounded(values: np.ndarray) -> np.ndarray:
    """Rounded twice: without the tile's own noise first, so that a half is a half in every tile."""
    return np.round(np.round(values, NOISE), DIGITS)


def _owned(nuclei: list[Nucleus], tile: Box, size: tuple[int, int], tissue: Tissue) -> list[Nucleus]:
    """Those that the tile owns and that lie in tissue, in order of y and x."""
    if not nuclei:
        return []
    x, y = np.array([n.x for n in nuclei]), np.array([n.y for n in nuclei])
    keep = owned(tile, size, x, y) & tissue.at(x, y)
    return sorted((n for n, kept in zip(nuclei, keep, strict=True) if kept), key=lambda n: (n.y, n.x))


def owned(tile: Box, size: tuple[int, int], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Whether a tile owns points, bool (N,): each point of an image of (width, height) belongs to exactly one tile."""
    columns, rows = pixels_of(size, x, y)
    return (columns >= tile.x) & (columns < tile.right) & (rows >= tile.y) & (rows < tile.bottom)


def _score(plan: ImagePlan, pixels: TilePixels, nuclei: list[Nucleus]) -> list[ScreenedCell]:
    nets, choice = _nets(plan.settings)

    def views() -> Iterator[CellViews]:
        for nucleus in nuclei:
            region, centre = pixels.neighbourhood(nucleus.x, nucleus.y)
            if region.ndim == 2:  # the nets take colour
                region = np.repeat(region[:, :, None], 3, axis=2)
            yield of_pixels(region, centre, choice, Path(plan.image))

    each = [score_cells(ready, own, *more) for (ready, *more), own in zip(nets, tee(views(), len(nets)), strict=True)]
    cells = []
    threshold = plan.settings.threshold
    for n, score in zip(nuclei, averaged(each), strict=True):
        score = replace(score, threshold=threshold)
        ood_score = math.nan if score.ood_score is None else score.ood_score
        found = (plan.name, n.x, n.y, n.area_um2, n.confidence)
        named = (score.label, score.kind, score.p_kind) if plan.settings.classes else ("", "", 0.0)
        cells.append(ScreenedCell(*found, score.score, score.spread, ood_score, n.outline, *named, n.given, threshold))
    return cells


@lru_cache(maxsize=1)
def _nets(settings: Settings) -> tuple[list[tuple[ViewInput, OODReference | None]], ViewChoice]:
    """Each net, ready for views, with the training cells to compare with; and which views are scored."""
    folders = [Path(fold) for fold in settings.folds]
    models = [TrainedModel.open(folder) for folder in folders]
    if one_sha256(model.weights_sha for model in models) != settings.weights_sha:
        _refuse_changed(folders[0])  # a training may have gone on since the plan was made
    compared = settings.ood_sha is not None
    if compared and not (
        all((folder / OOD_FILE).exists() for folder in folders) and ood_sha256(folders) == settings.ood_sha
    ):
        _refuse_changed(folders[0] / OOD_FILE)
    nets = []
    for model in models:
        ready = model.engine(settings.device).view_input(model.mean, settings.crops)
        ready.ahead = False  # a tile has too few views to start processes for them
        nets.append((ready, model.outputs, OODReference.read(model.folder) if compared else None))
    return nets, models[0].views(settings.views)


def _refuse_changed(path: Path) -> NoReturn:
    expected = "the weights and files as they were when the screening was planned"
    raise UserError(path, expected, "others", "Run the same command again.")


@lru_cache(maxsize=1)
def _detector(settings: Settings) -> NucleusDetector:
    weights = Path(settings.detector)
    if sha256_file(weights) != settings.detector_sha:
        _refuse_changed(weights)
    return NucleusDetector(weights, settings.confidence, settings.device)


def forget() -> None:
    """Close what is kept open: a tile that was interrupted may have left it in any state."""
    for kept in (close_image, _nets.cache_clear, _detector.cache_clear):
        kept()
