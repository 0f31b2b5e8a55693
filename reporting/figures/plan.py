"""A figure on its way into the report: drawn, or left out with the reason."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from reporting.notes import labels
from scoring.results import RunResult


class LeftOutError(Exception):
    """A figure cannot be drawn; the message says why, as the end of 'Left out: ...'."""


@dataclass(frozen=True)
class Plan:
    """A figure to draw.

    Attributes
    ----------
    name : str
        File stem, unique in a report.
    title : str
        Begins with the paper's figure number where there is one.
    caption : str
    draw : callable
        Gives the Figure, or raises `LeftOutError`.
    photo : bool
        True where it is made of the cells' own pictures, to be embedded as JPEG and not as SVG.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[], Figure]
    photo: bool = False


def slug(text: str) -> str:
    """A run's name as the part of a file name or of an HTML id."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text)[:60] or "run"


def per_run(runs: Sequence[RunResult], number: int, name: str) -> tuple[str, str]:
    """File stem and the end of the title for a figure of the run `number` alone."""
    if len(runs) == 1:
        return name, ""
    return f"{name}-{number + 1}-{slug(runs[number].name)}", f" ({labels(runs)[number]})"


def has_seven(run: RunResult) -> bool:
    """Whether every cell of the data set has one of the seven classes."""
    return all(row.class7 is not None for row in run.cells.values())


def class_names(run: RunResult) -> list[tuple[int, str, int]]:
    """The classes of a run's data set that have cells: (class7 or label, name, label), in order."""
    by_seven = has_seven(run)
    found = {(row.class7 if by_seven else row.label): (row.class_name, row.label) for row in run.cells.values()}
    plain = ("normal", "abnormal")
    return [(index, name or plain[label], label) for index, (name, label) in sorted(found.items())]
