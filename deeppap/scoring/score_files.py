"""The score files of a fold: scores.csv has one line a cell, view_scores.csv a view, ood.csv a cell that was checked.

The record beside scores.csv has its checksum, by which a file that was changed is refused.
"""

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.classes import LABELS, PLAIN, SEVEN, CellClass, class_text
from deeppap.io.errors import UserError
from deeppap.io.files import BROKEN, complete_or_absent, open_text
from deeppap.io.names import CsvWriter, require_printable, to_number, unquoted
from deeppap.scoring.ood import COLUMN, WORDS
from deeppap.scoring.score_cells import CellScore

TEXTS = ("id", "class", "class_name", "group")  # columns whose values people chose
DO = "Score the fold again with tools/cross_validate.py."
VIEW = ["id", "view", "angle", "dx", "dy", "score", "score_centre"]  # columns of view_scores.csv


class Scores(NamedTuple):
    """scores.csv with an entry a cell, in the order of the ids asked for; `classes` as the file has them."""

    labels: np.ndarray
    classes: list[str]
    numbers: np.ndarray  # float64 (n, 2 + K): score, spread, and the probability of each output


class ViewScores(NamedTuple):
    """view_scores.csv as arrays (n cells, V views).

    `angles` in degrees and the shifts `dx`, `dy` in pixels of the original image; `scores` the mean over a
    view's crops, `centre` the centre crop's alone.
    """

    angles: np.ndarray
    dx: np.ndarray
    dy: np.ndarray
    scores: np.ndarray
    centre: np.ndarray


def scores_name(shift: int = 0, suffix: str = "") -> str:
    """The name of a fold's score file, with every true centre moved by up to `shift` pixels.

    `suffix` tells scores apart that are not made as the run's own (`deeppap.scoring.evaluate_fold.file_suffix`).
    """
    return f"scores{f'_shift{shift}' if shift else ''}{suffix}.csv"


def columns(outputs: Sequence[CellClass]) -> list[str]:
    """The columns of scores.csv of a net with these outputs: a net of own classes has their names."""
    numbered = outputs in (PLAIN, SEVEN)
    return ["id", "class7" if numbered else "class", "label", "score", "spread", *prob_columns(outputs)]


def prob_columns(outputs: Sequence[CellClass]) -> list[str]:
    """The column of each output's probability."""
    numbered = outputs in (PLAIN, SEVEN)
    return [f"prob_{index if numbered else one.name}" for index, one in enumerate(outputs)]


def read_scores(path: Path, ids: list[str], outputs: Sequence[CellClass]) -> Scores:
    """Read scores.csv of a net with these outputs; it must hold exactly the cells `ids`."""
    names, kind = ["score", "spread", *prob_columns(outputs)], columns(outputs)[1]
    of_cell = {row["id"]: (f"{path}:{line}", row) for line, row in read_rows(path, columns(outputs))}
    # a missing cell would change every figure of the fold without a word
    if others := sorted(of_cell.keys() ^ set(ids)):
        found = f"{len(of_cell)}, {'without' if others[0] in ids else 'with'} {others[0]}"
        raise UserError(path, f"the {len(ids)} cells of this fold of split.json", found, DO)
    rows = [of_cell[cell] for cell in ids]
    labels = [integer(where, "label", row["label"], len(LABELS)) for where, row in rows]
    values = [[number(where, name, row[name]) for name in names] for where, row in rows]
    # the shape is given for a fold without a cell, whose array would have no columns
    numbers = np.array(values, np.float64).reshape(len(rows), len(names))
    return Scores(np.array(labels, np.int64), [row[kind] for _, row in rows], rounded(numbers))


