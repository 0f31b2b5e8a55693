"""The pictures of a run's cells, read from its data set."""

from functools import cached_property
from pathlib import Path

import numpy as np

from data_prep.cells import Cell
from data_prep.dataset import as_recorded, open_datasets
from data_prep.pixel_size import read_cell_image
from data_prep.views import PATCH, View, neighbourhood, render
from deeppap.io.caffe_messages import ROOT
from deeppap.io.errors import UserError
from deeppap.report.figures.style import LeftOutError
from deeppap.scoring.results import RunResult

STRAIGHT = View(0, 0, 0)


class CellPictures:
    """The pictures of a run's cells at the net's pixel size, as long as its data set is where it was and the same."""

    def __init__(self, run: RunResult):
        self.run = run

    @cached_property
    def _cells(self) -> dict[str, Cell] | str:
        """The cells by id, or why there are none."""
        facts = self.run.record.dataset
        # a path without a root is meant from where the tool was started, most often the project's folder
        found = [
            [place for place in (Path(path), ROOT / path) if path != "." and place.exists()] for path in facts.paths
        ]
        if not all(found):
            return f"the data set is no longer at {facts.path}"
        try:
            own = self.run.record.classes == "own"
            dataset = open_datasets([places[0] for places in found], allow_partial=True, own=own)
            same = dataset.dataset_sha() == facts.dataset_sha
        except (UserError, OSError) as error:
            return f"the data set cannot be read ({error})"
        if not same:
            return f"the data set at {facts.path} is not the one this run was made from"
        return as_recorded(dataset, facts).by_id()

    def cell(self, cell_id: str) -> Cell:
        """One cell; LeftOutError where the data set is gone or another one."""
        if isinstance(self._cells, str):
            raise LeftOutError(self._cells)
        if cell_id not in self._cells:
            raise LeftOutError(f"the data set has no cell {cell_id}")
        return self._cells[cell_id]

    def image(self, cell_id: str) -> np.ndarray:
        """The cell's image, uint8 (H, W, 3) RGB; of a field with several cells, the part that its views can reach."""
        return self.image_and_centre(cell_id)[0]

    def image_and_centre(self, cell_id: str) -> tuple[np.ndarray, tuple[float, float]]:
        """The same picture, and where in it the nucleus lies, (x, y) in pixels."""
        cell = self.cell(cell_id)
        image, centre = self._as_scored(cell)
        # a whole field around one small cell would show little of it
        if sum(other.image == cell.image for other in self._cells.values()) > 1:
            image, centre = neighbourhood(image, centre)
        return image[..., ::-1], centre

    def neighbourhood(self, cell_id: str) -> np.ndarray:
        """The part of the cell's image that its views can reach, uint8 (H, W, 3) RGB."""
        return neighbourhood(*self._as_scored(self.cell(cell_id)))[0][..., ::-1]

    def patch(self, cell_id: str, view: View = STRAIGHT) -> np.ndarray:
        """One view at the patch's own size, uint8 (128, 128, 3) RGB."""
        image, centre = self._as_scored(self.cell(cell_id))
        # a view is rendered at twice the patch's size, for the net: the mean of 2 x 2 pixels undoes it
        twice = render(image, centre, view._replace(border=self.run.record.border))
        return twice.reshape(PATCH, 2, PATCH, 2, 3).mean((1, 3)).round().astype(np.uint8)[..., ::-1]

    def micrometres(self) -> float | None:
        """The side of a pixel of these pictures; None where nobody says."""
        return self.run.record.dataset.pixel_um

    def _as_scored(self, cell: Cell) -> tuple[np.ndarray, tuple[float, float]]:
        """A cell's image, uint8 (H, W, 3) BGR, and its centre in it, as they came before the nets."""
        image = read_cell_image(cell.image, cell.scale)
        return image.pixels, image.place(cell.centre)
