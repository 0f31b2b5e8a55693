"""Fig. 4: examples of every class."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from deeppap.report.figures.cell_pictures import CellPictures
from deeppap.report.figures.mosaic import SPACE, Picture, Row, flow
from deeppap.report.figures.plan import Plan, plan_of_run
from deeppap.report.figures.style import KIND_COLOURS, WIDE, styled
from deeppap.scoring.results import RunResult
from deeppap.stats.classes import KINDS, classes_of, ids_of_class

TITLE = "Fig. 4. Examples of every class"
CAPTION = "Cells spread evenly over each class's ids, all at one scale."
CANDIDATES = 12  # of a class; as many are drawn as fit on one line
PIXELS_ACROSS = 1500  # image pixels across the page's width


def plan(runs: Sequence[RunResult], number: int, pictures: CellPictures) -> Plan:
    """One line of cells a class."""

    def picture() -> Figure:
        return draw(_candidates(runs[number], pictures), pictures.micrometres())

    return plan_of_run(runs, number, "fig4-examples", TITLE, CAPTION, picture, photo=True)


def _candidates(run: RunResult, pictures: CellPictures) -> list[tuple[str, int, list[np.ndarray]]]:
    classes = []
    for index, name, label in classes_of(run):
        ids = ids_of_class(run, index)
        chosen = [ids[i] for i in np.unique(np.linspace(0, len(ids) - 1, CANDIDATES).round().astype(int))]
        # the image files come sorted by session: begin in the middle of the class, not at one end
        chosen = chosen[len(chosen) // 2 :] + chosen[: len(chosen) // 2]
        classes.append((name, label, [pictures.image(cell) for cell in chosen]))
    return classes


@styled
def draw(classes: Sequence[tuple[str, int, Sequence[np.ndarray]]], micrometres: float | None = None) -> Figure:
    """Draw examples of every class, all at one scale.

    `classes` holds (name, label, whole cell images), of which as many are drawn as fit on one line;
    `micrometres` is the size of a pixel where known.
    """
    scale = WIDE / PIXELS_ACROSS
    rows = []
    for name, label, images in classes:
        ends = np.cumsum([image.shape[1] * scale + SPACE for image in images])
        fitting = max(1, int((ends <= WIDE).sum()))
        heading = name if name == KINDS[label] else f"{name} ({KINDS[label]})"
        rows.append(Row(heading, [Picture(image) for image in images[:fitting]], KIND_COLOURS[label]))
    return flow(rows, WIDE, scale, micrometres)
