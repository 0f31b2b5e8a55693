"""Fig. 8 and 9: abnormal and normal cells that were classified correctly."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from deeppap.report.figures.cell_pictures import CellPictures
from deeppap.report.figures.plan import LeftOutError, Plan, plan_of_run
from deeppap.report.figures.style import clean, new_figure, styled
from deeppap.scoring.results import RunResult
from deeppap.stats.classes import classes_of, ids_of_class
from deeppap.stats.metrics import right

FIGURES = {
    1: ("fig8-abnormal", "Fig. 8. Abnormal cells classified correctly"),
    0: ("fig9-normal", "Fig. 9. Normal cells classified correctly"),
}
CAPTION = (
    "Patches on the nucleus with their abnormality scores. Upper row: the cell with the median score among "
    "those of its class that were classified correctly; lower row: the least certain one."
)

ScoredPatch = tuple[np.ndarray, str, float]  # uint8 (128, 128, 3) RGB, cell id, score


def plan_abnormal(runs: Sequence[RunResult], number: int, pictures: CellPictures) -> Plan:
    """Fig. 8: two cells of every abnormal class."""
    return _plan(runs, number, pictures, 1)


def plan_normal(runs: Sequence[RunResult], number: int, pictures: CellPictures) -> Plan:
    """Fig. 9: two cells of every normal class."""
    return _plan(runs, number, pictures, 0)


def _plan(runs: Sequence[RunResult], number: int, pictures: CellPictures, label: int) -> Plan:
    name, title = FIGURES[label]

    def picture() -> Figure:
        return draw(_columns(runs[number], pictures, label))

    return plan_of_run(runs, number, name, title, CAPTION, picture, photo=True)


def _columns(run: RunResult, pictures: CellPictures, label: int) -> list[tuple[str, list[ScoredPatch]]]:
    score_of = {cell: score for fold in run.folds for cell, score in zip(fold.ids, fold.scores, strict=True)}
    columns = []
    for shown in classes_of(run):
        if shown.label != label:
            continue
        ids = [cell for cell in ids_of_class(run, shown.index) if cell in score_of and right(label, score_of[cell])]
        if not ids:
            continue
        ranked = sorted(ids, key=lambda cell: (abs(score_of[cell] - label), cell))  # the surest first
        chosen = dict.fromkeys((ranked[len(ranked) // 2], ranked[-1]))  # a class of one cell shows it once
        columns.append((shown.name, [(pictures.patch(cell), cell, float(score_of[cell])) for cell in chosen]))
    if not columns:
        raise LeftOutError("no such cell was classified correctly")
    return columns


@styled
def draw(columns: Sequence[tuple[str, Sequence[ScoredPatch]]]) -> Figure:
    """Draw patches under their class, with their abnormality scores; the longest column sets the rows."""
    depth = max(len(cells) for _, cells in columns)
    figure = new_figure(1.75 * len(columns), 2.05 * depth + 0.2, layout="constrained")
    places = figure.subplots(depth, len(columns), squeeze=False)
    for axes in places.flat:
        axes.axis("off")
    for column, (name, cells) in enumerate(columns):
        for row, (patch, cell_id, score) in enumerate(cells):
            axes = places[row, column]
            axes.imshow(patch)
            head = f"{clean(name, 24)}\n" if row == 0 else ""
            axes.set_title(f"{head}score {score:.2f}", fontsize=8)
            axes.text(0.5, -0.03, clean(cell_id, 26), fontsize=6.5, ha="center", va="top", transform=axes.transAxes)
    return figure
