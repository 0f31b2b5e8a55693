"""Fig. 10: misclassified cells, the worst first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from deeppap.report.figures.cell_pictures import CellPictures
from deeppap.report.figures.mosaic import Picture, Row, flow
from deeppap.report.figures.plan import LeftOutError, Plan, plan_of_run
from deeppap.report.figures.style import KIND_COLOURS, WIDE, clean, styled
from deeppap.scoring.results import RunResult
from deeppap.stats.classes import KINDS
from deeppap.stats.metrics import THRESHOLD, right

TITLE = "Fig. 10. Misclassified cells"
CAPTION = "Misclassified cells with their abnormality scores, the worst first, all at one scale."
SHOWN = 12  # cells a kind of error
PIXELS_ACROSS = 1100  # image pixels across the page's width


def plan(runs: Sequence[RunResult], number: int, pictures: CellPictures) -> Plan:
    """The abnormal ones called normal, then the normal ones called abnormal."""

    def picture() -> Figure:
        missed, totals = _missed(runs[number], pictures)
        return draw(missed, totals, pictures.micrometres())

    return plan_of_run(runs, number, "fig10-misclassified", TITLE, CAPTION, picture, photo=True)


@dataclass(frozen=True)
class Missed:
    """A misclassified cell with its whole image."""

    image: np.ndarray
    cell_id: str
    class_name: str
    score: float
    label: int


def _missed(run: RunResult, pictures: CellPictures) -> tuple[list[Missed], tuple[int, int]]:
    """The cells to draw, and how many false negatives and false positives there are in all."""
    if not run.folds:
        raise LeftOutError("no fold is scored")
    scores, labels = run.pooled("scores"), run.pooled("labels")
    worst_first = np.argsort(-np.abs(scores - THRESHOLD), kind="stable")
    wrong = worst_first[~right(labels, scores)[worst_first]]
    if not len(wrong):
        raise LeftOutError("no scored cell was misclassified")
    negatives, positives = (wrong[labels[wrong] == label] for label in (1, 0))
    missed = []
    for index in (*negatives[:SHOWN], *positives[:SHOWN]):
        row, label = run.cells[run.ids[index]], int(labels[index])
        name = row.class_name or KINDS[label]
        missed.append(Missed(pictures.image(row.id), row.id, name, float(scores[index]), label))
    return missed, (len(negatives), len(positives))


@styled
def draw(cells: Sequence[Missed], total: tuple[int, int], micrometres: float | None = None) -> Figure:
    """Draw misclassified cells at one scale, false negatives first.

    `total` counts the false negatives and false positives there are, drawn or not; `micrometres` is the size of
    a pixel where known.
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
        rows.append(Row(f"{heading}: {count}{shown}", pictures, KIND_COLOURS[label]))
    return flow(rows, WIDE, WIDE / PIXELS_ACROSS, micrometres)
