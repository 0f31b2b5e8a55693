"""Fig. 2: a cell's patch turned and shifted, as the net is shown it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from data_prep.views import Grid, View, plan_view
from deeppap.report.figures.cell_pictures import CellPictures
from deeppap.report.figures.mosaic import grid
from deeppap.report.figures.plan import Plan, plan_of_run
from deeppap.report.figures.style import BLUE, GREEN, WIDE, YELLOW, clean, new_figure, styled
from deeppap.scoring.results import RunResult

TITLE = "Fig. 2. Views of an abnormal and a normal cell"
CAPTION = (
    "Left: the cell's image with the 128 × 128 patch around its nucleus centre (dashed) and shifted "
    "centres (yellow). Blue: rotations. Green: translations by up to 10 pixels, with the centre of each "
    "patch in yellow."
)
SHOWN = 10  # rotations, and as many translations
COLUMNS = 5  # patches side by side in a panel
GAP = 6  # pixels between them


def plan(runs: Sequence[RunResult], number: int, pictures: CellPictures) -> Plan:
    """The middle cell, by id, of the abnormal and of the normal ones."""

    def picture() -> Figure:
        return draw(_two_cells(runs[number], pictures))

    return plan_of_run(runs, number, "fig2-views", TITLE, CAPTION, picture, photo=True)


@dataclass(frozen=True)
class ViewsOfCell:
    """One cell with its views; pictures are uint8 (H, W, 3) RGB, points are (x, y) in pixels."""

    title: str
    image: np.ndarray
    centre: tuple[float, float]
    shifted: Sequence[tuple[float, float]]
    rotated_patches: np.ndarray  # (N, m, m, 3)
    shifted_patches: np.ndarray  # (N, m, m, 3)


def _two_cells(run: RunResult, pictures: CellPictures) -> list[ViewsOfCell]:
    shown, seed = [], run.record.seed
    for label, kind in ((1, "abnormal"), (0, "normal")):
        ids = sorted(row.id for row in run.cells.values() if row.label == label)
        if ids:
            shown.append(_views_of(pictures, ids[len(ids) // 2], kind, seed if isinstance(seed, int) else 0))
    return shown


def _views_of(pictures: CellPictures, cell_id: str, kind: str, seed: int) -> ViewsOfCell:
    image, centre = pictures.image_and_centre(cell_id)
    plan_grid = Grid(SHOWN, SHOWN)  # its first ten views are the ten translations at angle 0
    shifts = [plan_view(cell_id, "train", plan_grid, index, seed) for index in range(SHOWN)]
    turns = [View(360 / SHOWN * index, 0, 0) for index in range(SHOWN)]
    rotated, shifted = (np.stack([pictures.patch(cell_id, view) for view in views]) for views in (turns, shifts))
    points = [(centre[0] + view.dx, centre[1] + view.dy) for view in shifts]
    return ViewsOfCell(f"{kind}: {cell_id}", image, centre, points, rotated, shifted)


@styled
def draw(cells: Sequence[ViewsOfCell]) -> Figure:
    """Draw each cell, its rotations (blue panel) and its shifts, dotted at their centres."""
    figure = new_figure(WIDE, 1.6 * len(cells), layout="constrained")
    rows = figure.subplots(len(cells), 3, squeeze=False, width_ratios=(1, 2, 2))
    for axes, cell in zip(rows, cells, strict=True):
        _whole_cell(axes[0], cell)
        _patch_panel(axes[1], cell.rotated_patches, BLUE, "rotations")
        _patch_panel(axes[2], cell.shifted_patches, GREEN, "translations")
        _centre_dots(axes[2], len(cell.shifted_patches), cell.shifted_patches.shape[1])
    return figure


def _whole_cell(axes: Axes, cell: ViewsOfCell) -> None:
    axes.imshow(cell.image)
    side = cell.rotated_patches.shape[1]
    corner = (cell.centre[0] - side / 2, cell.centre[1] - side / 2)
    axes.add_patch(Rectangle(corner, side, side, fill=False, edgecolor="black", linestyle="--", linewidth=0.8))
    axes.scatter(*zip(*cell.shifted, strict=True), s=7, color=YELLOW, edgecolor="black", linewidth=0.4)
    axes.set_title(clean(cell.title, 34), loc="left", fontsize=7)
    axes.axis("off")


def _patch_panel(axes: Axes, patches: np.ndarray, colour: str, title: str) -> None:
    axes.imshow(grid(patches, COLUMNS, GAP, 255))
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.set_title(title, color=colour, fontsize=8)
    for spine in axes.spines.values():
        spine.set(visible=True, color=colour, linewidth=2)


def _centre_dots(axes: Axes, count: int, side: int) -> None:
    """A dot at the centre of each patch of a panel: the nucleus itself has moved away from it."""
    index = np.arange(count)
    x = index % COLUMNS * (side + GAP) + (side - 1) / 2
    y = index // COLUMNS * (side + GAP) + (side - 1) / 2
    axes.scatter(x, y, s=7, color=YELLOW, edgecolor="black", linewidth=0.4)
