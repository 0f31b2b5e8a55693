"""Where the scores of some right and some wrong cells come from."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from deeppap.report.figures.cell_pictures import CellPictures
from deeppap.report.figures.mosaic import Picture, Row, flow
from deeppap.report.figures.net_arrays import load_arrays
from deeppap.report.figures.plan import LeftOutError, Plan, plan_of_run
from deeppap.report.figures.style import WIDE, clean, styled
from deeppap.report.overlay import overlay
from deeppap.scoring.results import FoldResult, RunResult
from deeppap.stats.classes import KINDS
from deeppap.stats.metrics import right

TITLE = "Where the score comes from"
CAPTION = (
    "Each cell beside itself under its heat: red where a place speaks for abnormal, blue where for normal (the "
    "evidence of conv3, gradient times output, averaged over views and crops; each cell on its own scale). "
    "It shows what the net used, not what is wrong with a cell."
)
FILE = "why.npz"
GAP = 3  # white pixels between a cell and its heat
PIXELS_ACROSS = 1100  # image pixels across the page's width


class Explained(NamedTuple):
    """A cell's picture, uint8 (H, W, 3) RGB, its heat, float (H, W), and the lines under it."""

    picture: np.ndarray
    heat: np.ndarray
    text: str


def plan(runs: Sequence[RunResult], number: int, pictures: CellPictures) -> Plan:
    """Of the first fold that has them."""

    def picture() -> Figure:
        return draw(_rows(runs[number], pictures), pictures.micrometres())

    return plan_of_run(runs, number, "why", TITLE, CAPTION, picture, photo=True)


def _rows(run: RunResult, pictures: CellPictures) -> list[tuple[str, list[Explained]]]:
    """The fold's right cells and its wrong ones."""
    fold = next((fold for fold in run.folds if (fold.folder / FILE).exists()), None)
    if fold is None:
        raise LeftOutError(f"no fold has {FILE}")
    rows: dict[bool, list[Explained]] = {True: [], False: []}
    for cell_id, heat in _heats(fold):
        index = fold.ids.index(cell_id)
        label, score = int(fold.labels[index]), float(fold.scores[index])
        shown = pictures.neighbourhood(cell_id)
        if shown.shape[:2] != heat.shape:
            raise LeftOutError(f"{FILE} is not of these pictures")
        name = run.cells[cell_id].class_name or KINDS[label]
        text = f"{clean(name, 20)}\n{clean(cell_id, 24)}\nscore {score:.2f}"
        rows[bool(right(label, score))].append(Explained(shown, heat, text))
    return [("classified correctly", rows[True]), ("misclassified", rows[False])]


def _heats(fold: FoldResult) -> list[tuple[str, np.ndarray]]:
    """Ids and heats, each checked to be what the figure can show."""
    arrays, found = load_arrays(fold.folder / FILE), []
    for number in range(len(arrays) // 2):
        cell_id, heat = str(arrays.get(f"id_{number}", "")), arrays.get(f"heat_{number}", np.empty(0))
        if cell_id not in fold.ids or heat.ndim != 2 or heat.dtype.kind != "f" or not np.isfinite(heat).all():
            raise LeftOutError(f"{FILE} holds no heat of this fold's cells")
        found.append((cell_id, heat))
    return found


@styled
def draw(rows: Sequence[tuple[str, Sequence[Explained]]], micrometres: float | None = None) -> Figure:
    """Draw every cell beside itself under its heat, (heading, cells) after (heading, cells), all at one scale."""
    shown = []
    for heading, cells in rows:
        pairs = [Picture(_pair(cell), cell.text) for cell in cells]
        shown.append(Row(f"{heading}{'' if pairs else ': none'}", pairs))
    return flow(shown, WIDE, WIDE / PIXELS_ACROSS, micrometres)


def _pair(cell: Explained) -> np.ndarray:
    gap = np.full((len(cell.picture), GAP, 3), 255, np.uint8)
    return np.concatenate([cell.picture, gap, overlay(cell.picture, cell.heat)], axis=1)
