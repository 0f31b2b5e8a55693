"""One tile of one image, from its file to its part: a pure function of the plan and the tile.

What it needs for long, the open slide, the net and the detector, is opened once a process and kept.
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import tee
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

from deeppap.engines.engine import ViewInput
from deeppap.io.errors import UserError
from deeppap.io.files import sha256_file
from deeppap.scoring.average import averaged
from deeppap.scoring.cell_score import CellScore
from deeppap.scoring.cell_views import ViewChoice, of_pixels
from deeppap.scoring.known_cells import FILE as KNOWN_CELLS
from deeppap.scoring.known_cells import KnownCells, read_known_cells
from deeppap.scoring.score_cells import score_cells
from deeppap.scoring.trained_model import TrainedModel
from deeppap.screening.cells import ScreenedCell
from deeppap.screening.find_nuclei import detected, own_nuclei
from deeppap.screening.given_nuclei import GivenNuclei
from deeppap.screening.look import Look, TrainingPixels
from deeppap.screening.nuclei.darkness import background_of
from deeppap.screening.nuclei.detectors import open_detector
from deeppap.screening.nuclei.nucleus import Detector, Nucleus
from deeppap.screening.parts import Part, write_part
from deeppap.screening.plan import Plan, Settings
from deeppap.screening.settings import digest_of, known_sha256
from deeppap.screening.slides.open_slide import open_slide
from deeppap.screening.slides.overview import overview_and_lost
from deeppap.screening.slides.slide import Box, Slide
from deeppap.screening.slides.tissue import SIDE, Tissue, find_tissue


class Receipt(NamedTuple):
    """What is worth telling of a finished tile; the cells themselves are in its part."""

    tile: Box
    cells: int
    damages: int


def screen_tile(plan: Plan, tile: Box) -> Receipt:
    """Find and score the nuclei that a tile owns, and write them as its part, complete or absent."""
    path = plan.part(tile)
    part = cells_of(plan, tile)
    write_part(path, plan.key, tile, part)
    return Receipt(tile, len(part.cells), len(part.damages))


def cells_of(plan: Plan, tile: Box) -> Part:
    """The cells of a tile, scored, in order of y and x."""
    image = opened(plan.image)
    if plan.nuclei is None:
        detector = _detector(plan.settings)
        sizes = (plan.settings.training_mpp, detector.work_mpp)
        look = Look(image.slide, tile, plan.mpp, *sizes, detector.margin_um)
        nuclei = own_nuclei(detected(look, detector, image.glass), tile, plan.size, image.tissue)
    else:
        nuclei = GivenNuclei(Path(plan.nuclei)).inside(tile, plan.size)
        if not nuclei:
            return Part([])
        look = Look(image.slide, tile, plan.mpp, plan.settings.training_mpp)
    kept = [n for n in nuclei if not look.damaged_near(n.x, n.y)]
    own = tuple(damage for damage in look.damages if damage.box.meets(tile))
    return Part(_scored(plan, look, kept) if kept else [], own, len(nuclei) - len(kept))


def _scored(plan: Plan, look: Look, nuclei: list[Nucleus]) -> list[ScreenedCell]:
    nets, choice = _nets(plan.settings)
    pixels, source = look.for_views(), Path(plan.image)
    cells = (_cell(pixels, n, choice, source) for n in nuclei)
    each = [score_cells(net.ready, own, net.known) for net, own in zip(nets, tee(cells, len(nets)), strict=True)]
    return [_screened(plan.name, nucleus, score) for nucleus, score in zip(nuclei, averaged(each), strict=True)]


def _screened(image: str, nucleus: Nucleus, score: CellScore) -> ScreenedCell:
    where = (image, nucleus.x, nucleus.y, nucleus.area_um2, nucleus.confidence)
    unlike = math.nan if score.unlike is None else score.unlike
    return ScreenedCell(*where, score.score, score.spread, unlike, nucleus.outline)


def _cell(pixels: TrainingPixels, nucleus: Nucleus, choice: ViewChoice, source: Path):
    region, centre = pixels.neighbourhood(nucleus.x, nucleus.y)
    if region.ndim == 2:
        region = np.repeat(region[:, :, None], 3, axis=2)
    return of_pixels(region, centre, choice, source)


@dataclass(frozen=True)
class Opened:
    """An open image, and what is made of its overview once it is asked for, the same for all its tiles."""

    slide: Slide

    @cached_property
    def _overview(self) -> tuple[np.ndarray, np.ndarray]:
        return overview_and_lost(self.slide, SIDE)

    @property
    def small(self) -> np.ndarray:
        """The overview: for reading only, others look at it too."""
        return self._overview[0]

    @cached_property
    def tissue(self) -> Tissue:
        """Where there is anything at all."""
        small, lost = self._overview
        return find_tissue(small, *self.slide.levels[0], lost)

    @cached_property
    def glass(self) -> float:
        """The grey value of empty glass."""
        return background_of(self.small)


def opened(image: str) -> Opened:
    """An image, opened once a process and kept until the next one, or until the file is another."""
    path = Path(image)
    found = path.stat() if path.exists() else None  # opening says what is wrong with one that is not there
    return _opened(path, found and (found.st_mtime_ns, found.st_size))


@lru_cache(maxsize=1)
def _opened(path: Path, _changed: tuple[int, int] | None) -> Opened:
    return Opened(open_slide(path))


class Net(NamedTuple):
    """An engine ready for the views of its training set, and the cells that it knows."""

    ready: ViewInput
    known: KnownCells | None


@lru_cache(maxsize=1)
def _nets(settings: Settings) -> tuple[list[Net], ViewChoice]:
    folders = [Path(fold) for fold in settings.folds]
    models = [TrainedModel.open(folder) for folder in folders]
    if digest_of(model.weights_sha for model in models) != settings.model_sha256:
        _refuse_changed(folders[0])  # as of a training that goes on meanwhile
    compared = settings.known_sha256 is not None
    if compared and not _is_as_planned(folders, settings.known_sha256):
        _refuse_changed(folders[0] / KNOWN_CELLS)
    nets = [Net(_ready(m, settings), read_known_cells(m.folder) if compared else None) for m in models]
    return nets, models[0].views(settings.views)


def _refuse_changed(path: Path) -> NoReturn:
    do = "Run the same command again."
    raise UserError(path, "the weights and files as they were when this was planned", "others", do)


def _is_as_planned(folders: list[Path], sha256: str) -> bool:
    return all((folder / KNOWN_CELLS).exists() for folder in folders) and known_sha256(folders) == sha256


def _ready(model: TrainedModel, settings: Settings) -> ViewInput:
    ready = model.engine(settings.device).view_input(model.mean, settings.crops)
    ready.ahead = False  # a tile's few views are not worth processes of their own, started anew for each
    return ready


@lru_cache(maxsize=1)
def _detector(settings: Settings) -> Detector:
    weights = None if settings.weights is None else Path(settings.weights)
    if weights is not None and sha256_file(weights) != settings.weights_sha256:
        _refuse_changed(weights)
    return open_detector(settings.detector, weights, settings.confidence)
