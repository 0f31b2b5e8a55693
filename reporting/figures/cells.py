"""Plans of the figures made of one run's cells: Fig. 2, 4, 8, 9 and 10."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from common.caffe_messages import ROOT
from common.errors import UserError
from data_prep.cells import Cell
from data_prep.dataset import open_dataset
from data_prep.image_file import read_image
from data_prep.views import PATCH, Grid, View, plan_view, render
from reporting.figures.plan import LeftOutError, Plan, class_names, has_seven, per_run
from reporting.plots import cells as figures
from scoring.results import RunResult

EXAMPLES, MISSED = 12, 12  # candidates a class in Fig. 4; cells a kind of error in Fig. 10
SHOWN_VIEWS = 10
STRAIGHT = View(0, 0, 0)


class CellPictures:
    """The pictures of a run's cells, as long as its data set is where it was and still the same."""

    def __init__(self, run: RunResult):
        self.run = run

    @cached_property
    def _cells(self) -> dict[str, Cell] | str:
        """The cells by id, or why there are none."""
        facts = self.run.run["dataset"]
        given = Path(str(facts.get("path", "")))
        places = [place for place in (given, ROOT / given) if str(given) != "." and place.exists()]
        if not places:
            return f"the data set is no longer at {given}"
        try:
            dataset = open_dataset(places[0], allow_partial=True)
            same = dataset.fingerprint() == facts.get("fingerprint")
        except (UserError, OSError) as error:
            return f"the data set cannot be read ({error})"
        return dataset.by_id() if same else f"the data set at {given} is not the one this run was made from"

    def cell(self, cell_id: str) -> Cell:
        """One cell; LeftOutError where the data set is gone or another one."""
        if isinstance(self._cells, str):
            raise LeftOutError(self._cells)
        if cell_id not in self._cells:
            raise LeftOutError(f"the data set has no cell {cell_id}")
        return self._cells[cell_id]

    def image(self, cell_id: str) -> np.ndarray:
        """The whole image, uint8 (H, W, 3) RGB."""
        return read_image(self.cell(cell_id).image)[..., ::-1]

    def patch(self, cell_id: str, view: View = STRAIGHT) -> np.ndarray:
        """One view at the patch's own size, uint8 (128, 128, 3) RGB."""
        cell = self.cell(cell_id)
        twice = render(read_image(cell.image), cell.centre, view)
        return twice.reshape(PATCH, 2, PATCH, 2, 3).mean((1, 3)).round().astype(np.uint8)[..., ::-1]


def micrometres(run: RunResult) -> float | None:
    """The size of a pixel, known for Herlev alone."""
    return figures.HERLEV_MICROMETRES if run.run["dataset"].get("name") == "herlev" else None


def plan_cells(runs: Sequence[RunResult], number: int) -> list[Plan]:
    """Fig. 2, 4, 8, 9 and 10 of one run; without 2 and 4 where an earlier run has shown the same data set."""
    run, pictures = runs[number], CellPictures(runs[number])
    of_data = (
        (
            "fig2-views",
            "Fig. 2. Views of an abnormal and a normal cell",
            VIEWS,
            lambda: _views(run, pictures),
        ),
        ("fig4-examples", "Fig. 4. Examples of every class", EXAMPLE, lambda: _examples(run, pictures)),
    )
    of_scores = (
        (
            "fig8-abnormal",
            "Fig. 8. Abnormal cells classified correctly",
            RIGHT,
            lambda: _right(run, pictures, 1),
        ),
        ("fig9-normal", "Fig. 9. Normal cells classified correctly", RIGHT, lambda: _right(run, pictures, 0)),
        ("fig10-misclassified", "Fig. 10. Misclassified cells", WRONG, lambda: _wrong(run, pictures)),
    )
    shown = any(run.run["dataset"] == earlier.run["dataset"] for earlier in runs[:number])
    plans = []
    for name, title, caption, draw in of_scores if shown else of_data + of_scores:
        stem, end = per_run(runs, number, name)
        plans.append(Plan(stem, title + end, caption, draw, photo=True))
    return plans


