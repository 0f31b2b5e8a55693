"""Figures made of the cells' own pictures (paper: Fig. 2, 4, 8, 9 and 10)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from reporting.plots.mosaic import SPACE, Picture, Row, flow, grid
from reporting.plots.style import BLUE, GREEN, RED, WIDE, YELLOW, clean, new_figure, styled

HERLEV_MICROMETRES = 0.201  # of one pixel (paper: "Herlev Dataset")
GAP = 6  # pixels between the patches of a panel
EXAMPLES_PIXELS, MISSED_PIXELS = 1500, 1100  # image pixels across the page's width, in Fig. 4 and 10


@dataclass(frozen=True)
class ViewsOfCell:
    """One cell with its views; pictures are uint8 (H, W, 3) RGB, points are (x, y) in pixels."""

    title: str
    image: np.ndarray
    centre: tuple[float, float]
    shifted: Sequence[tuple[float, float]]
    rotated_patches: np.ndarray  # (N, m, m, 3)
    shifted_patches: np.ndarray  # (N, m, m, 3)


@styled
def views(cells: Sequence[ViewsOfCell], columns: int = 5) -> Figure:
    """Draw each cell, its rotations (blue panel) and its shifts, dotted at their centres (Fig. 2)."""
    figure = new_figure(WIDE, 1.6 * len(cells), layout="constrained")
    rows = figure.subplots(len(cells), 3, squeeze=False, width_ratios=(1, 2, 2))
    for axes, cell in zip(rows, cells, strict=True):
        _whole_cell(axes[0], cell)
        _patch_panel(axes[1], cell.rotated_patches, columns, BLUE, "rotations")
        _patch_panel(axes[2], cell.shifted_patches, columns, GREEN, "translations")
        _centre_dots(axes[2], len(cell.shifted_patches), cell.shifted_patches.shape[1], columns)
    return figure


def _whole_cell(axes, cell: ViewsOfCell) -> None:
    axes.imshow(cell.image)
    side = cell.rotated_patches.shape[1]
    corner = (cell.centre[0] - side / 2, cell.centre[1] - side / 2)
    axes.add_patch(Rectangle(corner, side, side, fill=False, edgecolor="black", linestyle="--", linewidth=0.8))
    axes.scatter(*zip(*cell.shifted, strict=True), s=7, color=YELLOW, edgecolor="black", linewidth=0.4)
    axes.set_title(clean(cell.title, 34), loc="left", fontsize=7)
    axes.axis("off")


def _patch_panel(axes, patches: np.ndarray, columns: int, colour: str, title: str) -> None:
    axes.imshow(grid(patches, columns, GAP, 255))
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.set_title(title, color=colour, fontsize=8)
    for spine in axes.spines.values():
        spine.set(visible=True, color=colour, linewidth=2)


def _centre_dots(axes, count: int, side: int, columns: int) -> None:
    index = np.arange(count)
    x = index % columns * (side + GAP) + (side - 1) / 2
    y = index // columns * (side + GAP) + (side - 1) / 2
    axes.scatter(x, y, s=7, color=YELLOW, edgecolor="black", linewidth=0.4)


@styled
def examples(classes: Sequence[tuple[str, int, Sequence[np.ndarray]]], micrometres: float | None = None) -> Figure:
    """Draw examples of every class, all at one scale (paper: Fig. 4).

    `classes` holds (name, label, whole cell images), of which as many are drawn as fit on one line;
    `micrometres` is the size of a pixel where known.
    """
    scale = WIDE / EXAMPLES_PIXELS
    rows = []
    for name, label, images in classes:
        ends = np.cumsum([image.shape[1] * scale + SPACE for image in images])
        fitting = max(1, int((ends <= WIDE).sum()))
        kind = ("normal", "abnormal")[label]
        heading = name if name == kind else f"{name} ({kind})"
        rows.append(Row(heading, [Picture(image) for image in images[:fitting]], (BLUE, RED)[label]))
    return flow(rows, WIDE, scale, micrometres)


@styled
def scored_patches(columns: Sequence[tuple[str, Sequence[tuple[np.ndarray, str, float]]]]) -> Figure:
    """Draw patches under their class, with their abnormality scores (paper: Fig. 8 and 9).

    `columns` holds (class name, [(patch, cell id, score), ...]); the longest column sets the rows.
    """
    depth = max(len(cells) for _, cells in columns)
    figure = new_figure(1.75 * len(columns), 2.05 * depth + 0.2, layout="constrained")
    grid_axes = figure.subplots(depth, len(columns), squeeze=False)
    for axis in grid_axes.flat:
        axis.axis("off")
    for column, (name, cells) in enumerate(columns):
        for row, (patch, cell_id, score) in enumerate(cells):
            axes = grid_axes[row, column]
            axes.imshow(patch)
            head = f"{clean(name, 24)}\n" if row == 0 else ""
            axes.set_title(f"{head}score {score:.2f}", fontsize=8)
            axes.text(0.5, -0.03, clean(cell_id, 26), fontsize=6.5, ha="center", va="top", transform=axes.transAxes)
    return figure


@dataclass(frozen=True)
class Missed:
    """A misclassified cell with its whole image."""

    image: np.ndarray
    cell_id: str
    class_name: str
    score: float
    label: int


@styled
def misclassified(cells: Sequence[Missed], total: tuple[int, int], micrometres: float | None = None) -> Figure:
    """Draw misclassified cells at one scale, false negatives first (paper: Fig. 10).

    `total` counts the false negatives and false positives there are, drawn or not.
    """
    rows = []
    for label, heading in ((1, "abnormal called normal"), (0, "normal called abnormal")):
        pictures = [
            Picture(cell.image, f"{clean(cell.class_name, 20)}\n{clean(cell.cell_id, 24)}\nscore {cell.score:.2f}")
            for cell in cells
            if cell.label == label
        ]
        count = total[1 - label]
        shown = "" if len(pictures) == count else f", the {len(pictures)} furthest from the threshold shown"
        rows.append(Row(f"{heading}: {count}{shown}", pictures, (BLUE, RED)[label]))
    return flow(rows, WIDE, WIDE / MISSED_PIXELS, micrometres)
