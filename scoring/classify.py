"""Scoring single cells of one's own with a trained model."""

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np

from common.errors import UserError
from common.run_folder import read_config
from data_prep.cells import Cell
from data_prep.image_file import image_size
from data_prep.manifest import inside, manifest_rows
from data_prep.mean_image import read_mean
from data_prep.prepare import run_profile
from engines.caffe_engine import CaffeScorer
from engines.device import gpu_number
from scoring.open_fold import Refusal, find_deploy, selected_model
from scoring.score_cells import CellScore, Counts, score_cells

COLUMNS = ("image", "nucleus_x", "nucleus_y")


def cell_at(image: Path, x: float, y: float, number: int) -> Cell:
    """An unlabelled cell (label 0 stands for nothing here) with its nucleus centre at pixel (x, y).

    Raises
    ------
    UserError
        If the centre lies outside the image.
    """
    height, width = image_size(image)
    if not (-0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5):
        raise UserError(image, f"a centre inside its {width} x {height} pixels", f"{x:g},{y:g}", "Give X,Y, 0-based.")
    return Cell(f"{image.stem}_{number}", image, 0, None, (x, y), None)


def cells_of_csv(path: Path) -> list[Cell]:
    """Cells of a CSV with the columns image, nucleus_x, nucleus_y; images relative to it."""
    cells = []
    for line, row in manifest_rows(path, COLUMNS):
        try:
            x, y = float(row["nucleus_x"]), float(row["nucleus_y"])
        except ValueError:
            found = f"{row['nucleus_x']}, {row['nucleus_y']}"
            raise UserError(f"{path}, line {line}", "two numbers", found, "Give pixels, 0-based.") from None
        cells.append(cell_at(inside(path.parent, row["image"], f"{path}, line {line}"), x, y, len(cells)))
    return cells


def classify(folder: Path, cells: Sequence[Cell], views: int, gpu: str | None) -> Iterator[CellScore]:
    """Score cells with the model and the mean image of a trained fold, in the cells' order."""
    config = read_config(folder.resolve().parent)
    profile, mean = run_profile(config), read_mean(folder / "mean.binaryproto")
    model = selected_model(folder, Refusal(False, print), lambda line: print(line, file=sys.stderr))
    scorer = CaffeScorer(find_deploy(folder, config), model, gpu_number(gpu))
    counts = Counts(views, profile.crops)
    return score_cells(scorer, cells, mean, scorer.crop, profile.test, counts, config.seed)


def to_csv(scores: Iterable[CellScore], file: TextIO) -> None:
    """Write image, centre, P(abnormal), its spread over views, and the class at threshold 0.5."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["image", "nucleus_x", "nucleus_y", "score", "spread", "class"])
    for s in scores:
        kind = "abnormal" if s.score >= 0.5 else "normal"
        row = [s.cell.image, *(f"{v:g}" for v in s.cell.centre), f"{s.score:.6f}", f"{np.std(s.view_scores):.6f}", kind]
        writer.writerow(row)