VIEWS = (
    "Left: the cell's image with the 128 × 128 patch around its nucleus centre (dashed) and shifted "
    "centres (yellow). Blue: rotations. Green: translations by up to 10 pixels, with the centre of each "
    "patch in yellow."
)
EXAMPLE = "Cells spread evenly over each class's ids, all at one scale."
RIGHT = (
    "Patches on the nucleus with their abnormality scores. Upper row: the cell with the median score among "
    "those of its class that were classified correctly; lower row: the least certain one."
)
WRONG = "Misclassified cells with their abnormality scores, the worst first, all at one scale."


def _views(run: RunResult, pictures: CellPictures) -> Figure:
    shown, seed = [], run.run.get("seed")
    for label, kind in ((1, "abnormal"), (0, "normal")):
        ids = sorted(row.id for row in run.cells.values() if row.label == label)
        if ids:
            shown.append(_views_of(pictures, ids[len(ids) // 2], kind, seed if isinstance(seed, int) else 0))
    return figures.views(shown)


def _views_of(pictures: CellPictures, cell_id: str, kind: str, seed: int) -> figures.ViewsOfCell:
    x, y = centre = pictures.cell(cell_id).centre
    grid = Grid(SHOWN_VIEWS, SHOWN_VIEWS)  # its first ten views are the ten translations at angle 0
    shifts = [plan_view(cell_id, "train", grid, index, seed) for index in range(SHOWN_VIEWS)]
    turns = [View(360 / SHOWN_VIEWS * index, 0, 0) for index in range(SHOWN_VIEWS)]
    rotated, shifted = (np.stack([pictures.patch(cell_id, view) for view in views]) for views in (turns, shifts))
    points = [(x + view.dx, y + view.dy) for view in shifts]
    return figures.ViewsOfCell(f"{kind}: {cell_id}", pictures.image(cell_id), centre, points, rotated, shifted)


def _of_class(run: RunResult, index: int) -> list[str]:
    return sorted(r.id for r in run.cells.values() if (r.class7 if has_seven(run) else r.label) == index)


def _examples(run: RunResult, pictures: CellPictures) -> Figure:
    classes = []
    for index, name, label in class_names(run):
        ids = _of_class(run, index)
        chosen = [ids[i] for i in np.unique(np.linspace(0, len(ids) - 1, EXAMPLES).round().astype(int))]
        # the image files come sorted by session: begin in the middle of the class, not at one end
        chosen = chosen[len(chosen) // 2 :] + chosen[: len(chosen) // 2]
        classes.append((name, label, [pictures.image(cell) for cell in chosen]))
    return figures.examples(classes, micrometres(run))


def _right(run: RunResult, pictures: CellPictures, label: int) -> Figure:
    scores = {cell: score for fold in run.folds for cell, score in zip(fold.ids, fold.scores, strict=True)}
    columns = []
    for index, name, of_label in class_names(run):
        right = [i for i in _of_class(run, index) if i in scores and (scores[i] >= 0.5) == bool(label)]
        if of_label != label or not right:
            continue
        ranked = sorted(right, key=lambda i: (abs(scores[i] - label), i))
        chosen = dict.fromkeys((ranked[len(ranked) // 2], ranked[-1]))
        columns.append((name, [(pictures.patch(i), i, float(scores[i])) for i in chosen]))
    if not columns:
        raise LeftOutError("no such cell was classified correctly")
    return figures.scored_patches(columns)


def _wrong(run: RunResult, pictures: CellPictures) -> Figure:
    if not run.folds:
        raise LeftOutError("no fold is scored")
    scores, labels = run.pooled("scores"), run.pooled("labels")
    wrong = [i for i in np.argsort(-np.abs(scores - 0.5), kind="stable") if (scores[i] >= 0.5) != labels[i]]
    if not wrong:
        raise LeftOutError("no scored cell was misclassified")
    shown, totals = [], []
    for label in (1, 0):
        of_label = [i for i in wrong if labels[i] == label]
        totals.append(len(of_label))
        for i in of_label[:MISSED]:
            row = run.cells[run.ids[i]]
            name = row.class_name or ("normal", "abnormal")[label]
            shown.append(figures.Missed(pictures.image(row.id), row.id, name, float(scores[i]), label))
    return figures.misclassified(shown, (totals[0], totals[1]), micrometres(run))
