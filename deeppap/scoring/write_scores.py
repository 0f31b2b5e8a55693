"""Writing scores: scores.csv with one line a cell, view_scores.csv with one line a view."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from deeppap.io.files import complete_or_absent
from deeppap.scoring.cell_score import CellScore


def _number(value: float) -> str:
    return f"{value:.9g}"


def write_rows(path: Path, header: list[str], rows: Iterable[list]) -> None:
    """Write a CSV file, complete or not at all."""
    with complete_or_absent(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def write_scores(path: Path, scores: Sequence[CellScore]) -> None:
    """Write id, class, label, score (mean P(abnormal)), spread over views, and every class's probability."""
    classes = len(scores[0].prob)
    header = ["id", "class7", "label", "score", "spread", *(f"prob_{k}" for k in range(classes))]
    rows = [
        [s.cell.id, "" if s.cell.class7 is None else s.cell.class7, s.cell.label]
        + [_number(v) for v in (s.score, s.spread, *s.prob)]
        for s in scores
    ]
    write_rows(path, header, rows)


def write_view_scores(path: Path, scores: Sequence[CellScore]) -> None:
    """Write every view's angle, shift, mean score over its crops, and score of its centre crop."""
    header = ["id", "view", "angle", "dx", "dy", "score", "score_centre"]
    rows = (
        [s.cell.id, index, _number(view.angle), view.dx, view.dy, _number(score), _number(centre)]
        for s in scores
        for (index, view), score, centre in zip(s.views, s.view_scores, s.centre_scores, strict=True)
    )
    write_rows(path, header, rows)