def read_views(path: Path, ids: list[str]) -> ViewScores:
    """Read view_scores.csv; every cell of `ids` must have the same views, by their number in the plan."""
    of_cell: dict[str, dict[int, list[float]]] = {cell: {} for cell in ids}  # by number of the view
    for line, row in read_rows(path, VIEW):
        where = f"{path}:{line}"
        if row["id"] not in of_cell:
            raise UserError(where, "a cell of this fold", row["id"], DO)
        view = integer(where, "view", row["view"], 1_000_000)
        of_cell[row["id"]][view] = [number(where, name, row[name]) for name in VIEW[2:]]
    # the cell with the most views tells which views there are; whoever lacks one of them is refused
    plan = sorted(max(of_cell.values(), key=len, default={}))
    for cell, views in of_cell.items():
        if not plan or sorted(views) != plan:
            raise UserError(path, f"the same {len(plan)} views of every cell", f"{len(views)} of {cell}", DO)
    numbers = np.array([[of_cell[cell][view] for view in plan] for cell in ids])  # (cells, views, the five fields)
    *places, scores, centre = np.moveaxis(numbers, 2, 0)
    return ViewScores(*places, rounded(scores), rounded(centre))


def read_rows(path: Path, columns: list[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV with exactly these columns, each with its line number."""
    try:
        with open_text(path) as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, None)
            if header != columns:
                there = ",".join(header or ["nothing"])[:120]
                raise UserError(path, f"columns {','.join(columns)}", there, DO)
            rows = [(reader.line_num, row) for row in reader]
    except FileNotFoundError:
        raise UserError(path, "a CSV file", "no such file", DO) from None
    except (*BROKEN, OSError, csv.Error, UnicodeDecodeError) as error:
        raise UserError(path, "a CSV file", str(error), DO) from None
    for line, row in rows:
        if len(row) != len(columns):
            raise UserError(f"{path}:{line}", f"{len(columns)} values", f"{len(row)}", DO)
    found = [(line, dict(zip(columns, row, strict=True))) for line, row in rows]
    for name in [name for name in TEXTS if name in columns]:
        for line, row in found:
            row[name] = require_printable(unquoted(row[name]), f"{path}:{line}", name)
    return found


def number(where: str, name: str, text: str) -> float:
    """A finite number."""
    value = to_number(text)
    if not math.isfinite(value):
        raise UserError(where, f"a finite number as {name}", repr(text)[:40], DO)
    return value


def rounded(shares: np.ndarray) -> np.ndarray:
    """Shares within [0, 1]: a mean of float32 values may pass 1 by rounding."""
    return shares.clip(0, 1)


def integer(where: str, name: str, text: str, below: int) -> int:
    """A whole number from 0 to below - 1, written in plain digits."""
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) < below):
        raise UserError(where, f"{name} from 0 to {below - 1}", repr(text)[:40], DO)
    return int(text)


def as_text(value: float) -> str:
    """A number as the score files have it: nine digits are enough for any float32."""
    return f"{value:.9g}"


def write_rows(path: Path, header: list[str], rows: Iterable[list]) -> None:
    """Write a CSV file, complete or not at all."""
    with complete_or_absent(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        CsvWriter(file).writerows([header, *rows])


def write_scores(path: Path, scores: Sequence[CellScore]) -> None:
    """Write id, class, label, score (mean P(abnormal)), spread over views, and every class's probability."""
    outputs = scores[0].outputs
    rows = [
        [s.cell.id, class_text(s.cell.kind, outputs), s.cell.label] + [as_text(v) for v in (s.score, s.spread, *s.prob)]
        for s in scores
    ]
    write_rows(path, columns(outputs), rows)


def write_view_scores(path: Path, scores: Sequence[CellScore]) -> None:
    """Write every view's angle, shift, mean score over its crops, and score of its centre crop."""
    rows = (
        [s.cell.id, index, as_text(view.angle), view.dx, view.dy, as_text(score), as_text(centre)]
        for s in scores
        for (index, view), score, centre in zip(s.views, s.view_scores, s.centre_scores, strict=True)
    )
    write_rows(path, VIEW, rows)


def write_ood(path: Path, scores: Sequence[CellScore]) -> None:
    """Write id, OOD score, and whether the cell is out of distribution."""
    rows = ([s.cell.id, f"{s.ood_score:.4f}", WORDS[s.out_of_distribution]] for s in scores)
    write_rows(path, ["id", "ood_score", COLUMN], rows)
