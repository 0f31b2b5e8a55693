"""Figures of the cells' own pictures: views (Fig. 2), examples (4), right (8, 9) and wrong ones (10), heat maps."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import zip_longest

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from data_prep.classes import LABELS
from data_prep.views import Grid, View, plan_view
from deeppap.io.files import read_arrays
from deeppap.report.figures import style
from deeppap.report.figures.cell_pictures import CellPictures
from deeppap.report.figures.mosaic import SPACE, Picture, Row, flow, grid
from deeppap.report.figures.net import READ_AS
from deeppap.report.runs import Run
from deeppap.scoring.heatmaps import FILE as HEATMAPS
from deeppap.stats.metrics import THRESHOLD, right

SHOWN_VIEWS = 10  # rotations, and as many translations
COLUMNS, GAP = 5, 6  # patches side by side in a panel, and pixels between them
CANDIDATES = 12  # examples of a class; as many are drawn as fit on one line
EXAMPLE_PIXELS, CELL_PIXELS = 1500, 1100  # image pixels across the page's width
SHOWN_WRONG = 12  # cells a kind of error
STRONGEST = 0.8  # share of the colour where a heat map is strongest
PEAK = 99.5  # percentile of a heat map that counts as its strongest: a single pixel shall not dim the rest


@style.plot("fig2-views", "Views of an abnormal and a normal cell (paper: Fig. 2)", photo=True)
def views(run: Run, pictures: CellPictures) -> Figure:
    """Left: the cell's image with the 128 × 128 patch around its nucleus centre (dashed) and shifted centres (yellow).
    Blue: rotations. Green: translations by up to 10 pixels, with the centre of each patch in yellow.
    """
    shown = []
    for label in (1, 0):
        ids = sorted(cell.id for cell in run.result.cells.values() if cell.label == label)
        if ids:
            # the middle id: a picture that is the same in every report of this set
            shown.append((LABELS[label], ids[len(ids) // 2]))
    figure = style.new_figure(style.WIDE, 1.6 * len(shown), layout="constrained")
    rows = figure.subplots(len(shown), 3, squeeze=False, width_ratios=(1, 2, 2))
    for axes, (kind, cell) in zip(rows, shown, strict=True):
        _views_of(axes, pictures, cell, kind, run.record.seed)
    return style.of_cells(figure, [cell for _, cell in shown])


def _views_of(axes: Sequence[Axes], pictures: CellPictures, cell: str, kind: str, seed: int) -> None:
    """The whole cell, its rotations and its shifts."""
    image, (x, y) = pictures.image_and_centre(cell)
    plan = Grid(SHOWN_VIEWS, SHOWN_VIEWS)  # its first ten views are the ten translations at angle 0
    shifts = [plan_view(cell, "train", plan, index, seed) for index in range(SHOWN_VIEWS)]
    turns = [View(360 / SHOWN_VIEWS * index, 0, 0) for index in range(SHOWN_VIEWS)]
    rotated, shifted = (np.stack([pictures.patch(cell, view) for view in some]) for some in (turns, shifts))
    side = rotated.shape[1]
    axes[0].imshow(image)
    patch = {"fill": False, "edgecolor": "black", "linestyle": "--", "linewidth": 0.8}
    axes[0].add_patch(Rectangle((x - side / 2, y - side / 2), side, side, **patch))
    dots = {"s": 7, "color": style.YELLOW, "edgecolor": "black", "linewidth": 0.4}
    axes[0].scatter([x + view.dx for view in shifts], [y + view.dy for view in shifts], **dots)
    # on two lines: on one it would reach into the rotations
    axes[0].set_title(f"{kind}\n{style.clean(cell, 24)}", loc="left", fontsize=7)
    axes[0].axis("off")
    _patch_panel(axes[1], rotated, style.BLUE, "rotations")
    _patch_panel(axes[2], shifted, style.GREEN, "translations")
    # the nucleus itself has moved away from the centre of its patch
    index = np.arange(len(shifted))
    middle = (side - 1) / 2
    axes[2].scatter(index % COLUMNS * (side + GAP) + middle, index // COLUMNS * (side + GAP) + middle, **dots)


def _patch_panel(axes: Axes, patches: np.ndarray, colour: str, title: str) -> None:
    axes.imshow(grid(patches, COLUMNS, GAP, 255))
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.set_title(title, color=colour, fontsize=8)
    for spine in axes.spines.values():
        spine.set(visible=True, color=colour, linewidth=2)


@style.plot("fig4-examples", "Examples of every class (paper: Fig. 4)", photo=True)
def examples(run: Run, pictures: CellPictures) -> Figure:
    """Cells spread evenly over each class's ids, all at one scale."""
    scale, rows = style.WIDE / EXAMPLE_PIXELS, []
    for one in run.classes:
        ids = run.ids_of_class(one)
        chosen = [ids[i] for i in np.unique(np.linspace(0, len(ids) - 1, CANDIDATES).round().astype(int))]
        # the image files come sorted by session: begin in the middle of the class, not at one end
        chosen = chosen[len(chosen) // 2 :] + chosen[: len(chosen) // 2]
        images = [pictures.image(cell) for cell in chosen]
        ends = np.cumsum([image.shape[1] * scale + SPACE for image in images])
        fitting = max(1, int((ends <= style.WIDE).sum()))
        heading = one.name if one.name == one.label else f"{one.name} ({one.label})"
        rows.append(
            Row(heading, [Picture(image) for image in images[:fitting]], style.KIND_COLOURS[LABELS.index(one.label)])
        )
    return flow(rows, style.WIDE, scale, pictures.micrometres())


@style.plot("fig8-abnormal", "Abnormal cells classified correctly (paper: Fig. 8)", photo=True)
def right_abnormal(run: Run, pictures: CellPictures, label: int = 1) -> Figure:
    """Patches on the nucleus with their abnormality scores. Upper row: the cell with the median score among those of
    its class that were classified correctly; lower row: the least certain one.
    """
    score_of = dict(zip(run.result.ids, run.scores.tolist(), strict=True)) if run.folds else {}
    columns = []
    for kind in run.classes:
        ids = run.ids_of_class(kind) if kind.label == LABELS[label] else []
        ids = [cell for cell in ids if cell in score_of and right(label, score_of[cell])]
        if ids:
            ranked = sorted(ids, key=lambda cell: (abs(score_of[cell] - label), cell))  # the surest first
            # a class of one cell shows it once
            columns.append((kind.name, list(dict.fromkeys((ranked[len(ranked) // 2], ranked[-1])))))
    if not columns:
        raise style.LeftOutError("no such cell was classified correctly")
    depth = max(len(cells) for _, cells in columns)
    figure = style.new_figure(1.75 * len(columns), 2.05 * depth + 0.2, layout="constrained")
    places = figure.subplots(depth, len(columns), squeeze=False)
    for axes in places.flat:
        axes.axis("off")
    for column, (name, cells) in enumerate(columns):
        for row, cell in enumerate(cells):
            axes = places[row, column]
            axes.imshow(pictures.patch(cell))
            head = f"{style.clean(name, 24)}\n" if row == 0 else ""
            axes.set_title(f"{head}score {score_of[cell]:.2f}", fontsize=8)
            axes.text(0.5, -0.03, style.clean(cell, 26), fontsize=6.5, ha="center", va="top", transform=axes.transAxes)
    in_order = [cell for row in zip_longest(*(cells for _, cells in columns)) for cell in row if cell]
    return style.of_cells(figure, in_order)


right_normal = replace(
    right_abnormal,
    name="fig9-normal",
    title="Normal cells classified correctly (paper: Fig. 9)",
    draw=partial(right_abnormal.draw, label=0),
)


@style.plot("fig10-misclassified", "Misclassified cells (paper: Fig. 10)", photo=True)
def misclassified(run: Run, pictures: CellPictures) -> Figure:
    """Misclassified cells with their abnormality scores, the worst first, all at one scale."""
    if not run.folds:
        raise style.LeftOutError("no fold is scored")
    # stable: equal scores keep the order of the cells, and the page its bytes
    worst_first = np.argsort(-np.abs(run.scores - THRESHOLD), kind="stable")
    wrong = worst_first[~right(run.labels, run.scores)[worst_first]]
    if not len(wrong):
        raise style.LeftOutError("no scored cell was misclassified")
    rows, named = [], []
    for label, heading in ((1, "abnormal called normal"), (0, "normal called abnormal")):
        found = wrong[run.labels[wrong] == label]
        cells = [run.result.ids[index] for index in found[:SHOWN_WRONG]]
        named += cells
        texts = [_text(run, cell, score) for cell, score in zip(cells, run.scores[found], strict=False)]
        shown = [Picture(pictures.image(cell), text) for cell, text in zip(cells, texts, strict=True)]
        only = "" if len(found) == len(cells) else f", the {len(cells)} furthest from the threshold shown"
        rows.append(Row(f"{heading}: {len(found)}{only}", shown, style.KIND_COLOURS[label]))
    return style.of_cells(flow(rows, style.WIDE, style.WIDE / CELL_PIXELS, pictures.micrometres()), named)


def _text(run: Run, cell: str, score: float) -> str:
    """The lines under a cell's picture."""
    row = run.result.cells[cell]
    return f"{style.clean(row.class_name or LABELS[row.label], 20)}\n{style.clean(cell, 24)}\nscore {score:.2f}"


@style.plot("heatmaps", "Where the score comes from", photo=True)
def heatmaps(run: Run, pictures: CellPictures) -> Figure:
    """Each cell beside its heat map. Orange places speak for abnormal, blue places for normal; each cell has its own
    scale. The evidence is conv3's gradient times its output, averaged over views and crops. It shows what the net
    used, not what is wrong with a cell.
    """
    fold = next((fold for fold in run.folds if (fold.folder / HEATMAPS).exists()), None)
    if fold is None:
        raise style.LeftOutError(f"no fold has {HEATMAPS}")
    shown: dict[bool, list[Picture]] = {True: [], False: []}
    named: dict[bool, list[str]] = {True: [], False: []}
    arrays = read_arrays(fold.folder / HEATMAPS, *READ_AS)
    for number in range(len(arrays) // 2):
        cell, heat = str(arrays[f"id_{number}"]), arrays[f"heat_{number}"]
        index = fold.ids.index(cell)
        picture = pictures.neighbourhood(cell)
        # the data set may have been made anew since the fold was scored
        if picture.shape[:2] != heat.shape:
            raise style.LeftOutError(f"{HEATMAPS} is not of these pictures")
        is_right = bool(right(fold.labels[index], fold.scores[index]))
        named[is_right].append(cell)
        shown[is_right].append(heatmap_pair(picture, heat, _text(run, cell, float(fold.scores[index]))))
    rows = []
    for is_right, heading in ((True, "classified correctly"), (False, "misclassified")):
        rows.append(Row(heading if shown[is_right] else f"{heading}: none", shown[is_right]))
    return style.of_cells(heatmap_page(rows, pictures.micrometres()), named[True] + named[False])


def heatmap_page(rows: Sequence[Row], micrometres: float | None = None) -> Figure:
    """Rows of pictures, all at one scale; `micrometres` is the size of a pixel, if known."""
    with mpl.rc_context(style.STYLE):
        return flow(rows, style.WIDE, style.WIDE / CELL_PIXELS, micrometres)


def heatmap_pair(picture: np.ndarray, heat: np.ndarray, text: str) -> Picture:
    """A cell's picture, uint8 (H, W, 3) RGB, beside itself under its heat map, float (H, W)."""
    # three white columns part the picture from its heat map
    gap = np.full((len(picture), 3, 3), 255, np.uint8)
    return Picture(np.concatenate([picture, gap, overlay(picture, heat)], axis=1), text)


def overlay(picture: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """A picture, uint8 (H, W, 3) RGB, under the heat of its pixels, float (H, W); each cell on its own scale."""
    # strength is opacity, sign is colour: a place without evidence stays as it is
    size = np.abs(heat.astype(np.float64))
    share = STRONGEST * (size / max(np.percentile(size, PEAK), 1e-12)).clip(0, 1)[..., None]
    normal, abnormal = (255 * np.array(to_rgb(colour)) for colour in style.KIND_COLOURS[:2])
    colour = np.where(heat[..., None] > 0, abnormal, normal)
    return np.rint((1 - share) * picture + share * colour).astype(np.uint8)
